"""`health` on fakes: it waits while waiting helps, looks everywhere, and says what is wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import pytest

from aisuite.bundle.identity import make_id
from aisuite.bundle.model import Level, Verified
from aisuite.errors import NotRunning, StepFailed
from aisuite.ops.health import HealthReport, HealthRequest, follow_health, health
from aisuite.ops.health_judge import Outcome, Verdict
from aisuite.ops.measured_file import Measured, ServerReport, write_measured
from aisuite.ops.up import UpRequest, up
from aisuite.plan.observed import State
from tests.fakes.bundles import put_bundle
from tests.fakes.chat import FakeChat
from tests.fakes.engine import Program
from tests.fakes.gpu import FakeCard, FakeGpu
from tests.fakes.probe import FakeProbe
from tests.fakes.shelf import FakeShelf
from tests.fakes.stacks import phase2_stack
from tests.unit.ops.deps import World, make_world

GATEWAY, QDRANT, RAG = "http://127.0.0.1:8000", "http://127.0.0.1:6333", "http://127.0.0.1:8002"
COMPLETIONS = f"{GATEWAY}/v1/chat/completions"
TOKEN = {"choices": [{"message": {"content": "Hello"}}], "usage": {"completion_tokens": 1}}
SERVERS = [("chat-7b", "inference-chat"), ("chat-7b", "inference-code"), ("code-7b", "inference-code")]
LOOK = HealthRequest(samples=2)
ONE_LOOK = HealthRequest(wait=0, samples=2)


def _running(folder: Path, chat: FakeChat | None = None) -> World:
    world = make_world(chat=chat or FakeChat({COMPLETIONS: [TOKEN]}), folder=folder)
    up(UpRequest(phase2_stack()), world.deps)
    for name in ("gateway_key", "service_key"):
        world.workdir.ensure_secret(name)
    _probe(world).tells = {
        f"{GATEWAY}/v1/models": {"data": []},
        f"{GATEWAY}/model/info": {
            "data": [{"model_name": route, "model_info": {"id": f"{route}--{server}"}} for route, server in SERVERS]
        },
        f"{QDRANT}/collections": {"result": {"collections": [{"name": "docs"}]}},
        f"{QDRANT}/collections/docs/snapshots": {"result": []},
        f"{RAG}/health": {"status": "ok", "dependencies": {"qdrant": "ok"}},
        f"{RAG}/health?llm=true": {"status": "ok", "dependencies": {"qdrant": "ok", "llm": "ok"}},
    }
    return world


def _probe(world: World) -> FakeProbe:
    assert isinstance(world.deps.probe, FakeProbe)
    return world.deps.probe


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Phase 2, up and well."""
    return _running(tmp_path)


def _look(world: World, request: HealthRequest = LOOK) -> HealthReport:
    return health(request, world.deps, world.chat, FakeShelf(world.workdir.folder / "backups"))


def _failed(report: HealthReport) -> dict[str, str]:
    return {one.subject: one.words for one in report.failed}


def _end(world: World, name: str, state: State) -> None:
    services = world.engine.world.services
    services[name] = replace(services[name], state=state, pid=None, started_at=None)


def test_a_stack_that_is_well_is_healthy_at_the_first_look(world: World) -> None:
    before = world.deps.clock.monotonic()
    report = _look(world)
    assert (report.verdict, report.exit_code, report.failed) == (Verdict.HEALTHY, 0, ())
    assert world.deps.clock.monotonic() == before
    assert {one.check for one in report.findings} == {"ready", "p95", "snapshots", "backup"}
    assert world.chat.sent == []  # no tokens unless asked for


def test_that_there_is_no_backup_is_a_note_and_no_fault(world: World) -> None:
    note = _look(world).findings[-1]
    assert (note.check, note.outcome, note.fix) == ("backup", Outcome.NOTE, "aisuite backup")


def test_the_age_of_the_newest_verified_backup_is_told(world: World) -> None:
    shelf = FakeShelf(world.workdir.folder / "backups")
    now = datetime.fromtimestamp(world.deps.clock.now(), UTC)
    project = _look(world).record.project
    for days, verified in ((9, True), (1, False)):
        bundle = make_id(now - timedelta(days=days))
        put_bundle(shelf, bundle, {}, project)
        shelf.set_verified(bundle, Verified(Level.FULL, "2026-11-21T00:00:00Z") if verified else None)
    old = health(LOOK, world.deps, world.chat, shelf).findings[-1]
    assert (old.outcome, old.words, old.figure) == (
        Outcome.NOTE,
        "the newest verified backup is 9 days old",
        9 * 86400,
    )
    shelf.set_verified(shelf.list()[-1], Verified(Level.QUICK, "2026-11-21T00:00:00Z"))
    new = health(LOOK, world.deps, world.chat, shelf).findings[-1]
    assert (new.outcome, new.words, new.fix) == (Outcome.PASS, "the newest verified backup is 24 h old", None)


