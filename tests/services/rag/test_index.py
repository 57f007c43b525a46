"""What indexing does to a collection."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.types import Message, Receive, Scope, Send

from aisuite.services.rag import app as rag
from aisuite.services.rag.identity import point_id
from tests.services.rag.harness import KEY, Stack

CAT = {"source": "cat.md", "text": "# 고양이\n고양이가 매트 위에 앉아 있습니다."}
DOG = {"source": "dog.md", "text": "# 개\n개가 마당에서 뛰어놉니다."}
# 128 chunks are stored at once, and are embedded in requests of 1, 4, 16, 64 and 43.
FIRST_OF_THE_SECOND_BATCH = 6


def test_documents_become_chunks_with_payload(stack: Stack) -> None:
    counts = stack.index({**CAT, "metadata": {"tag": "animal"}}, DOG)
    assert {key: counts[key] for key in ("state", "collection", "total", "path", "error")} == {
        "state": "done", "collection": "docs", "total": 2, "path": None, "error": None,
    }  # fmt: skip
    assert {key: counts[key] for key in ("documents", "chunks", "unchanged", "replaced", "removed", "skipped")} == {
        "documents": 2, "chunks": 2, "unchanged": 0, "replaced": 0, "removed": 0, "skipped": [],
    }  # fmt: skip
    hit = stack.retrieve("고양이는 어디에?")[0]
    assert hit.pop("score") > 0
    assert 0.12 < hit.pop("similarity") < 1
    assert hit == {
        "document_id": "cat.md",
        "source": "cat.md",
        "title": "고양이",
        "text": CAT["text"],
        "chunk": 0,
        "start": 0,
        "end": len(CAT["text"]),
        "page": None,
        "language": "ko",
        "metadata": {"tag": "animal"},
    }


def test_unchanged_documents_are_neither_embedded_nor_written_again(stack: Stack) -> None:
    stack.index(CAT, DOG)
    for wire in stack.wires.values():
        wire.requests.clear()
    assert stack.index(CAT, DOG)["unchanged"] == 2
    assert stack.count_requests(rag.EMBEDDING, "/embed") == 0
    assert {request.method for request in stack.wires[rag.QDRANT].requests} <= {"GET", "POST"}
    assert stack.count_requests(rag.QDRANT, "/points/delete") == 0


def test_a_changed_document_replaces_all_its_chunks(stack: Stack) -> None:
    long = "\n".join(f"# 장 {number}\n고래 이야기 {number}." for number in range(6))
    assert stack.index({"id": "whale", "text": long}, DOG)["chunks"] == 7
    counts = stack.index({"id": "whale", "text": "# 장 0\n펭귄 이야기."}, DOG)
    assert (counts["documents"], counts["replaced"], counts["unchanged"], counts["chunks"]) == (2, 1, 1, 1)
    texts = [hit["text"] for hit in stack.retrieve("고래 펭귄 이야기", topk=20) if hit["document_id"] == "whale"]
    assert texts == ["# 장 0\n펭귄 이야기."]


def test_a_change_of_title_or_metadata_counts_as_a_change(stack: Stack) -> None:
    stack.index(CAT)
    assert stack.index({**CAT, "metadata": {"a": 1}})["replaced"] == 1
    assert stack.index({**CAT, "metadata": {"a": 1}, "title": "냥이"})["replaced"] == 1
    assert stack.retrieve("고양이")[0]["title"] == "냥이 > 고양이"


def test_other_chunk_sizes_cut_known_documents_anew(make_stack: Callable[..., Stack]) -> None:
    text = {"id": "a", "text": "문장이 하나 있습니다. " * 40}
    assert make_stack().index(text)["chunks"] == 1
    assert make_stack(rag_chunk_size=64, rag_chunk_overlap=8).index(text)["replaced"] == 1


def test_collections_do_not_share_documents(stack: Stack) -> None:
    stack.index(CAT, collection="one")
    stack.index(DOG, collection="two")
    assert [hit["document_id"] for hit in stack.retrieve("고양이 개", "one")] == ["cat.md"]
    assert point_id("one", "a", "c", 0) != point_id("two", "a", "c", 0)


def test_the_same_document_twice_in_a_request_leaves_the_last_version(stack: Stack) -> None:
    counts = stack.index({"id": "a", "text": "첫 번째 판입니다."}, {"id": "a", "text": "두 번째 판입니다."})
    assert (counts["documents"], counts["replaced"]) == (2, 1)
    assert [hit["text"] for hit in stack.retrieve("판")] == ["두 번째 판입니다."]


def test_a_long_document_is_written_in_several_requests(stack: Stack) -> None:
    text = "\n".join(f"# 절 {number}\n내용 {number}번입니다." for number in range(150))
    assert stack.index({"id": "long", "text": text})["chunks"] == 150
    assert stack.count_requests(rag.EMBEDDING, "/embed") == FIRST_OF_THE_SECOND_BATCH
    assert stack.retrieve("내용 149번")[0]["chunk"] == 149


def test_a_document_cut_off_while_it_was_written_is_written_whole_when_that_works_again(stack: Stack) -> None:
    text = "\n".join(f"# 절 {number}\n내용 {number}번입니다." for number in range(200))
    wire = stack.wires[rag.EMBEDDING]
    body = {"collection": "docs", "documents": [{"id": "long", "text": text}]}

    whole = wire.app

    async def slow_at_the_second_batch(scope: Scope, receive: Receive, send: Send) -> None:
        if stack.count_requests(rag.EMBEDDING, "/embed") >= FIRST_OF_THE_SECOND_BATCH:
            raise httpx.ReadTimeout("slow")
        await whole(scope, receive, send)

    wire.app = slow_at_the_second_batch
    assert stack.client.post("/index", json=body).status_code == 504
    wire.app = whole
    counts = stack.index({"id": "long", "text": text})
    assert counts["unchanged"] == 1  # the first job has gone on
    assert stack.client.get("/collections/docs").json()["chunks"] == 200


def test_empty_and_oversized_documents_are_skipped_with_a_reason(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(rag_max_document_bytes=30)
    counts = stack.index(
        {"source": "blank.md", "text": " \n"}, {"id": "big", "text": "가" * 11}, {"text": "가" * 10}, {"text": ""}
    )
    assert counts["documents"] == 1
    assert counts["skipped"] == [
        {"source": "blank.md", "reason": "empty"},
        {"source": "big", "reason": "larger than RAG_MAX_DOCUMENT_BYTES=30"},
        {"source": "(a document without a source)", "reason": "empty"},
    ]


def test_nothing_to_index_makes_no_collection(stack: Stack) -> None:
    assert stack.index({"text": ""})["documents"] == 0
    assert stack.client.get("/collections").json() == {"collections": []}


def test_a_folder_is_indexed_by_path(make_stack: Callable[..., Stack], tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    (folder / "guide").mkdir(parents=True)
    (folder / "guide" / "cat.md").write_text(CAT["text"])
    (folder / "broken.txt").write_bytes(b"\x00\x01")
    stack = make_stack(rag_documents_dir=folder)
    counts = stack.client.post("/index", json={"collection": "docs", "path": "."}).json()
    assert (counts["documents"], counts["chunks"]) == (1, 1)
    assert counts["skipped"] == [{"source": "broken.txt", "reason": "not text: it holds zero bytes"}]
    assert stack.retrieve("고양이")[0]["source"] == "guide/cat.md"


@pytest.mark.parametrize("path", ["../key", "/etc/passwd", "."])
def test_a_path_that_may_not_be_read_is_refused_before_anything_is_made(
    make_stack: Callable[..., Stack], tmp_path: Path, path: str
) -> None:
    stack = make_stack(rag_documents_dir=tmp_path / "documents" if path != "." else None)
    response = stack.client.post("/index", json={"collection": "docs", "path": path})
    assert response.status_code == 403
    assert "RAG_DOCUMENTS_DIR" in response.json()["error"]["message"]
    assert stack.client.get("/collections").json() == {"collections": []}


@pytest.mark.parametrize(
    "body",
    [
        {"collection": "docs"},
        {"collection": "../x", "documents": [{"text": "a"}]},
        {"collection": "", "documents": [{"text": "a"}]},
        {"collection": "docs", "documents": [{"id": "a"}]},
        {"collection": "docs", "documents": [{"text": "a", "metadata": {"n": {"deep": 1}}}]},
        {"collection": "docs", "documents": [{"text": "a", "metadata": {"n": 1e400}}]},
        {"collection": "docs", "documents": [{"text": "a", "metadata": {"a.b": 1}}]},
        {"collection": "docs", "documents": [{"text": "a", "titel": "b"}]},
        {"collection": "docs", "path": ""},
    ],
)
def test_a_malformed_request_is_refused(stack: Stack, body: dict[str, object]) -> None:
    response = stack.client.post("/index", content=json.dumps(body), headers={"Content-Type": "application/json"})
    assert response.status_code == 422
    assert response.json()["error"]["param"].startswith("body")


@pytest.mark.parametrize("told", [True, False])
def test_a_request_that_is_too_large_is_refused_whether_it_says_so_or_not(
    make_stack: Callable[..., Stack], *, told: bool
) -> None:
    stack = make_stack(rag_max_request_bytes=2000)
    body = json.dumps({"collection": "docs", "documents": [{"text": "x" * 3000}]}).encode()
    headers = {"Content-Type": "application/json"}
    response = stack.client.post("/index", content=body if told else iter([body[:1500], body[1500:]]), headers=headers)
    assert response.status_code == 413
    assert "RAG_MAX_REQUEST_BYTES=2000" in response.json()["error"]["message"]


def test_half_a_surrogate_pair_is_refused(stack: Stack) -> None:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"}
    body = rb'{"collection": "docs", "documents": [{"text": "\ud83d"}]}'
    response = stack.client.post("/index", content=body, headers=headers)
    assert response.status_code == 422
    assert "surrogate" in response.json()["error"]["message"]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=40), st.text(min_size=1, max_size=10), st.text(min_size=1, max_size=20))
def test_whatever_the_strings_are_they_are_stored_or_refused(stack: Stack, text: str, name: str, query: str) -> None:
    headers = {"Content-Type": "application/json"}
    document = {"id": name, "text": text, "title": name, "metadata": {"tag": text}}
    for path, body in [
        ("/index", {"collection": "docs", "documents": [document, CAT]}),
        ("/query", {"collection": "docs", "query": query}),
        ("/query", {"collection": "docs", "query": query, "stream": True}),
    ]:
        response = stack.client.post(path, content=json.dumps(body), headers=headers)
        assert response.status_code in (200, 404, 422), response.text


def test_a_collection_of_another_model_is_refused_with_what_to_do(stack: Stack) -> None:
    stack.index(CAT)
    plain = stack.wires[rag.EMBEDDING].app

    async def other_model(scope: Scope, receive: Receive, send: Send) -> None:
        async def renamed(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": message["body"].replace(b"hash-384", b"hash-999")}
            await send(message)

        await plain(scope, receive, renamed)

    stack.wires[rag.EMBEDDING].app = other_model
    documents = {"collection": "docs", "documents": [DOG]}
    for path, body in [("/index", documents), ("/retrieve", {"collection": "docs", "query": "개"})]:
        response = stack.client.post(path, json=body)
        assert response.status_code == 409
        error = response.json()["error"]
        assert error["code"] == "embedding_model_mismatch"
        assert "hash-384" in error["message"]
        assert "DELETE /collections/docs" in error["message"]


def test_a_collection_of_another_service_is_left_alone(stack: Stack) -> None:
    make_foreign(stack, "memory")
    for response in (
        stack.client.post("/index", json={"collection": "memory", "documents": [DOG]}),
        stack.client.post("/retrieve", json={"collection": "memory", "query": "개"}),
        stack.client.delete("/collections/memory"),
    ):
        assert response.status_code == 409
        assert response.json()["error"]["code"] == "foreign_collection"
    assert stack.client.get("/collections").json() == {"collections": []}


def make_foreign(stack: Stack, name: str) -> None:
    async def make() -> None:
        transport = httpx.ASGITransport(stack.wires[rag.QDRANT].app)
        async with httpx.AsyncClient(transport=transport, base_url="http://x", headers={"api-key": KEY}) as client:
            body = {"vectors": {"size": 4, "distance": "Dot"}}
            (await client.put(f"/collections/{name}", json=body)).raise_for_status()

    asyncio.run(make())


def test_a_batch_is_embedded_while_the_one_before_is_stored(stack: Stack) -> None:
    embeds, store = stack.wires[rag.EMBEDDING].app, stack.wires[rag.QDRANT].app
    asked: list[Scope] = []
    second = asyncio.Event()

    async def note(scope: Scope, receive: Receive, send: Send) -> None:
        asked.append(scope)
        if sum(one["path"] == "/embed" for one in asked) == FIRST_OF_THE_SECOND_BATCH:
            second.set()
        await embeds(scope, receive, send)

    async def wait_for_the_second(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "PUT" and scope["path"].endswith("/points"):
            await asyncio.wait_for(second.wait(), 30)
        await store(scope, receive, send)

    stack.wires[rag.EMBEDDING].app, stack.wires[rag.QDRANT].app = note, wait_for_the_second
    text = "\n\n".join(f"# 제목 {number}\n고래 {number}마리가 바다에 삽니다." for number in range(200))
    assert stack.index({"source": "whales.md", "text": text})["chunks"] == 200
