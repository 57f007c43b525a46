"""A world whose services can be changed: each renders its command, and one with `--bad` dies."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tests.fakes.engine import FakeEngine, Program
from tests.fakes.probe import FakeProbe
from tests.fakes.stacks import phase2_stack
from tests.unit.ops.deps import World, make_world

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aisuite.stack.model import Service, Stack


class CommandRenderer:
    """Renders every service's whole command."""

    def render(self, stack: Stack) -> dict[str, str]:
        return {f"{stack.engine}/{one.name}": " ".join(one.command) for one in stack.services}


class StrictEngine(FakeEngine):
    """A service behaves as its flags say: `--bad` dies at once, `--late` is never ready."""

    def start(self, service: Service, fingerprint: Mapping[str, str]) -> None:
        program = Program(dies=1, says=("error: unknown argument: --bad",)) if "--bad" in service.command else Program()
        self.programs[service.name] = replace(program, never_ready="--late" in service.command)
        super().start(service, fingerprint)


@dataclass
class Backups:
    """What an upgrade asks of backups; `said` is what it was asked for."""

    said: list[str] = field(default_factory=list)
    gone: bool = False  # nothing of what was saved is there any more

    def save(self) -> str:
        self.said.append("save")
        return "20261121T141500Z"

    def holds(self, bundle: str) -> bool:
        return not self.gone

    def restore(self, bundle: str) -> None:
        self.said.append(f"restore {bundle}")

    def reconcile(self, stack: Stack) -> None:
        self.said.append("reconcile")


def changeable_world(schemas: Mapping[str, int] | None = None) -> World:
    """Return a world; `schemas` is looked at again and again, so a test may change it."""
    world = make_world()
    engine = StrictEngine(world=world.engine.world)
    deps = replace(world.deps, engine=engine, probe=FakeProbe(engine), renderer=CommandRenderer())
    return replace(world, engine=engine, deps=replace(deps, schema_of=(schemas or {}).get))


def changed(stack: Stack, name: str, *flags: str) -> Stack:
    """Return the stack with other flags for one service."""
    services = tuple(
        replace(one, command=(*one.command, *flags)) if one.name == name else one for one in stack.services
    )
    return replace(stack, services=services)


STACK = phase2_stack()
