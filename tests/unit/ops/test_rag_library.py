"""rag search, list, rm, watch and index --prune, on a suite that tells what a test lays down."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aisuite.errors import NotRunning, UsageError
from aisuite.ops.index import IndexRequest, index
from aisuite.ops.rag_library import list_collections, list_documents, remove
from aisuite.ops.rag_search import SearchRequest, find_method, search
from aisuite.ops.rag_suite import require_rag
from aisuite.ops.rag_watch import watch_folder
from aisuite.ops.up import UpRequest, up
from tests.fakes.chat import FakeChat
from tests.fakes.probe import FakeProbe
from tests.fakes.stacks import phase2_stack
from tests.unit.ops.deps import World, make_world

RAG = "http://127.0.0.1:8002"
COUNTED: dict[str, Any] = {"documents": 1, "chunks": 1, "unchanged": 0, "replaced": 0, "skipped": []}


def world_with(*collections: str, documents: dict[str, list[str]] | None = None) -> World:
    known = documents or {}
    gone = [f"{RAG}/collections/{name}/documents/{one}" for name, ids in known.items() for one in ids]
    gone += [f"{RAG}/collections/{name}" for name in collections]
    world = make_world(chat=FakeChat({f"{RAG}/upload": [COUNTED], **{url: [{}] for url in gone}}))
    up(UpRequest(phase2_stack()), world.deps)
    probe = world.deps.probe
    assert isinstance(probe, FakeProbe)
    rows = [
        {"name": name, "documents": len(known.get(name, [])), "chunks": 3, "embedding_model": "hash-384"}
        for name in collections
    ]
    probe.tells[f"{RAG}/collections"] = {"collections": rows}
    for name, ids in known.items():
        for start in range(0, len(ids), 200):
            page = [{"document_id": one, "source": one, "title": "T", "chunks": 1} for one in ids[start : start + 200]]
            place = f"{RAG}/collections/{name}/documents?offset={start}&limit=200"
            probe.tells[place] = {"documents": page, "total": len(ids)}
    return world


def quiet(done: int, total: int) -> None:
    """Nobody looks."""


def test_collections_and_all_pages_of_documents_are_listed() -> None:
    ids = [f"{number:03}.md" for number in range(250)]
    world = world_with("docs", documents={"docs": ids})
    (row,) = list_collections(world.deps, world.chat)
    assert (row.name, row.documents, row.model) == ("docs", 250, "hash-384")
    assert [one.id for one in list_documents("docs", world.deps, world.chat)] == ids


def test_an_unknown_collection_is_refused_with_those_that_exist() -> None:
    world = world_with("docs", "notes")
    with pytest.raises(UsageError, match="there is no collection 'dosc': docs, notes"):
        list_documents("dosc", world.deps, world.chat)


def test_the_only_collection_need_not_be_named_and_one_of_several_must() -> None:
    one, two, none = world_with("docs"), world_with("docs", "notes"), world_with()
    assert require_rag(one.deps, one.chat).choose_collection(None) == "docs"
    with pytest.raises(UsageError, match="several collections"):
        require_rag(two.deps, two.chat).choose_collection(None)
    with pytest.raises(UsageError, match="no collection yet"):
        require_rag(none.deps, none.chat).choose_collection(None)


def test_a_service_that_tells_nothing_is_not_running() -> None:
    world = make_world()
    up(UpRequest(phase2_stack()), world.deps)
    with pytest.raises(NotRunning, match="gives no answer"):
        list_collections(world.deps, world.chat)


def test_search_tells_what_was_found_best_first() -> None:
    world = world_with("docs")
    hit = {"score": 0.5, "document_id": "a.md", "source": None, "title": "A", "text": "found", "chunk": 0}
    chat = FakeChat({f"{RAG}/retrieve": [{"hits": [hit]}]})
    report = search(SearchRequest("what?", topk=3, method="sparse"), world.deps, chat)
    assert chat.sent[0].body == {"query": "what?", "collection": "docs", "method": "sparse", "topk": 3}
    assert [(one.document, one.text, one.score) for one in report.hits] == [("a.md", "found", 0.5)]


def test_a_search_that_means_nothing_is_refused() -> None:
    world = world_with("docs")
    with pytest.raises(UsageError, match="nothing to look for"):
        search(SearchRequest(" "), world.deps, world.chat)
    with pytest.raises(UsageError, match="no method 'both'"):
        find_method("both")


def test_a_document_is_removed_by_its_id_and_a_collection_only_with_all() -> None:
    world = world_with("docs", documents={"docs": ["sub/a.md"]})
    remove("docs", "sub/a.md", world.deps, world.chat)
    remove("docs", None, world.deps, world.chat, everything=True)
    assert world.chat.deleted == [f"{RAG}/collections/docs/documents/sub/a.md", f"{RAG}/collections/docs"]
    for document, everything in ((None, False), ("sub/a.md", True)):
        with pytest.raises(UsageError, match="either a document or --all"):
            remove("docs", document, world.deps, world.chat, everything=everything)


def test_prune_removes_what_is_not_below_the_path_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "kept.md").write_text("text")
    (tmp_path / "unreadable.md").write_bytes(b"\xff\xfe")
    world = world_with("docs", documents={"docs": ["gone.md", "kept.md", "unreadable.md"]})
    report = index(IndexRequest(tmp_path, "docs", prune=True), world.deps, world.chat, quiet)
    assert world.chat.deleted == [f"{RAG}/collections/docs/documents/gone.md"]
    assert report.removed == 1


def test_what_the_service_can_read_is_sent_as_it_is_and_nothing_else(tmp_path: Path) -> None:
    for name in ("a.py", "b.rst", "c.yaml", "d.png", "e.pdf", "f.HTML"):
        (tmp_path / name).write_bytes(b"\xfe\xff" + name.encode())
    world = world_with()
    index(IndexRequest(tmp_path, "docs"), world.deps, world.chat, quiet)
    sent = world.chat.sent[0].body["files"]
    assert list(sent) == ["a.py", "b.rst", "c.yaml", "e.pdf", "f.HTML"]
    assert sent["e.pdf"] == b"\xfe\xffe.pdf"


def test_a_watched_folder_is_followed_file_by_file(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("text")
    (tmp_path / "b.md").write_text("text")
    world = world_with("docs", documents={"docs": ["a.md", "b.md", "old/c.md", "older.md"]})

    def changes() -> Any:
        (tmp_path / "a.md").write_text("new text")
        yield frozenset({tmp_path / "a.md", tmp_path / "old"})
        yield frozenset({tmp_path / "picture.png"})
        (tmp_path / "b.md").unlink()
        yield frozenset({tmp_path / "b.md"})

    request = IndexRequest(tmp_path, "docs")
    reports = list(watch_folder(request, world.deps, world.chat, changes(), quiet))
    sent = [list(request.body["files"]) for request in world.chat.sent if request.url.endswith("/upload")]
    assert sent == [["a.md", "b.md"], ["a.md"]]
    assert [report.removed for report in reports] == [0, 1, 1]
    assert [url.rpartition("/documents/")[2] for url in world.chat.deleted] == ["old/c.md", "b.md"]


def test_only_a_folder_can_be_watched(tmp_path: Path) -> None:
    world = world_with()
    with pytest.raises(UsageError, match="is not a folder"):
        list(watch_folder(IndexRequest(tmp_path / "a.md", "docs"), world.deps, world.chat, [], quiet))
