"""What backup and restore rely on: writers can be held, and rows bring their points back."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import Any

import httpx
import pytest

from aisuite.services.common import ServiceError
from aisuite.services.rag import app as rag
from aisuite.services.rag.write_gate import WriteGate
from tests.services.rag.harness import KEY, Stack

NOTE = {"id": "note", "text": "메모입니다."}
GUIDE = {"id": "guide", "text": "# 시작\n설치합니다.\n# 끝\n지웁니다."}


def ask_store(stack: Stack, method: str, path: str, body: object = None) -> Any:
    async def ask() -> Any:
        transport = httpx.ASGITransport(stack.wires[rag.QDRANT].app)
        async with httpx.AsyncClient(transport=transport, base_url="http://x", headers={"api-key": KEY}) as client:
            response = await client.request(method, path, json=body)
            response.raise_for_status()
            return response.json()["result"]

    return asyncio.run(ask())


def points(stack: Stack) -> int:
    found: int = ask_store(stack, "POST", "/collections/docs/points/count", {"exact": True})["count"]
    return found


def wait_for_points(stack: Stack, count: int) -> None:
    """Let the service's loop run until the background has made the points."""
    for _ in range(500):
        if points(stack) == count:
            return
        stack.client.get("/livez")
    raise AssertionError(f"{points(stack)} points, not {count}")


def test_a_collection_is_an_alias_of_what_was_made_for_it(stack: Stack) -> None:
    stack.index(NOTE)
    (alias,) = ask_store(stack, "GET", "/aliases")["aliases"]
    assert alias["alias_name"] == "docs"
    assert alias["collection_name"].startswith("docs__2")
    assert [one["name"] for one in stack.client.get("/collections").json()["collections"]] == ["docs"]


def test_a_deleted_collection_leaves_nothing_in_the_store(stack: Stack) -> None:
    stack.index(NOTE)
    stack.client.delete("/collections/docs")
    assert ask_store(stack, "GET", "/collections")["collections"] == []
    assert ask_store(stack, "GET", "/aliases")["aliases"] == []
    assert stack.index(NOTE)["chunks"] == 1


def test_a_collection_without_an_alias_keeps_working(stack: Stack) -> None:
    vectors = {"dense": {"size": 384, "distance": "Cosine"}}
    body = {"vectors": vectors, "sparse_vectors": {"sparse": {"modifier": "idf"}}}
    ask_store(stack, "PUT", "/collections/docs", body)
    payload = {"document_id": "old", "source": None, "title": "옛글", "chunk": 0, "chunks": 1, "checksum": "x"}
    vector = {"dense": [1.0] + [0.0] * 383, "sparse": {"indices": [1], "values": [1.0]}}
    point = {"id": 1, "vector": vector, "payload": payload | {"embedding_model": "hash-384"}}
    ask_store(stack, "PUT", "/collections/docs/points?wait=true", {"points": [point]})
    listed = stack.client.get("/collections/docs/documents").json()
    assert (listed["total"], listed["documents"][0]["document_id"]) == (1, "old")
    assert stack.client.post("/reconcile").json() == {"requeued": 0, "deleted": 0}
    assert stack.index(NOTE)["chunks"] == 1
    assert stack.retrieve("메모")[0]["document_id"] == "note"
    assert stack.client.delete("/collections/docs").status_code == 200
    assert stack.client.get("/collections").json() == {"collections": []}


def test_points_that_are_missing_are_made_again_from_their_rows(stack: Stack) -> None:
    stack.index(NOTE, GUIDE)
    chosen = {"filter": {"must": [{"key": "document_id", "match": {"value": "guide"}}]}}
    ask_store(stack, "POST", "/collections/docs/points/delete?wait=true", chosen)
    assert stack.client.post("/reconcile").json() == {"requeued": 1, "deleted": 0}
    wait_for_points(stack, 3)
    assert stack.retrieve("설치합니다")[0]["document_id"] == "guide"
    assert stack.client.post("/reconcile").json() == {"requeued": 0, "deleted": 0}


def test_a_collection_lost_from_the_store_comes_back_from_its_rows(stack: Stack) -> None:
    stack.index(NOTE, GUIDE)
    (alias,) = ask_store(stack, "GET", "/aliases")["aliases"]
    ask_store(stack, "DELETE", f"/collections/{alias['collection_name']}")
    assert stack.client.post("/reconcile").json() == {"requeued": 2, "deleted": 0}
    for _ in range(500):
        if stack.client.get("/collections/docs").status_code == 200:
            break
    wait_for_points(stack, 3)
    assert stack.client.get("/collections/docs/documents").json()["total"] == 2


