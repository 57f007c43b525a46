"""Going back: to which generation, with which images, and what it may cost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aisuite.errors import DownloadFailed, DriftError, NotReady, RestoreRefused, StepFailed, UsageError
from aisuite.ops.generations import current_number
from aisuite.ops.record import require_record
from aisuite.ops.restart import restart
from aisuite.ops.rollback import RollbackRequest, as_brought_back, choose_target, rollback
from aisuite.ops.status import status
from aisuite.ops.up import UpRequest, up
from aisuite.ops.upgrade_journal import Pending, begin_upgrade, read_upgrade
from aisuite.ports import Deps
from aisuite.stack.model import Stack, State
from tests.fakes.images import FakeImages
from tests.unit.ops.deps import World
from tests.unit.ops.generation_world import STACK, Backups, changeable_world, changed

NEWER = changed(STACK, "rag", "--topk", "9")
DATABASE = "/data/rag.db"


def keeping(stack: Stack) -> Stack:
    """Return the stack with a database of RAG's."""
    state = State(databases=(DATABASE,))
    return replace(
        stack, services=tuple(replace(one, state=state) if one.name == "rag" else one for one in stack.services)
    )


def go_back(world: World, number: int | None = None, *, lose: bool = False) -> Backups:
    backups = Backups()
    rollback(RollbackRequest(number, lose), world.deps, backups)
    return backups


def two_generations(world: World) -> World:
    up(UpRequest(STACK), world.deps)
    up(UpRequest(NEWER), world.deps)
    world.engine.calls.clear()
    return world


def test_only_what_differs_is_changed_and_its_files_lie_where_they_did() -> None:
    world = two_generations(changeable_world())
    assert go_back(world).said == []
    assert world.engine.calls == ["open", "stop rag", "start rag"] or world.engine.calls[1:] == [
        "stop rag",
        "start rag",
    ]
    assert world.workdir.read("process/rag") == "rag --port 8002"
    assert current_number(world.workdir) == 1
    assert status(world.deps).exit_code == 0


def test_it_needs_neither_the_profile_nor_the_templates() -> None:
    world = two_generations(changeable_world())

    class Broken:
        def render(self, stack: Stack) -> dict[str, str]:
            raise AssertionError(f"{stack.profile} was rendered again")

    rollback(RollbackRequest(), replace(world.deps, renderer=Broken()), Backups())
    assert current_number(world.workdir) == 1


def test_it_works_when_nothing_runs() -> None:
    world = two_generations(changeable_world())
    world.engine.close()
    go_back(world)
    assert {one.name for one in world.engine.observe().services} == {one.name for one in STACK.services}


def test_what_starts_services_again_goes_on_with_what_was_brought_back_until_the_next_up() -> None:
    world = two_generations(changeable_world())
    assert require_record(world.workdir).generation is None
    go_back(world)
    assert require_record(world.workdir).generation == 1
    world.engine.calls.clear()

    restart(*as_before(world, ["rag"]))

    assert [call for call in world.engine.calls if call.startswith("start")] == ["start rag"]
    assert status(world.deps).exit_code == 0
    with pytest.raises(DriftError):  # as without a rollback: by the profile, which says something else
        restart(NEWER, ["rag"], world.deps)
    world.workdir.write({"process/rag": "rag --by-hand"})
    with pytest.raises(DriftError, match="process/rag"):
        restart(*as_before(world, ["rag"]))
    up(UpRequest(NEWER), world.deps)
    assert require_record(world.workdir).generation is None


def as_before(world: World, names: list[str]) -> tuple[Stack, list[str], Deps]:
    """Return how what was brought back is restarted."""
    stack, deps = as_brought_back(require_record(world.workdir).generation or 0, world.deps)
    return stack, names, deps


def test_what_came_back_in_part_is_known_as_such() -> None:
    world = two_generations(changeable_world())
    start = world.engine.start

    def fails(service, fingerprint):  # type: ignore[no-untyped-def]
        if service.name == "rag":
            raise StepFailed("no room")
        start(service, fingerprint)

    world.engine.start = fails  # type: ignore[method-assign]
    with pytest.raises(StepFailed):
        go_back(world)
    assert require_record(world.workdir).generation == 1


def test_there_and_back_again() -> None:
    world = two_generations(changeable_world())
    go_back(world, 1)
    go_back(world, 2)
    assert current_number(world.workdir) == 2
    assert world.workdir.read("process/rag") == "rag --port 8002 --topk 9"


def test_without_a_number_it_is_the_newest_that_was_up_before_this_one() -> None:
    world = two_generations(changeable_world())
    with pytest.raises(NotReady):
        up(UpRequest(changed(STACK, "rag", "--bad")), world.deps)
    up(UpRequest(changed(STACK, "rag", "--x")), world.deps)
    assert current_number(world.workdir) == 4
    assert choose_target(world.workdir, None) == 2


def test_without_one_before_there_is_nothing_to_go_back_to() -> None:
    world = changeable_world()
    with pytest.raises(UsageError, match="there is no generation in"):
        go_back(world)
    up(UpRequest(STACK), world.deps)
    with pytest.raises(UsageError, match="there is no generation before 1 that was up"):
        go_back(world)
    with pytest.raises(UsageError, match="there is no generation 7"):
        go_back(world, 7)


def test_a_killed_upgrade_is_what_a_rollback_takes_back() -> None:
    world = two_generations(changeable_world())
    begin_upgrade(world.workdir, Pending(2, None))
    assert choose_target(world.workdir, None) == 2
    go_back(world)
    assert read_upgrade(world.workdir) is None


