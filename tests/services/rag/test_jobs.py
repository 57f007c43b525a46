"""Index jobs: taken in at once, told about, cancelled, and done in the end whatever happens in between."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from aisuite.services.rag import app as rag
from aisuite.services.rag.settings import RagSettings
from tests.services.rag.harness import KEY, Stack

NOTE = {"id": "note", "text": "메모입니다."}
DOWN = httpx.ConnectError("refused")


def submit(stack: Stack, **body: Any) -> dict[str, Any]:
    response = stack.client.post("/index?wait=false", json={"collection": "docs", **body})
    assert response.status_code == 202, response.text
    job: dict[str, Any] = response.json()
    return job


def write(folder: Path, **texts: str) -> None:
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.md").write_text(text)


def test_a_job_that_nobody_waits_for_can_be_asked_for(stack: Stack) -> None:
    job = submit(stack, documents=[NOTE])
    assert (job["state"], job["total"], job["documents"]) == ("queued", 1, 0)
    done = stack.wait_for(job["job"])
    assert (done["documents"], done["chunks"], done["error"]) == (1, 1, None)
    assert [one["job"] for one in stack.client.get("/jobs").json()["jobs"]] == [job["job"]]
    assert stack.client.get("/jobs", params={"collection": "other"}).json() == {"jobs": []}


def test_the_events_of_a_job_end_with_its_result(stack: Stack) -> None:
    job = submit(stack, documents=[NOTE] * 40)
    events = stack.client.get(f"/jobs/{job['job']}/events").text.strip().split("\n\n")
    names = [event.splitlines()[0] for event in events]
    assert names[-1] == "event: end"
    assert set(names[:-1]) <= {"event: progress"}
    assert json.loads(events[-1].splitlines()[1].removeprefix("data: "))["documents"] == 40


@pytest.mark.parametrize("path", ["/jobs/" + "0" * 32, f"/jobs/{'0' * 32}/events"])
def test_a_job_that_is_not_there_is_404(stack: Stack, path: str) -> None:
    response = stack.client.get(path)
    assert (response.status_code, response.json()["error"]["code"]) == (404, "no_such_job")


def test_a_job_waits_for_a_dependency_and_then_goes_on_by_itself(stack: Stack) -> None:
    stack.wires[rag.QDRANT].failure = DOWN
    job = submit(stack, documents=[NOTE])
    waiting = stack.wait_for(job["job"], "waiting")
    assert "qdrant is unavailable" in waiting["error"]["message"]
    stack.wires[rag.QDRANT].failure = None
    assert stack.index({"id": "other", "text": "다른 글"})["documents"] == 1
    assert stack.wait_for(job["job"])["error"] is None
    assert stack.retrieve("메모")[0]["document_id"] == "note"


def test_a_cancelled_job_begins_nothing_more_and_stays_cancelled(stack: Stack) -> None:
    stack.wires[rag.QDRANT].failure = DOWN
    job = submit(stack, documents=[NOTE])["job"]
    stack.wait_for(job, "waiting")
    assert stack.client.delete(f"/jobs/{job}").json()["state"] == "cancelled"
    stack.wires[rag.QDRANT].failure = None
    stack.index({"id": "other", "text": "다른 글"})
    assert stack.client.delete(f"/jobs/{job}").json()["state"] == "cancelled"
    assert stack.client.get("/collections/docs").json()["documents"] == 1


def test_a_job_that_cannot_work_has_failed_with_its_reason(stack: Stack) -> None:
    stack.index(NOTE)
    stack.wires[rag.EMBEDDING].app = httpx.MockTransport(lambda _: httpx.Response(500))
    stack.wires[rag.EMBEDDING].failure = None
    vector_of_three = {"models": [{"model": "small", "dim": 3, "space": "small"}]}

    async def other_model(scope: Any, receive: Any, send: Any) -> None:
        body = json.dumps(vector_of_three).encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    stack.wires[rag.EMBEDDING].app = other_model
    job = submit(stack, documents=[{"id": "new", "text": "새 글"}])
    failed = stack.wait_for(job["job"], "failed")
    assert (failed["error"]["status"], failed["error"]["code"]) == (409, "embedding_model_mismatch")


def test_too_many_unfinished_jobs_are_refused_for_now(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aisuite.services.rag.jobs._JOBS_AT_MOST", 1)
    stack.wires[rag.QDRANT].failure = DOWN
    submit(stack, documents=[NOTE])
    response = stack.client.post("/index", json={"collection": "docs", "documents": [NOTE]})
    assert (response.status_code, response.headers["Retry-After"]) == (429, "10")


def test_an_acknowledged_document_is_indexed_by_the_next_process(
    make_stack: Callable[..., Stack], settings: dict[str, Any]
) -> None:
    wires = make_stack().wires
    folder = settings["rag_data_dir"].parent / "other"
    configured = RagSettings(**{**settings, "rag_data_dir": folder})
    headers = {"Authorization": f"Bearer {KEY}"}
    wires[rag.QDRANT].failure = DOWN
    with TestClient(rag.create_app(configured, wires), headers=headers) as client:
        body = {"collection": "docs", "documents": [NOTE]}
        job = client.post("/index?wait=false", json=body).json()["job"]
    wires[rag.QDRANT].failure = None
    with TestClient(rag.create_app(configured, wires), headers=headers) as client:
        assert Stack(client, None, wires).wait_for(job)["documents"] == 1  # type: ignore[arg-type]


def test_a_file_that_is_gone_from_a_folder_goes_from_the_collection(
    make_stack: Callable[..., Stack], tmp_path: Path
) -> None:
    folder = tmp_path / "documents"
    write(folder, cat="고양이 이야기", dog="개 이야기")
    stack = make_stack(rag_documents_dir=folder)
    stack.index({"source": "cow.md", "text": "소 이야기"})
    body = {"collection": "docs", "path": "."}
    first = stack.client.post("/index", json=body).json()
    assert (first["documents"], first["total"], first["removed"]) == (2, 2, 0)
    (folder / "cat.md").unlink()
    again = stack.client.post("/index", json=body).json()
    assert (again["unchanged"], again["removed"]) == (1, 1)
    listed = stack.client.get("/collections/docs/documents").json()["documents"]
    assert [one["document_id"] for one in listed] == ["cow.md", "dog.md"]


def test_a_file_that_cannot_be_read_any_more_keeps_what_it_had(
    make_stack: Callable[..., Stack], tmp_path: Path
) -> None:
    folder = tmp_path / "documents"
    write(folder, cat="고양이 이야기", dog="개 이야기")
    stack = make_stack(rag_documents_dir=folder)
    stack.client.post("/index", json={"collection": "docs", "path": "."})
    (folder / "cat.md").unlink()
    (folder / "cat.md").symlink_to(folder / "dog.md")
    again = stack.client.post("/index", json={"collection": "docs", "path": "."}).json()
    assert (again["removed"], [one["source"] for one in again["skipped"]]) == (0, ["cat.md"])
    assert stack.client.get("/collections/docs").json()["documents"] == 2


def test_a_folder_below_is_indexed_without_touching_its_neighbours(
    make_stack: Callable[..., Stack], tmp_path: Path
) -> None:
    write(tmp_path / "a", one="하나")
    write(tmp_path / "ab", two="둘")
    stack = make_stack(rag_documents_dir=tmp_path)
    for path in ("a", "ab"):
        stack.client.post("/index", json={"collection": "docs", "path": path})
    (tmp_path / "ab" / "two.md").unlink()
    assert stack.client.post("/index", json={"collection": "docs", "path": "a"}).json()["removed"] == 0
    assert stack.client.get("/collections/docs").json()["documents"] == 2
