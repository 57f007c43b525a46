"""What is read below RAG_DOCUMENTS_DIR, and what is not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aisuite.services.common import ServiceError
from aisuite.services.rag.documents import Document, DocumentFolder, Skipped

MAX_BYTES = 1000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "documents"
    (folder / "notes" / "deep").mkdir(parents=True)
    (folder / "b.md").write_text("# 둘")
    (folder / "a.txt").write_text("하나")
    (folder / "notes" / "deep" / "c.MD").write_text("셋")
    (folder / "notes" / "photo.png").write_bytes(b"\x89PNG")
    (tmp_path / "secret.md").write_text("secret")
    return folder


def read(root: Path | None, path: str = ".") -> tuple[dict[str | None, str], dict[str, str]]:
    items = list(DocumentFolder(root, MAX_BYTES).read(path))
    documents = {item.source: item.text for item in items if isinstance(item, Document)}
    skipped = {item.source: item.reason for item in items if isinstance(item, Skipped)}
    return documents, skipped


def refusal(root: Path | None, path: str) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        read(root, path)
    return caught.value


def test_texts_of_all_folders_are_read_in_order_of_their_names(root: Path) -> None:
    assert list(read(root)[0].items()) == [("a.txt", "하나"), ("b.md", "# 둘"), ("notes/deep/c.MD", "셋")]


def test_a_folder_or_a_file_may_be_named_relative_or_absolute(root: Path) -> None:
    assert read(root, "notes")[0] == {"notes/deep/c.MD": "셋"}
    assert read(root, "notes/../b.md")[0] == {"b.md": "# 둘"}
    assert read(root, str(root / "notes" / "deep"))[0] == {"notes/deep/c.MD": "셋"}


def test_the_folder_itself_may_be_configured_by_a_symbolic_link(root: Path) -> None:
    alias = root.parent / "alias"
    alias.symlink_to(root)
    assert read(alias, str(alias / "b.md"))[0] == read(alias, str(root / "b.md"))[0] == {"b.md": "# 둘"}


@pytest.mark.parametrize("path", ["..", "../secret.md", "/etc/passwd", "notes/../../secret.md", "/"])
def test_a_path_outside_is_refused(root: Path, path: str) -> None:
    error = refusal(root, path)
    assert error.status == 403
    assert "RAG_DOCUMENTS_DIR" in error.message


def test_without_a_configured_folder_no_path_is_read() -> None:
    error = refusal(None, "a.md")
    assert error.status == 403
    assert "set RAG_DOCUMENTS_DIR" in error.message


def test_a_configured_folder_that_is_not_there_is_named(root: Path) -> None:
    error = refusal(root / "gone", ".")
    assert error.status == 403
    assert "RAG_DOCUMENTS_DIR" in error.message


@pytest.mark.parametrize("link", ["link.md", "linked/secret.md", "notes/up"])
def test_a_path_through_a_symbolic_link_is_refused(root: Path, link: str) -> None:
    (root / "link.md").symlink_to(root.parent / "secret.md")
    (root / "linked").symlink_to(root.parent)
    (root / "notes" / "up").symlink_to(root)
    error = refusal(root, link)
    assert error.status == 403
    assert "symbolic link" in error.message


def test_symbolic_links_in_a_folder_are_skipped_and_named(root: Path) -> None:
    (root / "link.md").symlink_to(root.parent / "secret.md")
    (root / "linked").symlink_to(root.parent)
    documents, skipped = read(root)
    assert "secret" not in documents.values()
    assert skipped.keys() == {"link.md", "linked"}
    assert all("symbolic link" in reason for reason in skipped.values())


@pytest.mark.parametrize("path", ["missing", "missing/a.md", "b.md/c.md", "x" * 300])
def test_a_path_that_does_not_exist_is_not_found(root: Path, path: str) -> None:
    assert refusal(root, path).status == 404


@pytest.mark.parametrize("path", ["a\0b", "\0"])
def test_a_path_with_a_null_byte_is_not_found(root: Path, path: str) -> None:
    assert refusal(root, path).status == 404


def test_a_korean_file_in_the_old_encoding_is_read(root: Path) -> None:
    (root / "cp949.txt").write_bytes("ok 한글".encode("cp949"))
    assert read(root)[0]["cp949.txt"] == "ok 한글"


def test_bytes_that_are_no_text_are_skipped_with_the_reason(root: Path) -> None:
    (root / "photo.txt").write_bytes(b"\x89PNG\0\0")
    assert read(root)[1] == {"photo.txt": "not text: it holds zero bytes"}


def test_a_byte_order_mark_is_no_part_of_the_text(root: Path) -> None:
    (root / "bom.md").write_bytes(b"\xef\xbb\xbf# Title")
    assert read(root)[0]["bom.md"] == "# Title"


def test_a_file_over_the_limit_is_skipped_and_one_at_the_limit_is_read(root: Path) -> None:
    (root / "large.md").write_text("x" * (MAX_BYTES + 1))
    (root / "full.md").write_text("x" * MAX_BYTES)
    documents, skipped = read(root)
    assert "full.md" in documents
    assert skipped == {"large.md": f"larger than RAG_MAX_DOCUMENT_BYTES={MAX_BYTES}"}


def test_hidden_folders_are_skipped_and_named(root: Path) -> None:
    (root / ".git").mkdir()
    (root / ".git" / "x.md").write_text("x")
    documents, skipped = read(root)
    assert ".git/x.md" not in documents
    assert skipped == {".git": "a hidden folder"}


def test_a_file_of_another_kind_is_skipped_when_named(root: Path) -> None:
    assert read(root, "notes/photo.png")[1] == {"notes/photo.png": "files of this kind are not read"}


def test_a_pipe_does_not_hold_the_reader_up(root: Path) -> None:
    os.mkfifo(root / "pipe.md")
    assert "pipe.md" in read(root)[1]


def test_a_name_that_is_not_utf8_is_skipped_with_its_bytes_shown(root: Path) -> None:
    (Path(os.fsdecode(os.fsencode(root) + b"/n\xffm.md"))).write_text("x")
    assert read(root)[1] == {"n\\udcffm.md": "its name is not UTF-8"}
