"""Backups of services that exist in these tests only: what is backed up is what is declared."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from aisuite.adapters.bundle_shelf import BundleShelf
from aisuite.adapters.kept_files import LocalFiles
from aisuite.adapters.sqlite_files import FrozenDatabase, SqliteFiles
from aisuite.adapters.workdir import ProjectDir
from aisuite.bundle.kept_state import FILE, describe_state
from aisuite.bundle.model import Kind, Level
from aisuite.errors import AisuiteError, BackupFailed, DiskFull, NotRunning, ProjectLocked, StepFailed, UsageError
from aisuite.ops.backup import BackupDoors, BackupReport, BackupRequest, backup
from aisuite.ops.generations import begin_generation, enter_generation
from aisuite.stack.model import BackupPolicy, ModelFile, Stack, State
from tests.fakes.chat import FakeChat
from tests.fakes.engine import FakeEngine, Program
from tests.fakes.host import FakeHost
from tests.fakes.repository import FolderRepository
from tests.fakes.shelf import FakeShelf
from tests.fakes.stacks import make_service, make_stack
from tests.fakes.vector_store import FakeVectorStore
from tests.unit.ops.deps import make_world

KEY = "k" * 64
HOLD = "http://127.0.0.1:8100/maintenance"


class Sealer:
    """Writes what it was given the wrong way round."""

    def seal(self, source: Path, target: Path) -> None:
        target.write_bytes(source.read_bytes()[::-1])


@dataclass
class Project:
    """A project with a service that keeps a diary, and one that keeps vectors."""

    folder: Path
    stack: Stack
    engine: FakeEngine
    store: FakeVectorStore
    chat: FakeChat
    shelf: FakeShelf
    doors: BackupDoors

    def write(self, *pages: str) -> None:
        with closing(sqlite3.connect(self.database, isolation_level=None)) as database:
            database.execute("CREATE TABLE IF NOT EXISTS pages (text)")
            database.executemany("INSERT INTO pages VALUES (?)", [(page,) for page in pages])

    @property
    def database(self) -> Path:
        return self.folder / "data/diary/pages.db"

    def take(self, request: BackupRequest | None = None, **doors: Any) -> BackupReport:
        return backup(request or BackupRequest(), replace(self.doors, **doors))

    def restored(self, report: BackupReport, path: str, target: Path) -> Path:
        file = next(file for file in report.manifest.files if file.path == path)
        self.shelf.extract(report.manifest.id, file, target)
        return target


def make_project(
    tmp_path: Path, programs: dict[str, Program] | None = None, answers: Sequence[dict[str, Any] | AisuiteError] = ()
) -> Project:
    folder = tmp_path / "suite"
    diary = State(
        databases=(str(folder / "data/diary/pages.db"), str(folder / "data/diary/never-written.db")),
        folders=(str(folder / "data/diary/pictures"),),
        maintenance_path="/maintenance",
    )
    stack = make_stack(
        replace(make_service("shelf", 8101), state=State(vectors=True)),
        replace(make_service("diary", 8100), state=diary),
        make_service("embedding", 8003),
        models=(ModelFile("small", "embedding", tmp_path / "small.gguf", None, "small.gguf", "main", None, None),),
    )
    (tmp_path / "small.gguf").write_bytes(b"GGUF")
    chat = FakeChat({HOLD: answers or ({"hold": True},)})
    world = make_world(programs, chat=chat, folder=folder)
    workdir = ProjectDir(folder)
    workdir.write({FILE: describe_state(stack), "secrets/service_key": KEY, "data/diary/pictures/한/글.txt": "picture"})
    deps = replace(world.deps, workdir=workdir)
    number = begin_generation(stack, {FILE: describe_state(stack), ".env": "A=1\n"}, deps, fetched=False, bundle=None)
    assert number is not None
    enter_generation(number, workdir, good=True)
    workdir.write({".env": "A=1\n"})
    store = FakeVectorStore({"notes-1": {"1": "a", "2": "b"}}, {"notes": "notes-1"})
    shelf = FakeShelf(tmp_path / "shelf")
    doors = BackupDoors(deps, shelf, SqliteFiles(), LocalFiles(), lambda *_: store, chat)
    project = Project(folder, stack, world.engine, store, chat, shelf, doors)
    project.write("Monday", "Tuesday")
    return project


def bring_up(project: Project) -> None:
    project.engine.open(project.stack)
    for service in project.stack.services:
        project.engine.start(service, {})
    project.engine.calls.clear()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = make_project(tmp_path)
    bring_up(project)
    return project


def test_everything_that_a_service_declares_is_in_the_backup(project: Project, tmp_path: Path) -> None:
    report = project.take()

    manifest = project.shelf.check(report.manifest.id)
    assert {file.path: file.kind for file in manifest.files if file.kind is not Kind.CONFIG} == {
        "collections/shelf/notes-1.snapshot": Kind.COLLECTION,
        "databases/diary/pages.db.zst": Kind.DATABASE,
        "folders/diary/pictures/한/글.txt.zst": Kind.FOLDER,
    }
    copy = project.restored(report, "databases/diary/pages.db.zst", tmp_path / "copy.db")
    with closing(sqlite3.connect(copy)) as database:
        assert database.execute("SELECT text FROM pages").fetchall() == [("Monday",), ("Tuesday",)]
    (database_facts,), (collection,) = manifest.databases, manifest.collections
    assert database_facts.rows == {"pages": 2}
    assert (collection.service, collection.name, collection.aliases, collection.points) == (
        "shelf",
        "notes-1",
        ("notes",),
        2,
    )
    assert manifest.facts["shelf"] == "embedded 1.20.0"
    assert [Path(one.path).name for one in manifest.models] == ["small.gguf"]
    assert (manifest.project, manifest.generation, manifest.services) == ("aisuite", 1, ("shelf", "diary"))


def test_the_rendered_generation_is_in_the_backup(project: Project, tmp_path: Path) -> None:
    report = project.take()
    paths = {file.path: file.restores_to for file in report.manifest.files if file.kind is Kind.CONFIG}
    assert paths["config/state.json.zst"] == str(project.folder / FILE)
    assert {"config/.env.zst", "config/resolved.json.zst"} <= paths.keys()
    assert project.restored(report, "config/.env.zst", tmp_path / "env").read_text() == "A=1\n"


def test_a_backup_is_verified_before_it_is_called_one(project: Project) -> None:
    report = project.take(BackupRequest(name="first"))
    verified = project.shelf.verified(report.manifest.id)
    assert report.manifest.id.endswith("-first")
    assert verified is not None
    assert verified.level is Level.FULL


def test_the_age_of_the_newest_backup_is_told(project: Project) -> None:
    project.take()
    text = (project.folder / "metrics/backup.prom").read_text()
    assert 'aisuite_last_verified_backup_age_seconds{project="aisuite"} 0\n' in text


def test_what_the_disk_does_not_give_back_is_no_backup(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    put = project.shelf.put

    def put_badly(manifest: Any, contents: Any) -> None:
        put(manifest, contents)
        project.shelf.damage(manifest.id, "databases/diary/pages.db.zst")

    monkeypatch.setattr(project.shelf, "put", put_badly)
    with pytest.raises(BackupFailed, match="gives back something else"):
        project.take()
    assert project.shelf.list() == ()


def test_keys_are_left_out_unless_they_are_encrypted(project: Project, tmp_path: Path) -> None:
    plain = project.take()
    assert plain.manifest.secrets_left_out == ("service_key",)
    assert Kind.SECRET not in {file.kind for file in plain.manifest.files}

    sealed = project.take(BackupRequest(name="sealed"), sealer=Sealer())
    assert sealed.manifest.secrets_left_out == ()
    assert project.restored(sealed, "secrets/service_key.age", tmp_path / "key").read_text() == KEY[::-1]


def test_model_files_are_taken_only_when_they_are_asked_for(project: Project, tmp_path: Path) -> None:
    report = project.take(BackupRequest(with_models=True))
    assert project.restored(report, "models/small.gguf", tmp_path / "model").read_bytes() == b"GGUF"


def test_a_damaged_database_fails_the_backup_and_nothing_is_listed(project: Project) -> None:
    content = bytearray(project.database.read_bytes())
    content[4096:4160] = b"\xff" * 64
    project.database.write_bytes(content)
    with pytest.raises(BackupFailed, match=r"pages\.db is damaged"):
        project.take()
    assert project.shelf.list() == ()


def test_without_room_nothing_is_begun(project: Project) -> None:
    deps = replace(project.doors.deps, host=FakeHost(free=2**20))
    with pytest.raises(DiskFull, match="1 MiB are free"):
        project.take(deps=deps)
    assert project.store.calls == []
    assert not project.shelf.path.exists()


def test_a_project_at_work_is_not_backed_up(project: Project) -> None:
    with project.doors.deps.workdir.lock("up"), pytest.raises(ProjectLocked):
        project.take()


def test_where_nothing_is_there_is_nothing_to_back_up(project: Project, tmp_path: Path) -> None:
    elsewhere = replace(project.doors.deps, workdir=ProjectDir(tmp_path / "elsewhere"))
    with pytest.raises(UsageError, match="there is no project"):
        project.take(deps=elsewhere)


@pytest.mark.parametrize("text", [None, "{}", "not JSON"])
def test_a_project_that_does_not_say_what_it_keeps_is_refused(project: Project, text: str | None) -> None:
    project.doors.deps.workdir.remove(FILE)
    if text is not None:
        project.doors.deps.workdir.write({FILE: text})
    with pytest.raises(BackupFailed, match=FILE):
        project.take()


@pytest.mark.parametrize("names_moments", [True, False])
def test_a_collection_is_described_with_its_aliases(project: Project, names_moments: bool) -> None:
    project.store.names_moments = names_moments
    (collection,) = project.take().manifest.collections
    assert (collection.name, collection.aliases) == ("notes-1", ("notes",))
    assert (collection.points, dict(collection.samples)) == (2, {"1": "a", "2": "b"})
    assert not [call for call in project.store.calls if call.startswith("upload")]


@pytest.mark.parametrize("names_moments", [True, False])
def test_a_collection_that_changes_meanwhile_is_described_as_its_snapshot_is(
    project: Project, names_moments: bool
) -> None:
    project.store.names_moments = names_moments
    project.store.on_snapshot = lambda: project.store.points["notes-1"].update({"3": "c"})
    report = project.take()
    (collection,) = report.manifest.collections
    assert (collection.name, collection.points, dict(collection.samples)) == ("notes-1", 2, {"1": "a", "2": "b"})
    assert set(project.store.points) == {"notes-1"}


def test_a_snapshot_that_is_nearly_all_vectors_is_stored_as_it_is(project: Project) -> None:
    project.store.points = {"few": {"1": "payload" * 99}, "many": {str(n): "" for n in range(1000)}}
    files = {file.path.rpartition("/")[2]: file for file in project.take().manifest.files}
    assert files["few.snapshot"].unpacked_size is not None
    assert files["many.snapshot"].unpacked_size is None


def test_what_a_killed_backup_left_in_the_store_goes_and_is_not_kept(project: Project) -> None:
    project.store.points["aisuite-check-0"] = {"1": "a"}
    report = project.take()
    assert [one.name for one in report.manifest.collections] == ["notes-1"]
    assert set(project.store.points) == {"notes-1"}


def test_a_stopped_stack_is_backed_up_by_starting_its_stores_alone(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    report = project.take()
    assert [one.points for one in report.manifest.collections] == [2]
    assert project.engine.calls == ["open", "start shelf", "stop shelf", "close"]


def test_of_a_running_stack_only_the_missing_store_is_started_and_stopped(project: Project) -> None:
    project.engine.stop("shelf")
    project.engine.calls.clear()
    project.take()
    assert project.engine.calls == ["open", "start shelf", "stop shelf"]


def test_a_store_that_does_not_come_up_is_stopped_again(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"shelf": Program(never_ready=True)})
    with pytest.raises(BackupFailed, match="shelf did not become ready"):
        project.take()
    assert project.engine.calls[-2:] == ["stop shelf", "close"]
    assert project.shelf.list() == ()


def test_a_stopped_store_that_nobody_can_start_is_named(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    project.doors.deps.workdir.remove("current")
    with pytest.raises(NotRunning, match="shelf is not running"):
        project.take()


def test_writers_wait_only_while_databases_are_copied(project: Project) -> None:
    report = project.take(BackupRequest(quiesce=True))
    assert [(sent.url, sent.key, sent.body) for sent in project.chat.sent] == [
        (HOLD, KEY, {"hold": True, "seconds": 30}),
        (HOLD, KEY, {"hold": False}),
    ]
    assert report.held == 0.0


def test_only_the_wait_that_the_service_tells_of_counts(tmp_path: Path) -> None:
    project = make_project(tmp_path, answers=[{"hold": True, "waited": 1.25}])
    project.write("a page")
    bring_up(project)
    assert project.take(BackupRequest(quiesce=True)).held == 1.25


def test_nobody_is_asked_to_wait_without_a_word(project: Project) -> None:
    assert project.take().held is None
    assert project.chat.sent == []


def test_a_service_that_does_not_run_need_not_wait(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    project.take(BackupRequest(quiesce=True))
    assert project.chat.sent == []


def test_writers_that_cannot_be_held_fail_the_backup(tmp_path: Path) -> None:
    project = make_project(tmp_path, answers=[StepFailed("the server refused (HTTP 404)")])
    bring_up(project)
    with pytest.raises(BackupFailed, match="writers could not be held"):
        project.take(BackupRequest(quiesce=True))
    assert project.shelf.list() == ()


def test_writers_wait_no_longer_when_the_databases_are_large(project: Project) -> None:
    class Large(SqliteFiles):
        @contextmanager
        def freeze(self, source: Path) -> Iterator[FrozenDatabase]:
            with super().freeze(source) as frozen:
                yield frozen
                assert project.chat.sent[-1].body == {"hold": False}

    report = project.take(BackupRequest(quiesce=True), databases=Large())
    assert report.held is not None
    assert [one.body["hold"] for one in project.chat.sent] == [True, False]


def test_a_hold_that_may_have_ended_before_the_copies_is_none(project: Project) -> None:
    class Slow(SqliteFiles):
        @contextmanager
        def freeze(self, source: Path) -> Iterator[FrozenDatabase]:
            with super().freeze(source) as frozen:
                project.doors.deps.clock.sleep(31)
                yield frozen

    with pytest.raises(BackupFailed, match="writers were held for 30"):
        project.take(BackupRequest(quiesce=True), databases=Slow())
    assert project.chat.sent[-1].body == {"hold": False}


def test_files_of_one_name_have_places_of_their_own(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    diary = project.stack.service("diary")
    twin = project.folder / "data/other/pages.db"
    twin.parent.mkdir(parents=True)
    twin.write_bytes(project.database.read_bytes())
    state = replace(diary.state, databases=(str(project.database), str(twin)))
    text = describe_state(replace(project.stack, services=(replace(diary, state=state),)))
    project.doors.deps.workdir.write({FILE: text})
    report = project.take()
    found = {file.path: file.restores_to for file in report.manifest.files if file.kind is Kind.DATABASE}
    assert found == {
        "databases/diary/pages.db.zst": str(project.database),
        "databases/diary/pages.db-2.zst": str(twin),
    }


def test_a_link_among_the_files_is_refused_by_name(project: Project) -> None:
    (project.folder / "data/diary/pictures/link").symlink_to("/etc/hostname")
    with pytest.raises(BackupFailed, match="pictures/link"):
        project.take()


def test_a_backup_by_the_profiles_rules_ends_with_their_retention(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    project.write("a page")
    stack = replace(project.stack, backup=BackupPolicy(keep_last=1))
    (project.folder / FILE).write_text(describe_state(stack))
    first = project.take(BackupRequest("first"))
    assert first.forgot is None
    second = project.take(BackupRequest("second", by_policy=True))
    assert second.forgot is not None
    assert second.forgot.removed == (first.manifest.id,)
    assert project.shelf.list() == (second.manifest.id,)


def test_the_profiles_rules_are_those_of_the_repository_too(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    project.write("a page")
    state = replace(project.stack, backup=BackupPolicy(keep_last=1))
    (project.folder / FILE).write_text(describe_state(state))
    repository = FolderRepository(BundleShelf(tmp_path / "repository"))
    doors = {"shelf": BundleShelf(tmp_path / "backups"), "repository": repository}
    first = project.take(BackupRequest("first"), **doors)
    second = project.take(BackupRequest("second", by_policy=True), **doors)
    assert second.forgot_stored is not None
    assert second.forgot_stored.removed == (first.manifest.id,)
    assert repository.source.list() == (second.manifest.id,)
    assert repository.pruned == 0


def test_a_repository_that_forgets_nothing_fails_the_command_and_leaves_the_backup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, prune: bool) -> None:
        raise BackupFailed("the restic repository is locked", "restic list locks")

    project = make_project(tmp_path)
    project.write("a page")
    stack = replace(project.stack, backup=BackupPolicy(keep_last=1))
    (project.folder / FILE).write_text(describe_state(stack))
    repository = FolderRepository(BundleShelf(tmp_path / "repository"))
    monkeypatch.setattr(repository, "forget", refuse)
    shelf = BundleShelf(tmp_path / "backups")

    with pytest.raises(BackupFailed, match="is made and stored; the restic repository is locked"):
        project.take(BackupRequest(by_policy=True), shelf=shelf, repository=repository)
    assert len(shelf.list()) == len(repository.source.list()) == 1


def test_two_backups_within_a_second_have_ids_in_their_order(project: Project) -> None:
    first, second = project.take().manifest, project.take(BackupRequest(name="again")).manifest
    assert first.id < second.id
    assert first.created < second.created
