"""Images: which are needed, what is fetched and made."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from aisuite.errors import DownloadFailed
from aisuite.ops.images import NeededImage, Policy, build_image, list_images, needed_images, pull_images
from aisuite.ports import LocalImage, Recipe
from aisuite.stack.image_lock import Locked
from tests.fakes.images import FakeImages, hashed
from tests.fakes.profiles import make_profile, make_resolved

if TYPE_CHECKING:
    from aisuite.ports import Progress

CHAT, GATEWAY, OURS = "ghcr.io/x/llama:1", "ghcr.io/x/gateway:1", "aisuite/service:0.1.0"
NEEDED = (
    NeededImage(CHAT, ("inference-chat", "inference-code"), built=False),
    NeededImage(GATEWAY, ("api-gateway",), built=False),
    NeededImage(OURS, ("rag", "embedding"), built=True),
)


def make_images() -> FakeImages:
    return FakeImages({CHAT: "llama", GATEWAY: "litellm", "python:3.13-slim": "python"})


def silent(_reference: str) -> Progress:
    return lambda stage, done, total: None


def pull(images: FakeImages, lock: dict[str, Locked] | None = None, policy: Policy = "missing") -> tuple[str, ...]:
    return pull_images(NEEDED, images, lock or {}, policy=policy, progress_for=silent).changed


def test_each_image_of_the_stack_is_needed_once_with_all_its_services() -> None:
    needed = {one.reference: one for one in needed_images(make_resolved("docker"))}
    images = make_profile().images
    assert needed[images.llama].services == ("inference-chat", "inference-code")
    assert needed[images.service].services == ("embedding", "rag")
    assert [one.reference for one in needed.values() if one.built] == [images.service]
    assert needed_images(make_resolved("process")) == ()


def test_our_services_from_a_registry_are_fetched_not_made() -> None:
    stack = make_resolved("docker", images={"service": "registry.example/team/service:2"})
    assert not any(one.built for one in needed_images(stack))


def test_an_image_is_listed_with_what_the_engine_and_the_lock_have_of_it() -> None:
    images = make_images()
    pull(images)
    rows = {row.reference: row for row in list_images(NEEDED, images, {CHAT: Locked("sha256:x", "sha256:y")}).images}
    assert (rows[CHAT].state, rows[CHAT].bytes, rows[CHAT].digest) == ("present", 5, hashed("llama"))
    assert (rows[CHAT].pinned, rows[GATEWAY].pinned) == ("sha256:x", None)
    assert (rows[OURS].state, rows[OURS].id, rows[OURS].bytes) == ("missing", None, None)


def test_what_is_missing_is_fetched_and_never_what_is_made_here() -> None:
    images = make_images()
    assert pull(images) == (CHAT, GATEWAY)
    assert set(images.asked) == {CHAT, GATEWAY}
    assert pull(images) == ()
    assert pull(images, policy="always") == (CHAT, GATEWAY)


def test_never_fetches_nothing_and_names_what_is_missing() -> None:
    images = make_images()
    with pytest.raises(DownloadFailed, match=f"{CHAT}, {GATEWAY}") as caught:
        pull(images, policy="never")
    assert images.asked == []
    assert "aisuite images load" in str(caught.value.hint)
    pull(images)
    assert pull(images, policy="never") == ()


def test_a_locked_image_is_fetched_by_its_digest() -> None:
    images = make_images()
    assert pull(images, {CHAT: Locked(hashed("llama"), hashed("id"))}) == (f"{CHAT}@{hashed('llama')}", GATEWAY)
    assert images.find(CHAT) is not None


def test_other_bytes_than_the_locked_ones_are_not_taken() -> None:
    images = make_images()
    with pytest.raises(DownloadFailed, match="manifest unknown"):
        pull(images, {CHAT: Locked(hashed("another"), hashed("id"))})
    assert images.find(CHAT) is None


def test_the_first_failure_ends_the_other_pulls() -> None:
    begun = threading.Event()

    class Slow(FakeImages):
        def pull(self, reference: str, progress: Progress) -> None:
            if reference == GATEWAY:
                assert begun.wait(10)
                raise DownloadFailed("no")
            progress("downloading", 0, 0)
            begun.set()
            while True:
                progress("downloading", 1, 2)

    with pytest.raises(DownloadFailed, match="no"):
        pull(Slow())


def test_our_image_is_made_once_on_a_base_that_is_fetched() -> None:
    images = make_images()
    recipe = Recipe("python:3.13-slim")
    assert build_image(NEEDED, images, recipe, force=False, progress_for=silent).changed == (OURS,)
    assert images.asked == ["python:3.13-slim"]
    assert build_image(NEEDED, images, recipe, force=False, progress_for=silent).changed == ()
    assert build_image(NEEDED, images, recipe, force=True, progress_for=silent).changed == (OURS,)
    other = replace(recipe, vectordb=True)
    assert build_image(NEEDED, images, other, force=False, progress_for=silent).changed == (OURS,)
    assert images.asked == ["python:3.13-slim"]


def test_nothing_is_made_for_a_stack_without_our_services() -> None:
    images = FakeImages(here={CHAT: LocalImage("sha256:1", 1, None)})
    assert build_image(NEEDED[:1], images, Recipe("python:3.13-slim"), force=True, progress_for=silent).changed == ()
    assert images.asked == []