def test_nothing_was_started_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(NotRunning, match="nothing was started"):
        _look(make_world(folder=tmp_path))


def test_a_service_that_becomes_ready_in_time_is_healthy(world: World) -> None:
    world.engine.programs["rag"] = Program(ready_after=world.engine.world.probed["rag"] + 4)
    assert _look(world, replace(LOOK, wait=0)).verdict is Verdict.DEGRADED
    assert _look(world).verdict is Verdict.HEALTHY
    assert 0 < world.deps.clock.monotonic() < LOOK.wait


def test_a_service_that_does_not_become_ready_costs_the_time_and_no_more(world: World) -> None:
    world.engine.programs["rag"] = Program(never_ready=True)
    report = _look(world)
    assert (report.verdict, report.exit_code) == (Verdict.DEGRADED, 5)
    assert list(_failed(report)) == ["rag"]
    assert LOOK.wait - 1 <= world.deps.clock.monotonic() <= LOOK.wait


@pytest.mark.parametrize("state", [State.EXITED, State.FAILED])
def test_nobody_waits_for_what_has_ended_for_good_nor_for_those_who_need_it(world: World, state: State) -> None:
    _end(world, "embedding", state)
    world.engine.programs["rag"] = Program(never_ready=True)
    before = world.deps.clock.monotonic()
    assert list(_failed(_look(world))) == ["embedding", "rag"]
    assert world.deps.clock.monotonic() == before


def test_one_model_server_less_is_degraded_and_both_less_is_down(world: World) -> None:
    _end(world, "inference-code", State.EXITED)
    assert _look(world).verdict is Verdict.DEGRADED
    _end(world, "inference-chat", State.EXITED)
    assert _look(world).verdict is Verdict.DOWN


def test_a_service_names_the_dependency_that_it_misses(world: World) -> None:
    world.engine.programs["rag"] = Program(never_ready=True)
    _probe(world).tells[f"{RAG}/health"] = {"dependencies": {"qdrant": "it does not answer", "embedding": "ok"}}
    report = _look(world, ONE_LOOK)
    assert _failed(report) == {"rag": "it runs and is not ready: qdrant: it does not answer"}
    seen = next(one for one in report.services if one.name == "rag")
    assert (seen.alive, seen.dependencies["embedding"]) == (True, "ok")


def test_a_service_that_hangs_is_told_from_one_that_is_not_ready(world: World) -> None:
    world.engine.signal("rag", "STOP")
    report = _look(world, ONE_LOOK)
    seen = next(one for one in report.services if one.name == "rag")
    assert (seen.alive, seen.ready) == (False, False)
    assert f"{RAG}/livez" in _probe(world).asked


def test_errors_in_a_log_and_restarts_are_noted(world: World) -> None:
    secret = world.workdir.files["secrets/service_key"].strip()
    world.engine.say("qdrant", f"2026-11-21T12:00:00Z ERROR qdrant: {secret} is wrong")
    world.engine.signal("embedding", "KILL")
    report = _look(world)
    notes = {one.subject: one.words for one in report.findings if one.outcome is Outcome.NOTE}
    assert report.verdict is Verdict.HEALTHY
    assert notes["qdrant"].startswith("1 error in its log")
    assert secret not in notes["qdrant"]
    assert "once" in notes["embedding"]


def test_a_gateway_that_lists_no_models_fails(world: World) -> None:
    del _probe(world).tells[f"{GATEWAY}/v1/models"]
    assert _failed(_look(world)) == {"api-gateway": "2 of 2 requests were not answered"}


def test_a_store_without_a_snapshot_api_fails(world: World) -> None:
    del _probe(world).tells[f"{QDRANT}/collections/docs/snapshots"]
    assert _failed(_look(world)) == {"qdrant": "it does not list the snapshots of docs"}
    del _probe(world).tells[f"{QDRANT}/collections"]
    assert _failed(_look(world)) == {"qdrant": "it does not list its collections"}


def test_deep_asks_every_route_and_every_server_behind_it_for_one_token(world: World) -> None:
    report = _look(world, replace(LOOK, deep=True))
    assert report.verdict is Verdict.HEALTHY
    asked = sorted(sent.body["model"] for sent in world.chat.sent)
    assert asked == sorted(["chat-7b", "code-7b", *(f"{route}--{server}" for route, server in SERVERS)])
    assert {sent.body["max_tokens"] for sent in world.chat.sent} == {1}
    tokens = [one.subject for one in report.findings if one.check == "token"]
    assert tokens == [
        "chat-7b",
        "code-7b",
        "chat-7b by inference-chat",
        "chat-7b by inference-code",
        "code-7b by inference-code",
        "rag",
    ]


