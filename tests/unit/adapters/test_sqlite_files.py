from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisuite.adapters.sqlite_files import SqliteFiles
from aisuite.errors import BackupFailed, BundleDamaged, RestoreFailed

FILES = SqliteFiles()


def make(path: Path, *statements: str) -> Path:
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        for statement in ("CREATE TABLE notes (id INTEGER PRIMARY KEY, text)", *statements):
            database.execute(statement)
    return path


def copy(source: Path, target: Path) -> None:
    with FILES.freeze(source) as frozen:
        frozen.copy(target)


def notes(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as database:
        return [text for (text,) in database.execute("SELECT text FROM notes ORDER BY id")]


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Path]:
    """A database whose last row lies in the WAL only, and whose writer is in the middle of the next."""
    path = make(tmp_path / "live.db", "INSERT INTO notes VALUES (1, 'one')")
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("PRAGMA wal_autocheckpoint = 0")
        writer.execute("INSERT INTO notes VALUES (2, 'two')")
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("INSERT INTO notes VALUES (3, 'not yet')")
        yield path


def test_a_copy_holds_all_that_was_committed_and_nothing_else(live: Path, tmp_path: Path) -> None:
    copy(live, tmp_path / "copy.db")
    assert notes(tmp_path / "copy.db") == ["one", "two"]
    assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600


def test_what_is_written_after_it_was_frozen_is_not_in_the_copy(tmp_path: Path) -> None:
    path = make(tmp_path / "a.db", "INSERT INTO notes VALUES (1, 'before')")
    with FILES.freeze(path) as frozen, closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("PRAGMA wal_autocheckpoint = 1")
        for number in range(2, 40):  # nobody is held up
            writer.execute("INSERT INTO notes VALUES (?, 'after')", (number,))
        frozen.copy(tmp_path / "copy.db")
    assert notes(tmp_path / "copy.db") == ["before"]
    assert len(notes(path)) == 39


def test_copying_leaves_the_source_and_its_wal_alone(live: Path, tmp_path: Path) -> None:
    wal = live.with_name("live.db-wal")
    before = live.read_bytes(), wal.read_bytes()
    copy(live, tmp_path / "copy.db")
    assert (live.read_bytes(), wal.read_bytes()) == before


def test_a_database_whose_writer_was_killed_is_copied_with_its_wal(live: Path, tmp_path: Path) -> None:
    crashed = tmp_path / "crashed.db"
    for suffix in ("", "-wal"):
        crashed.with_name(crashed.name + suffix).write_bytes(live.with_name(live.name + suffix).read_bytes())
    copy(crashed, tmp_path / "copy.db")
    assert notes(tmp_path / "copy.db") == ["one", "two"]


