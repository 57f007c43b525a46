"""A scratch suite shares nothing with the suite that it stands beside."""

from dataclasses import replace
from pathlib import Path

from aisuite.bundle.scratch import keepers, scratch_stack
from aisuite.stack.model import Dependency, Stack, State
from tests.fakes.stacks import FOLDER, make_service, make_stack

PORTS = {6333: 21000, 8100: 21001}


def make_two() -> Stack:
    diary = replace(
        make_service("diary", 8100, Dependency("qdrant"), Dependency("embedding"), command=("diary", "8100")),
        environment=(
            ("DATA", str(FOLDER / "data/diary")),
            ("EMBEDDING_URL", "http://127.0.0.1:8003"),
            ("QDRANT_URL", "http://127.0.0.1:6333/x"),
            ("SERVICE_PORT", "8100"),
        ),
        state=State(databases=(str(FOLDER / "data/diary/pages.db"),), reconcile_path="/reconcile"),
        data=str(FOLDER / "data/diary"),
    )
    qdrant = replace(make_service("qdrant", 6333), state=State(vectors=True))
    return make_stack(qdrant, make_service("embedding", 8003), diary)


def test_only_services_that_keep_something_take_part_and_wait_for_no_others() -> None:
    stack = scratch_stack(make_two(), "aisuite-drill", PORTS)

    assert keepers(make_two()) == tuple(one.name for one in stack.services) == ("qdrant", "diary")
    assert stack.service("diary").depends_on == (Dependency("qdrant"),)


def test_its_folders_and_ports_are_its_own() -> None:
    stack = scratch_stack(make_two(), "aisuite-drill", PORTS)
    diary = stack.service("diary")

    assert stack.folder == FOLDER.with_name("aisuite-drill")
    assert diary.data == str(stack.folder / "data/diary")
    assert diary.state.databases == (str(stack.folder / "data/diary/pages.db"),)
    assert dict(diary.environment) == {
        "DATA": str(stack.folder / "data/diary"),
        "EMBEDDING_URL": "http://127.0.0.1:8003",
        "QDRANT_URL": "http://127.0.0.1:21000/x",
        "SERVICE_PORT": "21001",
    }
    assert diary.command == ("diary", "21001")
    assert (diary.listen.port, diary.published.port) == (21001, 21001)


def test_data_that_lies_elsewhere_is_left_alone_and_the_copy_lies_below_the_scratch_folder() -> None:
    stack = make_two()
    elsewhere = replace(stack.service("diary"), data="/disk/diary", state=State(databases=("/disk/diary/pages.db",)))
    moved = scratch_stack(replace(make_stack(elsewhere), data=Path("/disk")), "aisuite-drill", PORTS)

    assert moved.service("diary").state.databases == (str(moved.folder / "data/diary/pages.db"),)


def test_in_containers_only_what_this_machine_reaches_has_other_ports() -> None:
    stack = scratch_stack(replace(make_two(), engine="docker"), "aisuite-drill", PORTS)
    diary = stack.service("diary")

    assert (diary.listen.port, diary.published.port) == (8100, 21001)
    assert dict(diary.environment)["QDRANT_URL"] == "http://127.0.0.1:6333/x"
