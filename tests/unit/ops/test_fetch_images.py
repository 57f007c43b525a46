"""`up` and container images: what is fetched before anything starts, and what is said when nothing may be."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aisuite.errors import DownloadFailed
from aisuite.ops.carry_out import Event
from aisuite.ops.fetch_images import Pull
from aisuite.ops.images import Policy
from aisuite.ops.up import UpReport, UpRequest, up
from aisuite.ports import LocalImage, Recipe
from aisuite.stack.image_lock import Locked
from aisuite.stack.model import Stack
from tests.fakes.images import FakeImages, hashed
from tests.fakes.stacks import phase2_stack
from tests.unit.ops.deps import World, make_world

LLAMA, GATEWAY, STORE, OURS = "ghcr.io/x/llama:1", "ghcr.io/x/gateway:1", "qdrant/qdrant:1", "aisuite/service:1"
IMAGES = {"inference-chat": LLAMA, "inference-code": LLAMA, "api-gateway": GATEWAY, "qdrant": STORE}
BASE = Recipe().base


def contained() -> Stack:
    """Return phase 2 in containers."""
    stack = phase2_stack()
    services = (replace(one, image=IMAGES.get(one.name, OURS)) for one in stack.services)
    return replace(stack, services=tuple(services))


def make_images() -> FakeImages:
    return FakeImages({LLAMA: "llama", GATEWAY: "litellm", STORE: "qdrant", BASE: "python"})


def bring_up(
    world: World, images: FakeImages, policy: Policy = "missing", *, dry_run: bool = False, flags: str = ""
) -> UpReport:
    pull = Pull(policy, {STORE: Locked(hashed("qdrant"), hashed("id qdrant"))}, flags)
    return up(UpRequest(contained(), pull=pull, dry_run=dry_run), replace(world.deps, images=images))


def subjects(report: UpReport, cause: str) -> set[str]:
    return {step.subject for step in report.plan.steps if step.cause == cause}


def test_what_is_missing_is_fetched_or_made_before_anything_starts() -> None:
    world, images = make_world(), make_images()
    report = bring_up(world, images)
    # A locked one by its digest; the base of our own image, too.
    assert set(images.asked) == {LLAMA, GATEWAY, f"{STORE}@{hashed('qdrant')}", BASE}
    assert set(images.here) == {LLAMA, GATEWAY, STORE, OURS, BASE}
    assert subjects(report, "it is not on this machine") == {LLAMA, GATEWAY, STORE, OURS}
    assert [one.step.verb for one in report.results] == ["prepare"] * 4 + ["start"] * 6


def test_with_nothing_to_do_no_image_is_looked_for() -> None:
    world, images = make_world(), make_images()
    bring_up(world, images)
    images.find = None  # type: ignore[assignment, method-assign]
    assert not bring_up(world, images).plan


def test_a_fetch_that_fails_starts_nothing_and_keeps_what_came() -> None:
    world, images = make_world(), make_images()
    del images.registry[GATEWAY]
    with pytest.raises(DownloadFailed, match="cannot fetch"):
        bring_up(world, images)
    assert world.engine.calls == []
    assert world.workdir.files == {}
    images.registry[GATEWAY] = "litellm"
    assert bring_up(world, images).exit_code == 0


def test_a_base_that_cannot_be_had_is_said_with_what_it_is_for() -> None:
    world, images = make_world(), make_images()
    del images.registry[BASE]
    with pytest.raises(DownloadFailed, match=f"{OURS} is made on this machine") as caught:
        bring_up(world, images)
    assert caught.value.hint is not None
    assert caught.value.hint.endswith("images build --base IMAGE; for good: images.service_base in the profile")


def test_our_own_image_is_made_on_what_the_profile_says() -> None:
    world, images = make_world(), make_images()
    images.registry["python:3.12-slim"] = "another python"
    up(UpRequest(replace(contained(), service_base="python:3.12-slim")), replace(world.deps, images=images))
    assert "python:3.12-slim" in images.asked
    assert BASE not in images.asked


def test_when_nothing_may_be_fetched_all_that_is_missing_is_named_with_the_commands() -> None:
    world, images = make_world(), make_images()
    images.pull(LLAMA, lambda stage, done, total: None)
    with pytest.raises(DownloadFailed) as caught:
        bring_up(world, images, "never", flags="--phase 2")
    assert f"- {OURS}, for embedding, rag: it is not on this machine" in caught.value.message
    assert GATEWAY in caught.value.message
    assert LLAMA not in caught.value.message
    assert caught.value.hint is not None
    assert "aisuite images load FOLDER" in caught.value.hint
    assert "aisuite images pull --phase 2 && aisuite images build --phase 2" in caught.value.hint
    assert images.asked == [LLAMA]
    assert world.engine.calls == []


def test_an_image_that_is_not_the_locked_one_is_said_to_be_another() -> None:
    world, images = make_world(), make_images()
    images.registry[STORE] = "another qdrant"
    images.pull(STORE, lambda stage, done, total: None)
    why = "another one is here than aisuite-images.lock names"
    assert subjects(bring_up(world, images, dry_run=True), why) == {STORE}
    with pytest.raises(DownloadFailed, match=f"- {STORE}, for qdrant: {why}"):
        bring_up(world, images, "never")
    images.registry[STORE] = "qdrant"
    assert bring_up(world, images).exit_code == 0
    assert images.here[STORE].digest == hashed("qdrant")


def test_when_all_images_are_here_nothing_need_be_fetched() -> None:
    world, images = make_world(), make_images()
    bring_up(make_world(), images)
    images.asked.clear()
    assert bring_up(world, images, "never").exit_code == 0
    assert images.asked == []


def test_always_fetches_even_when_nothing_has_to_be_started() -> None:
    world, images = make_world(), make_images()
    bring_up(world, images)
    images.asked.clear()
    report = bring_up(world, images, "always")
    assert subjects(report, "to be fetched always") == {LLAMA, GATEWAY, STORE}
    assert BASE not in images.asked
    assert [one.step.verb for one in report.results] == ["prepare"] * 3


def test_a_container_of_the_image_before_is_recreated_by_always_and_by_nothing_else() -> None:
    world, images = make_world(), make_images()
    bring_up(world, images)
    for name, service in world.engine.world.services.items():
        reference = IMAGES.get(name, OURS)
        world.engine.world.services[name] = replace(service, image=images.here[reference].id)
    images.registry[LLAMA] = "a newer llama"
    assert not bring_up(world, images).plan
    report = bring_up(world, images, "always")
    assert {step.subject for step in report.plan.steps if step.verb == "recreate"} == {
        "inference-chat",
        "inference-code",
    }
    assert subjects(report, "changed: image") == {"inference-chat", "inference-code"}


def test_a_dry_run_shows_what_would_be_fetched_and_fetches_nothing() -> None:
    world, images = make_world(), make_images()
    report = bring_up(world, images, dry_run=True)
    assert subjects(report, "it is not on this machine") == {LLAMA, GATEWAY, STORE, OURS}
    assert images.asked == []


def test_progress_is_told_in_mib() -> None:
    world, images, seen = make_world(), make_images(), list[Event]()
    images.registry[LLAMA] = "x" * 3 * 2**20
    up(UpRequest(contained()), replace(world.deps, images=images), seen.append)
    told = [event.detail for event in seen if event.kind == "progress" and event.step.subject == LLAMA]
    assert told == ["downloading, MiB 3/3"]


def test_our_own_image_holds_the_vector_store_only_where_it_is_that_store() -> None:
    world, images = make_world(), make_images()
    bring_up(world, images)
    assert images.here[OURS].recipe == f"{images.here[BASE].id} False False"
    stack = contained()
    services = tuple(replace(one, image=OURS) if one.name == "qdrant" else one for one in stack.services)
    images.here.pop(OURS)
    up(UpRequest(replace(stack, services=services)), replace(make_world().deps, images=images))
    assert images.here[OURS].recipe == f"{images.here[BASE].id} True False"


def test_an_image_that_is_to_run_models_of_fastembed_is_made_so() -> None:
    images, own = make_images(), f"{OURS}-fastembed"
    stack = contained()
    services = tuple(replace(one, image=own) if one.name == "embedding" else one for one in stack.services)
    up(UpRequest(replace(stack, services=services)), replace(make_world().deps, images=images))
    assert images.here[OURS].recipe == f"{images.here[BASE].id} False False"
    assert images.here[own].recipe == f"{images.here[BASE].id} False True"


def test_an_image_that_is_not_the_locked_one_is_fetched_by_its_digest() -> None:
    world, images = make_world(), make_images()
    images.here = {name: LocalImage(hashed("x"), 1, hashed("y")) for name in (LLAMA, GATEWAY, STORE, OURS)}
    bring_up(world, images)
    assert images.asked == [f"{STORE}@{hashed('qdrant')}"]