def test_an_up_that_ends_well_ends_an_upgrade_that_was_killed() -> None:
    world = two_generations(changeable_world())
    begin_upgrade(world.workdir, Pending(1, None))
    with pytest.raises(NotReady):
        up(UpRequest(changed(STACK, "rag", "--bad"), strict=True), world.deps)
    assert choose_target(world.workdir, None) == 1
    up(UpRequest(changed(STACK, "rag", "--topk", "7")), world.deps)
    assert choose_target(world.workdir, None) == 2


def with_a_newer_schema(bundle: str | None = "20261121T141500Z") -> tuple[World, dict[str, int]]:
    """Return a world whose second generation has changed a database, and the schemas that it has."""
    schemas = {DATABASE: 1}
    world = changeable_world(schemas)
    up(UpRequest(keeping(STACK)), world.deps)
    up(UpRequest(keeping(NEWER), bundle=bundle), world.deps)
    schemas[DATABASE] = 2
    return world, schemas


def test_a_changed_schema_is_refused_before_anything_is_touched_and_says_what_would_be_lost() -> None:
    world, _ = with_a_newer_schema()
    calls, files = list(world.engine.calls), dict(world.workdir.files)
    with pytest.raises(RestoreRefused) as caught:
        go_back(world)
    assert f"{DATABASE} has the schema 2, and had 1" in caught.value.message
    assert "all that was written since the backup 20261121T141500Z would be lost" in caught.value.message
    assert caught.value.hint == "aisuite rollback 1 --yes"
    assert (world.engine.calls, world.workdir.files) == (calls, files)


def test_a_changed_schema_comes_back_with_its_backup_while_its_service_is_stopped_and_the_others_answer() -> None:
    world, schemas = with_a_newer_schema()
    seen: list[object] = []

    class Looking(Backups):
        def restore(self, bundle: str) -> None:
            running = {one.name for one in world.engine.observe().services}
            seen.extend(
                [bundle, {one.name for one in STACK.services} - running, world.workdir.read("current/process/rag")]
            )
            schemas[DATABASE] = 1

        def reconcile(self, stack: Stack) -> None:
            seen.append(status(world.deps).exit_code)

    report = rollback(RollbackRequest(lose=True), world.deps, Looking())
    assert seen == ["20261121T141500Z", {"rag"}, "rag --port 8002", 0]
    assert report.restored == "20261121T141500Z"
    assert status(world.deps).exit_code == 0


def test_a_rollback_that_was_cut_off_while_data_came_back_is_gone_on_with() -> None:
    world, schemas = with_a_newer_schema()

    class Killed(BaseException):
        pass

    class Dying(Backups):
        def restore(self, bundle: str) -> None:
            raise Killed

    with pytest.raises(Killed):
        rollback(RollbackRequest(1, lose=True), world.deps, Dying())
    assert choose_target(world.workdir, None) == 1
    assert go_back(world, lose=True).said == ["restore 20261121T141500Z", "reconcile"]
    assert read_upgrade(world.workdir) is None
    assert schemas == {DATABASE: 2}  # these backups bring nothing back


def test_an_older_schema_is_no_reason_to_refuse_services_bring_it_forward() -> None:
    schemas = {DATABASE: 2}
    world = changeable_world(schemas)
    up(UpRequest(keeping(STACK)), world.deps)
    up(UpRequest(keeping(NEWER)), world.deps)
    schemas[DATABASE] = 1
    assert go_back(world).said == []
    assert current_number(world.workdir) == 1


def test_a_changed_schema_without_a_backup_is_refused() -> None:
    world, _ = with_a_newer_schema(bundle=None)
    with pytest.raises(RestoreRefused, match="no backup was made"):
        go_back(world, lose=True)


def in_containers(stack: Stack) -> Stack:
    return replace(stack, services=tuple(replace(one, image="ghcr.io/someone/all:1") for one in stack.services))


def test_the_name_of_an_image_means_again_what_it_meant() -> None:
    world, images = changeable_world(), FakeImages({"ghcr.io/someone/all:1": "old"})
    world = replace(world, deps=replace(world.deps, images=images))
    up(UpRequest(in_containers(STACK)), world.deps)
    old = images.here["ghcr.io/someone/all:1"].id
    images.registry["ghcr.io/someone/all:1"] = "new"
    images.pull("ghcr.io/someone/all:1", lambda *_: None)
    up(UpRequest(in_containers(STACK), by_image=True), world.deps)
    assert images.here["ghcr.io/someone/all:1"].id != old
    assert current_number(world.workdir) == 2
    go_back(world)
    assert images.here["ghcr.io/someone/all:1"].id == old
    assert current_number(world.workdir) == 1


def test_an_image_that_is_gone_is_said_before_anything_is_touched() -> None:
    world, images = changeable_world(), FakeImages({"ghcr.io/someone/all:1": "old"})
    world = replace(world, deps=replace(world.deps, images=images))
    up(UpRequest(in_containers(STACK)), world.deps)
    images.registry["ghcr.io/someone/all:1"] = "new"
    images.pull("ghcr.io/someone/all:1", lambda *_: None)
    up(UpRequest(in_containers(STACK), by_image=True), world.deps)
    images.untagged.clear()
    calls = list(world.engine.calls)
    with pytest.raises(DownloadFailed, match=r"generation 1 ran ghcr\.io/someone/all:1 from the image sha256:"):
        go_back(world)
    assert world.engine.calls == calls


def test_a_changed_schema_is_refused_when_its_backup_is_gone() -> None:
    world, _ = with_a_newer_schema()
    world.engine.calls.clear()
    with pytest.raises(RestoreRefused, match="20261121T141500Z from before is not there any more"):
        rollback(RollbackRequest(lose=True), world.deps, Backups(gone=True))
    assert world.engine.calls == []