def test_a_file_that_is_no_database_is_damaged_and_one_that_cannot_be_opened_is_not(tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("Dear reader, " * 100)
    with pytest.raises(BundleDamaged, match="letter: SQLite says"):
        copy(tmp_path / "letter", tmp_path / "copy.db")
    with pytest.raises(BackupFailed, match="unable to open"):
        copy(tmp_path / "nowhere" / "a.db", tmp_path / "copy.db")


def test_nothing_is_copied_over_what_is_there(tmp_path: Path) -> None:
    source, target = make(tmp_path / "a.db"), make(tmp_path / "b.db", "INSERT INTO notes VALUES (1, 'mine')")
    with pytest.raises(BackupFailed, match="File exists"):
        copy(source, target)
    assert notes(target) == ["mine"]


def test_a_database_tells_its_schema_version_and_rows(tmp_path: Path) -> None:
    path = make(tmp_path / "a.db", "PRAGMA user_version = 7", "INSERT INTO notes VALUES (1, 'one'), (2, NULL)")
    content = FILES.examine(path)
    assert (content.schema_version, content.rows) == (7, {"notes": 2})


VALUES = st.none() | st.integers(-(2**63), 2**63 - 1) | st.text(st.characters(codec="utf-8")) | st.binary()


def _content_of(rows: list[tuple[object]], noise: int) -> str:
    """Return the digest of a database in which other rows came and went before."""
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("CREATE TABLE gone (a)")
        database.executemany("INSERT INTO gone VALUES (?)", [("x" * 500,)] * noise)
        database.execute("DROP TABLE gone")
        database.execute("CREATE TABLE kept (a)")
        database.executemany("INSERT INTO kept VALUES (?)", rows)
        return _digest(database)


def _digest(database: sqlite3.Connection) -> str:
    from aisuite.adapters import sqlite_files

    database.text_factory = bytes
    return sqlite_files.read_all(database)[1]


@given(st.lists(st.tuples(VALUES), max_size=8), st.integers(0, 40))
def test_the_same_rows_give_the_same_digest_wherever_they_lie(rows: list[tuple[object]], noise: int) -> None:
    assert _content_of(rows, noise) == _content_of(rows, 0)


@given(st.lists(st.tuples(VALUES), min_size=1, max_size=4), st.data())
def test_another_row_gives_another_digest(rows: list[tuple[object]], data: st.DataObject) -> None:
    changed = [*rows]
    place = data.draw(st.integers(0, len(rows) - 1))
    changed[place] = data.draw(st.tuples(st.integers(0, 99).filter(lambda one: one != rows[place][0])))
    assert _content_of(changed, 0) != _content_of(rows, 0)


FULL_TEXT = "CREATE VIRTUAL TABLE words USING fts5(text, content='notes', content_rowid='id')"
REBUILD = "INSERT INTO words(words) VALUES ('rebuild')"


def test_an_index_of_words_is_content_only_where_it_is_asked_for(tmp_path: Path) -> None:
    row = "INSERT INTO notes VALUES (1, 'one')"
    plain, merged = make(tmp_path / "a.db", row, FULL_TEXT, REBUILD), make(tmp_path / "b.db", row, FULL_TEXT)
    with closing(sqlite3.connect(merged, isolation_level=None)) as database:
        for statement in (REBUILD, REBUILD, "INSERT INTO words(words) VALUES ('optimize')"):
            database.execute(statement)
    assert FILES.examine(plain).content_digest == FILES.examine(merged).content_digest


def test_examining_changes_no_byte(tmp_path: Path) -> None:
    path = make(tmp_path / "a.db", FULL_TEXT, "INSERT INTO notes VALUES (1, 'one')", REBUILD)
    before = path.read_bytes()
    FILES.examine(path)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["a.db"]


def test_a_damaged_index_of_words_is_found(tmp_path: Path) -> None:
    path = make(tmp_path / "a.db", "INSERT INTO notes VALUES (1, 'one')", FULL_TEXT, REBUILD)
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("DELETE FROM words_idx")
        database.execute("DELETE FROM words_data WHERE id > 10")
    with pytest.raises(BundleDamaged, match="SQLite says"):
        FILES.examine(path)


def test_a_row_that_points_nowhere_is_found(tmp_path: Path) -> None:
    path = make(
        tmp_path / "a.db", "CREATE TABLE tags (note REFERENCES notes(id))", "INSERT INTO tags VALUES (9)"
    )  # SQLite looks at it only when it is told to
    with pytest.raises(BundleDamaged, match="points to one that is not there: tags"):
        FILES.examine(path)


def test_a_damaged_page_is_found(tmp_path: Path) -> None:
    path = make(tmp_path / "a.db", *(f"INSERT INTO notes VALUES ({n}, '{'x' * 300}')" for n in range(200)))
    content = bytearray(path.read_bytes())
    content[3 * 4096 : 3 * 4096 + 64] = b"\xff" * 64
    path.write_bytes(content)
    with pytest.raises(BundleDamaged, match="its pages are damaged"):
        FILES.examine(path)


@pytest.fixture
def places(live: Path, tmp_path: Path) -> tuple[Path, Path, Path]:
    """A new database, the place where an old one crashed with rows in its WAL, and where that shall be kept."""
    target = tmp_path / "in-use.db"
    for suffix in ("", "-wal"):
        target.with_name(target.name + suffix).write_bytes(live.with_name(live.name + suffix).read_bytes())
    return make(tmp_path / "new.db", "INSERT INTO notes VALUES (1, 'new')"), target, tmp_path / "in-use.db.pre-1"


def test_a_placed_database_reads_nothing_of_the_old_wal(places: tuple[Path, Path, Path]) -> None:
    source, target, kept = places
    FILES.place(source, target, kept)
    assert notes(target) == ["new"]
    assert notes(kept) == ["one", "two"]
    assert not source.exists()


@pytest.mark.parametrize("dies_in", ["link", "replace", "unlink", "fsync"])
def test_placing_that_was_cut_short_ends_the_same(
    places: tuple[Path, Path, Path], dies_in: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:

        def die(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        owner: object = Path if dies_in in {"replace", "unlink"} else __import__("os")
        patched.setattr(owner, dies_in, die)
        with pytest.raises(KeyboardInterrupt):
            FILES.place(*places)
    FILES.place(*places)
    source, target, kept = places
    assert (notes(target), notes(kept)) == (["new"], ["one", "two"])
    FILES.place(source, target, kept)
    assert (notes(target), notes(kept)) == (["new"], ["one", "two"])


def test_where_there_was_none_nothing_is_kept(tmp_path: Path) -> None:
    source = make(tmp_path / "new.db", "INSERT INTO notes VALUES (1, 'new')")
    FILES.place(source, tmp_path / "in-use.db", tmp_path / "kept.db")
    assert notes(tmp_path / "in-use.db") == ["new"]
    assert not (tmp_path / "kept.db").exists()


def test_a_broken_old_database_does_not_hold_up_the_new_one(places: tuple[Path, Path, Path]) -> None:
    source, target, kept = places
    target.write_bytes(b"no database at all " * 400)
    FILES.place(source, target, kept)
    assert notes(target) == ["new"]
    assert kept.read_bytes().startswith(b"no database")
    assert not target.with_name(target.name + "-wal").exists()


def test_a_database_that_somebody_reads_is_not_replaced(live: Path, tmp_path: Path) -> None:
    source = make(tmp_path / "new.db", "INSERT INTO notes VALUES (1, 'new')")
    with closing(sqlite3.connect(live, isolation_level=None)) as reader, pytest.MonkeyPatch.context() as impatient:
        impatient.setattr("aisuite.adapters.sqlite_files._BUSY", 0.0)
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM notes").fetchone()
        with pytest.raises(RestoreFailed, match=r"in use|locked"):
            FILES.place(source, live, tmp_path / "kept.db")
        assert notes(live) == ["one", "two"]


def test_placing_nothing_where_nothing_is_fails(tmp_path: Path) -> None:
    with pytest.raises(RestoreFailed, match="neither"):
        FILES.place(tmp_path / "a.db", tmp_path / "b.db", tmp_path / "c.db")
