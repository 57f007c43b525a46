"""env, ask, index, logs, status and down, on fakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from aisuite.errors import NotRunning, StepFailed, UsageError
from aisuite.ops.ask import AskRequest, ask
from aisuite.ops.down import down
from aisuite.ops.env import env
from aisuite.ops.index import IndexRequest, index
from aisuite.ops.logs import logs
from aisuite.ops.status import status
from aisuite.ops.up import UpRequest, up
from tests.fakes.chat import FakeChat
from tests.fakes.engine import Program
from tests.fakes.stacks import make_service, make_stack, phase2_stack
from tests.unit.ops.deps import World, make_world

GATEWAY = "http://127.0.0.1:8000/v1/chat/completions"
QUERY = "http://127.0.0.1:8002/query"
UPLOAD = "http://127.0.0.1:8002/upload"


def _running(chat: FakeChat | None = None, folder: Path | None = None) -> World:
    programs = {"rag": Program(says=("one", "two", "three"))}
    world = make_world(programs, chat=chat, folder=folder or Path("/srv/aisuite/.aisuite/aisuite"))
    up(UpRequest(phase2_stack()), world.deps)
    world.workdir.ensure_secret("gateway_key")
    return world


def _delta(text: str) -> dict[str, object]:
    return {"model": "chat-7b", "choices": [{"delta": {"content": text}}]}


def test_env_names_the_key_by_its_file() -> None:
    world = _running()
    report = env(world.deps)
    assert report.exports[0] == "export OPENAI_BASE_URL=http://127.0.0.1:8000/v1"
    assert report.exports[1] == 'export OPENAI_API_KEY="$(cat /srv/aisuite/.aisuite/aisuite/secrets/gateway_key)"'
    assert world.workdir.files["secrets/gateway_key"] not in "".join(report.exports)


def test_ask_streams_the_answer_of_the_first_route() -> None:
    chat = FakeChat({GATEWAY: [_delta("Hel"), {"choices": []}, _delta("lo"), {"choices": [{"delta": {}}]}]})
    world = _running(chat)
    assert [piece.text for piece in ask(AskRequest("hi"), world.deps, world.chat)] == ["Hel", "lo"]
    assert chat.sent[0].body["model"] == "chat-7b"
    assert chat.sent[0].key == world.workdir.files["secrets/gateway_key"]


def test_ask_with_a_collection_gives_the_sources_first() -> None:
    source = {"n": 1, "source": "a.md", "title": "A"}
    chat = FakeChat({QUERY: [{"sources": [source], "model": "code-7b"}, {"delta": "because"}, {"done": True}]})
    pieces = list(ask(AskRequest("why?", model="code-7b", collection="docs"), _running(chat).deps, chat))
    assert pieces[0].sources == (source,)
    assert "".join(piece.text for piece in pieces) == "because"
    assert chat.sent[0].body == {"query": "why?", "collection": "docs", "stream": True, "model": "code-7b"}


@pytest.mark.parametrize(("question", "model"), [("  ", None), ("hi", "chat7b")])
def test_a_question_that_cannot_be_asked_is_refused(question: str, model: str | None) -> None:
    with pytest.raises(UsageError):
        list(ask(AskRequest(question, model=model), _running().deps, FakeChat()))


def test_a_stack_without_rag_says_how_to_get_it() -> None:
    world = make_world()
    up(UpRequest(make_stack(make_service("inference-chat", 8001), make_service("api-gateway", 8000))), world.deps)
    with pytest.raises(NotRunning) as caught:
        list(ask(AskRequest("hi", collection="docs"), world.deps, world.chat))
    assert caught.value.hint == "aisuite up --phase 2"


def test_the_servers_own_error_comes_through() -> None:
    chat = FakeChat({GATEWAY: [_delta("a"), StepFailed("the server refused")]})
    with pytest.raises(StepFailed, match="the server refused"):
        list(ask(AskRequest("hi"), _running(chat).deps, chat))


def test_index_sends_documents_and_names_what_was_not_taken(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.md").write_text("# 제목\n본문")
    (tmp_path / "sub" / "b.pdf").write_bytes(b"%PDF")
    (tmp_path / ".hidden.md").write_text("secret")
    (tmp_path / "c.png").write_bytes(b"a picture")
    skipped = [{"source": "sub/b.pdf", "reason": "damaged"}]
    chat = FakeChat({UPLOAD: [{"documents": 1, "chunks": 3, "unchanged": 0, "replaced": 0, "skipped": skipped}]})
    report = index(IndexRequest(tmp_path, "docs"), _running(chat).deps, chat, lambda done, total: None)
    assert (report.documents, report.chunks) == (1, 3)
    assert chat.sent[0].body == {
        "collection": "docs",
        "files": {"a.md": "# 제목\n본문".encode(), "sub/b.pdf": b"%PDF"},
    }
    assert dict(report.skipped) == {"sub/b.pdf": "damaged"}


def test_a_large_folder_is_sent_in_pieces(tmp_path: Path) -> None:
    for number in range(150):
        (tmp_path / f"{number:03}.md").write_text("text")
    chat = FakeChat({UPLOAD: [{"documents": 50, "chunks": 50, "unchanged": 0, "replaced": 0}]})
    told: list[tuple[int, int]] = []
    request = IndexRequest(tmp_path, "docs")
    report = index(request, _running(chat).deps, chat, lambda done, total: told.append((done, total)))
    assert [len(one.body["files"]) for one in chat.sent] == [64, 64, 22]
    assert report.documents == 150  # what the service counted
    assert told[-1] == (150, 150)


def test_a_job_is_followed_to_its_end_and_told_document_by_document(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.md").write_text("text")
    queued = {"job": "7", "state": "queued", "documents": 0, "skipped": []}
    events = [{"job": "7", "state": "running", "documents": 1, "skipped": []}]
    events.append(
        {"job": "7", "state": "done", "documents": 2, "chunks": 5, "skipped": [{"source": "2.md", "reason": "empty"}]}
    )
    chat = FakeChat({UPLOAD: [queued], UPLOAD.replace("upload", "jobs/7/events"): events})
    told: list[tuple[int, int]] = []
    request = IndexRequest(tmp_path, "docs")
    report = index(request, _running(chat).deps, chat, lambda done, total: told.append((done, total)))
    assert told == [(0, 3), (0, 3), (1, 3), (3, 3), (3, 3)]
    assert (report.documents, report.chunks, dict(report.skipped)) == (2, 5, {"2.md": "empty"})


def test_large_files_are_sent_one_by_one(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt", "c.txt"):
        (tmp_path / name).write_bytes(b"x" * (5 * 2**20))
    chat = FakeChat({UPLOAD: [{"documents": 1, "chunks": 1, "unchanged": 0, "replaced": 0}]})
    index(IndexRequest(tmp_path, "docs"), _running(chat).deps, chat, lambda done, total: None)
    assert [list(one.body["files"]) for one in chat.sent] == [["a.txt"], ["b.txt"], ["c.txt"]]


def test_a_folder_of_which_nothing_can_be_read_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"no pdf")
    skipped = [{"source": "a.pdf", "reason": "damaged, or no pdf"}]
    chat = FakeChat({UPLOAD: [{"documents": 0, "chunks": 0, "skipped": skipped}]})
    with pytest.raises(UsageError, match=r"no document that can be read; a\.pdf: damaged"):
        index(IndexRequest(tmp_path, "docs"), _running(chat).deps, chat, lambda done, total: None)


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_nothing_to_index_is_said_so(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError):
        index(IndexRequest(tmp_path / name, "docs"), _running().deps, FakeChat(), lambda done, total: None)


def test_logs_gives_the_last_lines_and_names_a_near_service() -> None:
    world = _running()
    assert list(logs(["rag"], world.deps, lines=2, follow=False)) == [("rag", "two"), ("rag", "three")]
    with pytest.raises(UsageError) as caught:
        list(logs(["rag", "rga"], world.deps, lines=2, follow=False))
    assert caught.value.hint == "aisuite logs rag"


def test_logs_without_a_name_are_those_of_all_services_in_start_order() -> None:
    world = _running()
    world.engine.say("api-gateway", "hello")
    told = list(logs([], world.deps, lines=1, follow=False))
    assert told == [("api-gateway", "hello"), ("rag", "three")]


def test_logs_of_a_stack_that_is_down_can_be_read_by_name(tmp_path: Path) -> None:
    world = _running(folder=tmp_path)
    down(world.deps)
    assert list(logs(["rag"], world.deps, lines=1, follow=False)) == [("rag", "three")]
    with pytest.raises(NotRunning):
        list(logs([], world.deps, lines=1, follow=False))


def test_followed_logs_come_from_all_services_as_they_are_written() -> None:
    world = _running()
    lines = logs(["rag", "qdrant"], world.deps, lines=1, follow=True)
    assert next(lines) == ("rag", "three")
    world.engine.say("qdrant", "four")
    assert next(lines) == ("qdrant", "four")
    world.engine.say("rag", "five")
    assert next(lines) == ("rag", "five")


def test_status_tells_a_dead_service_from_a_healthy_one() -> None:
    world = _running()
    assert status(world.deps).exit_code == 0
    world.engine.stop("rag")
    report = status(world.deps)
    assert report.exit_code == 5
    row = {one.name: (one.state, one.health) for one in report.services}
    assert row["rag"] == ("absent", "-")
    assert row["qdrant"] == ("running", "healthy")


def test_a_record_of_another_version_counts_as_none() -> None:
    world = _running()
    for text in ("{", "[]", '{"schema": "aisuite.record/9"}', '{"schema": "aisuite.record/1", "services": [1]}'):
        world.workdir.files["stack.json"] = text
        assert status(world.deps).record is None


def test_down_stops_everything_and_a_second_down_finds_nothing(tmp_path: Path) -> None:
    world = _running(folder=tmp_path)
    report = down(world.deps)
    assert set(report.stopped) == {one.name for one in phase2_stack().services}
    assert world.engine.observe().services == ()
    assert status(world.deps).record is None
    assert "secrets/gateway_key" in world.workdir.files
    assert down(world.deps).stopped == ()


def test_down_works_on_what_a_crashed_engine_left(tmp_path: Path) -> None:
    world = _running(folder=tmp_path)
    world.engine.crash()
    assert len(down(world.deps).stopped) == 6
    assert world.engine.observe().services == ()