def test_a_route_that_does_not_answer_is_asked_again_while_there_is_time(tmp_path: Path) -> None:
    world = _running(tmp_path, FakeChat({COMPLETIONS: [StepFailed("the server refused (HTTP 500): no")]}))
    report = _look(world, replace(LOOK, deep=True))
    assert report.verdict is Verdict.DEGRADED
    assert _failed(report)["chat-7b by inference-code"] == "the server refused (HTTP 500): no"
    assert len(world.chat.sent) > len(report.failed)


def test_a_server_that_is_not_ready_is_not_asked_for_tokens_nor_waited_for(world: World) -> None:
    _end(world, "inference-code", State.EXITED)
    before = world.deps.clock.monotonic()
    report = _look(world, replace(LOOK, deep=True))
    assert world.deps.clock.monotonic() == before
    assert _failed(report)["chat-7b by inference-code"] == "not asked: inference-code is not ready"
    assert "chat-7b--inference-code" not in {sent.body["model"] for sent in world.chat.sent}


def test_where_no_model_is_ready_each_route_is_asked_once(tmp_path: Path) -> None:
    world = _running(tmp_path, FakeChat({COMPLETIONS: [StepFailed("no server is left")]}))
    for server in ("inference-chat", "inference-code"):
        _end(world, server, State.EXITED)
    before = world.deps.clock.monotonic()
    report = _look(world, replace(LOOK, deep=True))
    assert report.verdict is Verdict.DOWN
    assert world.deps.clock.monotonic() == before
    assert sorted(sent.body["model"] for sent in world.chat.sent) == ["chat-7b", "code-7b"]
    assert _failed(report)["chat-7b"] == "no server is left"
    assert _failed(report)["rag"] == "not asked: no model server is ready"


def test_without_a_gateway_no_route_is_asked(world: World) -> None:
    _end(world, "api-gateway", State.EXITED)
    report = _look(world, replace(LOOK, deep=True))
    assert report.verdict is Verdict.DOWN
    assert _failed(report)["routes"] == "not asked: the gateway is not ready"
    assert world.chat.sent == []


def test_deep_says_when_the_model_of_rag_does_not_answer(world: World) -> None:
    _probe(world).tells[f"{RAG}/health?llm=true"] = {"dependencies": {"llm": "the gateway refused"}}
    report = _look(world, replace(LOOK, deep=True))
    assert _failed(report) == {"rag": "its model does not answer: the gateway refused"}


def _on_card(world: World, gpu: FakeGpu) -> World:
    server = ServerReport("inference-chat", None, None, {"model": 1, "kv": 0, "compute": 0}, None, "within", "")
    write_measured(world.workdir, Measured({"inference-chat": server}))
    return replace(world, deps=replace(world.deps, gpu=gpu))


def test_a_full_card_fails_only_where_a_model_is_on_it(world: World) -> None:
    gpu = FakeGpu(FakeCard(programs={7: 5600}))
    assert _look(replace(world, deps=replace(world.deps, gpu=gpu))).verdict is Verdict.HEALTHY
    report = _look(_on_card(world, gpu))
    assert report.verdict is Verdict.DEGRADED
    assert _failed(report)["RTX 4050 Laptop"].startswith("5600 of 6141 MiB are taken (91%")


def test_a_driver_that_fails_is_a_failure_and_a_card_that_nobody_can_measure_is_noted(world: World) -> None:
    broken = FakeGpu(FakeCard())
    broken.broken = "GPU is lost"
    assert "GPU is lost" in _failed(_look(_on_card(world, broken)))["card"]
    report = _look(_on_card(world, FakeGpu()))
    assert report.verdict is Verdict.HEALTHY
    assert any(one.words.startswith("not measurable") for one in report.findings)


def test_what_a_drill_left_broken_fails_until_it_is_undone(world: World) -> None:
    world.workdir.write({"drill.json": "{}"})
    report = _look(world)
    assert report.verdict is Verdict.DEGRADED
    assert report.failed[0].fix == "aisuite failover-drill --undo"


def test_a_live_table_looks_once_each_time_and_outlives_a_down(world: World) -> None:
    world.engine.programs["rag"] = Program(never_ready=True)
    frames = follow_health(LOOK, lambda: world.deps, world.chat, FakeShelf(world.workdir.folder), 2.0)
    first = next(frames)
    assert isinstance(first, HealthReport)
    assert first.verdict is Verdict.DEGRADED
    assert world.deps.clock.monotonic() == 0
    world.workdir.remove("stack.json")
    gone = list(islice(frames, 2))
    assert all(isinstance(one, NotRunning) for one in gone)
    assert world.deps.clock.monotonic() == 4.0
