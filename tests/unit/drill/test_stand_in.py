"""The stand-in is found where the server was, and rendered like any other service."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aisuite.drill.model import POISON, StubMode
from aisuite.drill.stand_in import find_ours, stand_in
from aisuite.services.stub.settings import StubSettings
from aisuite.stack.model import EngineName, Stack
from aisuite.stack.resolve import resolve
from tests.fakes.profiles import ENGINES, make_renderer, make_site, shipped
from tests.fakes.stacks import make_service, make_stack


def phase2(engine: EngineName) -> Stack:
    return resolve(shipped("demo"), "demo", make_site(engine=engine))


@pytest.mark.parametrize("engine", ENGINES)
def test_it_has_the_name_the_address_and_the_key_of_the_server(engine: EngineName) -> None:
    stack = phase2(engine)
    server = stack.service("inference-chat")
    other = stand_in(server, StubMode.CUT, stack)
    assert (other.name, other.role, other.listen, other.published) == (
        server.name,
        server.role,
        server.listen,
        server.published,
    )
    assert {use.secret for use in other.secrets} == {use.secret for use in server.secrets}
    assert other.ready_url == server.ready_url


@pytest.mark.parametrize("engine", ENGINES)
def test_it_runs_like_a_service_of_ours(engine: EngineName) -> None:
    stack = phase2(engine)
    ours, other = find_ours(stack), stand_in(stack.service("inference-chat"), StubMode.CUT, stack)
    assert ours is not None
    assert (other.image, other.user, other.command[0]) == (ours.image, ours.user, ours.command[0])
    assert bool(other.healthcheck) == (engine == "docker")
    assert not any("kill" in word for word in other.healthcheck)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("mode", list(StubMode))
def test_the_stub_reads_exactly_what_it_is_given(engine: EngineName, mode: StubMode) -> None:
    stack = phase2(engine)
    other = stand_in(stack.service("inference-chat"), mode, stack)
    files = {use.variable: f"/run/{use.secret}" for use in other.secrets if use.variable}
    given = {name.lower(): value for name, value in (*other.environment, *files.items())}
    settings = StubSettings.model_validate(given)
    assert given.keys() <= StubSettings.model_fields.keys()
    assert (settings.stub_mode, settings.stub_poison) == (mode.value, POISON)


@pytest.mark.parametrize("engine", ENGINES)
def test_only_the_description_of_the_service_that_it_replaces_is_rendered_anew(engine: EngineName) -> None:
    stack, renderer = phase2(engine), make_renderer()
    other = stand_in(stack.service("inference-chat"), StubMode.SLOW, stack)
    services = tuple(other if one.name == other.name else one for one in stack.services)
    before, after = renderer.render(stack), renderer.render(replace(stack, services=services))
    changed = [name for name, text in after.items() if before[name] != text]
    # And what a backup reads, which tells the images of all services and what they keep.
    assert changed == ["compose.yaml" if engine == "docker" else "process/services/inference-chat.json", "state.json"]


def test_slow_is_within_every_time_out_and_too_slow_beyond_the_longest() -> None:
    stack = phase2("process")
    delays = {
        mode: float(dict(stand_in(stack.service("inference-chat"), mode, stack).environment)["STUB_DELAY"])
        for mode in (StubMode.SLOW, StubMode.TOO_SLOW)
    }
    policy = stack.policy
    assert 0 < delays[StubMode.SLOW] < min(policy.health_timeout, policy.stream_timeout, policy.request_timeout)
    assert delays[StubMode.TOO_SLOW] > policy.request_timeout


def test_without_a_service_of_ours_there_is_none() -> None:
    stack = make_stack(make_service("inference-chat", 8001))
    with pytest.raises(ValueError, match="phase 2"):
        stand_in(stack.service("inference-chat"), StubMode.SLOW, stack)