def test_points_that_no_row_has_are_deleted(stack: Stack) -> None:
    stack.index(NOTE)
    (found,) = ask_store(stack, "POST", "/collections/docs/points/scroll", {"with_vector": True})["points"]
    for number, change in enumerate([{"document_id": "stray"}, {"checksum": "of another version"}]):
        point = {"id": number, "vector": found["vector"], "payload": found["payload"] | change}
        ask_store(stack, "PUT", "/collections/docs/points?wait=true", {"points": [point]})
    assert stack.client.post("/reconcile").json() == {"requeued": 0, "deleted": 2}
    assert points(stack) == 1


def test_where_all_is_well_reconcile_writes_nothing_and_forgets_answers_of_other_points(
    stack: Stack, settings: dict[str, Any]
) -> None:
    def rows() -> list[str]:
        with closing(sqlite3.connect(settings["rag_data_dir"] / "rag.db")) as database:
            return list(database.iterdump())

    stack.index(NOTE)
    stack.query("메모")
    before = rows()
    assert stack.client.post("/reconcile").json() == {"requeued": 0, "deleted": 0}
    assert rows() == before, "a restore that was taken back leaves exactly what was there"
    assert stack.client.get("/cache/stats").json()["entries"] == 0


def test_a_deletion_that_failed_is_finished_later(stack: Stack) -> None:
    stack.index(NOTE, GUIDE)
    wire = stack.wires[rag.QDRANT]
    whole = wire.app

    async def fail_at_deletions(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"].endswith("/points/delete"):
            raise httpx.ConnectError("refused")
        await whole(scope, receive, send)

    wire.app = fail_at_deletions
    assert stack.client.delete("/collections/docs/documents/guide").status_code == 503
    assert stack.client.get("/collections/docs/documents").json()["total"] == 1
    wire.app = whole
    assert stack.client.post("/reconcile").json() == {"requeued": 0, "deleted": 0}
    wait_for_points(stack, 1)


def test_while_writers_are_held_reading_goes_on_and_writing_waits(stack: Stack) -> None:
    stack.index(NOTE)
    held = stack.client.post("/maintenance", json={"hold": True, "seconds": 0.2}).json()
    assert held["hold"] is True
    assert 0 < held["seconds"] <= 0.2
    assert stack.retrieve("메모")[0]["document_id"] == "note"
    assert stack.index(GUIDE)["chunks"] == 2
    assert stack.client.post("/maintenance", json={"hold": False}).json() == {
        "hold": False,
        "seconds": 0.0,
        "waited": 0.0,
    }


@pytest.mark.parametrize("body", [{}, {"hold": 3}, {"hold": True, "seconds": 0}, {"hold": True, "seconds": 1e9}])
def test_a_hold_that_makes_no_sense_is_refused(stack: Stack, body: dict[str, object]) -> None:
    assert stack.client.post("/maintenance", json=body).status_code == 422


def test_a_hold_waits_for_who_is_writing_and_a_release_lets_waiters_in() -> None:
    async def scene() -> list[str]:
        gate, done = WriteGate(), []

        async def write(name: str, proceed: asyncio.Event) -> None:
            async with gate.writing():
                await proceed.wait()
                done.append(name)

        first, second = asyncio.Event(), asyncio.Event()
        second.set()
        tasks = [asyncio.create_task(write("first", first))]
        await asyncio.sleep(0)
        hold = asyncio.create_task(gate.hold(60))
        await asyncio.sleep(0)
        tasks.append(asyncio.create_task(write("second", second)))
        first.set()
        await hold
        done.append("held")
        await gate.release()
        await asyncio.gather(*tasks)
        return done

    assert asyncio.run(scene()) == ["first", "held", "second"]


def test_a_hold_that_a_slow_batch_does_not_let_in_lets_others_in_and_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("aisuite.services.rag.write_gate._DRAIN_SECONDS", 0.01)
    monkeypatch.setattr("aisuite.services.rag.write_gate._PAUSE_SECONDS", 0.1)

    async def scene() -> float:
        gate, slow = WriteGate(), asyncio.Event()

        async def write(until: asyncio.Event | None) -> None:
            async with gate.writing():
                if until is not None:
                    await until.wait()

        batch = asyncio.create_task(write(slow))
        await asyncio.sleep(0)
        hold = asyncio.create_task(gate.hold(60))
        await asyncio.sleep(0)
        await write(None)  # it waits for the first try to end
        slow.set()
        await hold
        await batch
        return gate.seconds_held

    assert asyncio.run(scene()) > 0


def test_a_hold_that_a_writer_does_not_let_in_is_refused_and_holds_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aisuite.services.rag.write_gate._DRAIN_SECONDS", 0.01)
    monkeypatch.setattr("aisuite.services.rag.write_gate._PAUSE_SECONDS", 0.01)

    async def scene() -> float:
        gate = WriteGate()
        async with gate.writing():
            with pytest.raises(ServiceError, match="still being written"):
                await gate.hold(60)
        return gate.seconds_held

    assert asyncio.run(scene()) == 0
