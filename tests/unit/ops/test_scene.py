"""Where a command has worked: the same configuration has the same digest, and images are told by what is there."""

from __future__ import annotations

from dataclasses import replace

from aisuite.errors import EngineUnavailable, GpuUnavailable
from aisuite.ops.scene import describe_scene, describe_state
from aisuite.ports import GpuDevice, LocalImage
from tests.fakes.images import FakeImages
from tests.fakes.stacks import make_service, make_stack, phase2_stack
from tests.unit.ops.deps import make_world


def test_the_same_configuration_has_the_same_digest_and_another_one_has_not() -> None:
    deps = make_world().deps
    one, same, other = (
        describe_scene(stack, {}, deps)["config"]["sha256"]
        for stack in (phase2_stack(), phase2_stack(), make_stack(make_service("rag", 1)))
    )
    assert one == same != other


def test_images_are_told_by_what_is_locked_and_what_the_engine_has() -> None:
    here = LocalImage("sha256:1", 5, "sha256:2")
    deps = replace(make_world().deps, images=FakeImages(here={"rag:1": here}))
    services = (
        replace(make_service("rag", 1), image="rag:1"),
        replace(make_service("qdrant", 2), image="qdrant:2"),
        make_service("api-gateway", 3),
    )
    assert describe_scene(make_stack(*services), {}, deps)["images"] == {
        "rag:1": {"locked": None, "id": "sha256:1", "digest": "sha256:2"},
        "qdrant:2": {"locked": None, "id": None, "digest": None},
    }


def test_a_card_whose_driver_fails_is_told_in_its_words() -> None:
    class Broken:
        def devices(self) -> tuple[GpuDevice, ...]:
            raise GpuUnavailable("the driver does not answer")

    deps = replace(make_world().deps, gpu=Broken())  # type: ignore[arg-type]
    assert describe_state(deps) == {"services": [], "gpu": "the driver does not answer"}


def test_an_engine_that_does_not_answer_is_told_in_its_words() -> None:
    class Gone:
        def observe(self) -> None:
            raise EngineUnavailable("nobody listens")

        def find(self, name: str) -> None:
            raise EngineUnavailable(f"nobody knows {name}")

    deps = replace(make_world().deps, engine=Gone(), images=Gone())  # type: ignore[arg-type]
    assert describe_state(deps)["services"] == "nobody listens"
    stack = make_stack(replace(make_service("rag", 1), image="rag:1"))
    assert describe_scene(stack, {}, deps)["images"] == "nobody knows rag:1"
