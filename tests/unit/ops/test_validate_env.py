"""`aisuite validate-env`: what is looked at, what is said, and what is put right."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from aisuite.errors import DoesNotFit, EngineUnavailable, ModelMissing
from aisuite.ops.gather_facts import FactDoors, FactRequest, gather
from aisuite.ops.record import record_of, write_record
from aisuite.ops.validate_env import ValidateReport, carry_out, repairs_of, validate_env
from aisuite.plan.live import LiveProject, Unsayable
from aisuite.preflight.catalogue import CHECKS, choose
from aisuite.preflight.model import Check, Finding, Judgement, Outcome, Repair
from aisuite.preflight.snapshot import Digest, Programs, Section, Snapshot
from aisuite.stack.compose import parse_compose
from aisuite.stack.image_lock import Locked
from aisuite.stack.model import ModelFile
from tests.fakes.clock import FakeClock
from tests.fakes.facts import FakeEngineFacts, FakeFacts
from tests.fakes.gpu import FakeCard, FakeGpu
from tests.fakes.images import FakeImages
from tests.fakes.models import FakeModelFiles
from tests.fakes.stacks import make_service, make_stack
from tests.unit.ops.deps import World, make_world

if TYPE_CHECKING:
    from aisuite.stack.model import Stack

HERE = Path("/srv/aisuite")
CHAT = make_service("inference-chat", 8001)
EVERYTHING = frozenset(Section)


@dataclass
class Bench:
    """Everything that a look may ask."""

    stack: Stack = field(default_factory=lambda: make_stack(CHAT, make_service("api-gateway", 8000)))
    world: World = field(default_factory=make_world)
    facts: FakeFacts = field(default_factory=FakeFacts)
    engine_facts: FakeEngineFacts = field(default_factory=FakeEngineFacts)
    online: bool = False

    @property
    def request(self) -> FactRequest:
        return FactRequest(self.stack, HERE, Programs(litellm="1.109.2"), {}, online=self.online)

    @property
    def doors(self) -> FactDoors:
        return FactDoors(
            deps=self.world.deps,
            engine=self.world.engine,
            machine=self.facts,
            container_engine=None,
            images=None,
            files=FakeModelFiles({}),
            read_live=None,
            old_environments=lambda: (),
            plan_card=lambda: None,
        )

    def look(self, *sections: Section) -> Snapshot:
        return gather(self.request, self.doors, frozenset(sections) or EVERYTHING)


def test_every_section_is_a_field_of_the_snapshot() -> None:
    own = {"stack", "working_dir", "flags", "project_flags"}
    assert {one.value for one in Section} == {one.name for one in fields(Snapshot)} - own


def test_a_sound_machine_is_ready() -> None:
    bench = Bench()
    bench.world.deps = replace(bench.world.deps, clock=FakeClock(1_800_000_000.0))
    report = validate_env(CHECKS, lambda sections: gather(bench.request, bench.doors, sections))
    bad = [one for one in report.findings if one.outcome in {Outcome.FAIL, Outcome.WARN}]
    assert (bad, report.exit_code) == ([], 0)


def test_only_what_the_chosen_checks_read_is_looked_at() -> None:
    bench = Bench()
    validate_env(choose(["GIT"]), lambda sections: gather(bench.request, bench.doors, sections))
    assert bench.facts.asked == ["git"]


def test_the_network_is_left_alone_unless_it_is_asked_for() -> None:
    quiet, asking = Bench(), Bench(online=True)
    assert not quiet.look().web.asked
    assert "web" not in quiet.facts.asked
    assert asking.look().web.asked


def test_a_port_is_ours_only_when_the_service_that_wants_it_runs_on_it() -> None:
    bench = Bench()
    bench.world.host.taken.update({8000: "python, pid 1", 8001: "python, pid 2"})
    assert bench.look(Section.PORTS).ports[0].holder == "python, pid 2"
    assert not any(one.ours for one in bench.look(Section.PORTS).ports)
    write_record(bench.world.workdir, record_of(bench.stack, {}, None))
    bench.world.engine.open(bench.stack)
    bench.world.engine.start(CHAT, {})
    found = {one.service: one.ours for one in bench.look(Section.PORTS).ports}
    assert found == {"inference-chat": True, "api-gateway": False}


def test_a_port_that_the_profile_has_changed_since_is_not_ours() -> None:
    bench = Bench()
    write_record(bench.world.workdir, record_of(bench.stack, {}, None))
    bench.world.engine.open(bench.stack)
    bench.world.engine.start(CHAT, {})
    bench.stack = make_stack(make_service("inference-chat", 9001))
    bench.world.host.taken[9001] = "nginx, pid 7"
    assert not bench.look(Section.PORTS).ports[0].ours


def test_what_runs_without_a_record_is_told_and_a_drills_journal_too() -> None:
    bench = Bench()
    bench.world.engine.open(bench.stack)
    bench.world.engine.start(CHAT, {})
    bench.world.workdir.write({"drill.json": "{}"})
    project = bench.look(Section.PROJECT).project
    assert (project.unrecorded, project.drill, project.runs_on) == (("inference-chat",), True, None)


def test_a_split_model_is_measured_with_all_its_parts(tmp_path: Path) -> None:
    first = tmp_path / "m-00001-of-00002.gguf"
    first.write_bytes(b"12345")
    file = ModelFile("chat", "inference-chat", first, "owner/repo", first.name, "main", "aa", None)
    bench = Bench(make_stack(CHAT, models=(file,)))
    cut = bench.look(Section.MODELS).models[0]
    assert (cut.bytes, cut.missing) == (5, ("m-00002-of-00002.gguf",))
    (tmp_path / "m-00002-of-00002.gguf").write_bytes(b"123")
    whole = bench.look(Section.MODELS).models[0]
    assert (whole.bytes, whole.missing) == (8, ())


def test_digests_are_made_of_files_that_the_profile_names_one_of(tmp_path: Path) -> None:
    here, gone = tmp_path / "m.gguf", tmp_path / "gone.gguf"
    here.touch()
    files = (
        ModelFile("chat", "inference-chat", here, None, here.name, "main", "aa", None),
        ModelFile("code", "inference-chat", here, None, here.name, "main", None, None),
        ModelFile("gone", "inference-chat", gone, None, gone.name, "main", "aa", None),
    )
    bench = Bench(make_stack(CHAT, models=files))
    bench.facts.digests[here] = "bb"
    assert bench.look(Section.DIGESTS).digests == (Digest(here, "bb", "aa"),)
    validate_env(choose(["MODEL"], ["MODEL-003"]), lambda sections: gather(bench.request, bench.doors, sections))
    assert bench.facts.asked == ["digest"]


def test_a_card_is_tried_only_where_it_is_wanted_and_here() -> None:
    bench = Bench(make_stack(CHAT, gpu_device=0))
    assert bench.look(Section.GPU).gpu.fault == bench.world.deps.gpu.why_none()
    assert "allocate" not in bench.facts.asked
    bench.world.deps = replace(bench.world.deps, gpu=FakeGpu(FakeCard()))
    found = bench.look(Section.GPU).gpu
    assert (found.cards, found.cuda, found.allocated) == (((0, "RTX 4050 Laptop"),), "12.8", ((0, ""),))
    assert "allocate" in bench.facts.asked


@pytest.mark.parametrize(
    ("error", "fault"),
    [(DoesNotFit("the budget is larger than the card", "lower it"), "the budget is larger than the card"),
     (ModelMissing("2 files are missing", ()), "")],
)  # fmt: skip
def test_a_plan_that_fails_is_a_finding_but_files_have_their_own(error: Exception, fault: str) -> None:
    bench = Bench()

    def fail() -> None:
        raise error

    found = gather(bench.request, replace(bench.doors, plan_card=fail), frozenset({Section.CARD}))
    assert found.card.fault == fault


def test_a_card_is_planned_only_when_all_files_are_here() -> None:
    gone = ModelFile("chat", "inference-chat", HERE / "gone.gguf", None, "gone.gguf", "main", None, None)
    bench, asked = Bench(make_stack(CHAT, models=(gone,))), []
    doors = replace(bench.doors, plan_card=lambda: asked.append("plan"))
    assert gather(bench.request, doors, frozenset({Section.CARD})).card.fault == ""
    assert asked == []


def in_containers(images: FakeImages, bench: Bench, lock: dict[str, Locked] | None = None) -> Snapshot:
    service = replace(CHAT, image="llama:b1", gpu=True)
    request = replace(bench.request, stack=replace(make_stack(service), engine="docker"), lock=lock or {})
    doors = replace(bench.doors, images=images, container_engine=bench.engine_facts)
    return gather(request, doors, frozenset({Section.IMAGES, Section.DOCKER, Section.LIVE}))


def test_images_are_compared_with_the_lock_and_their_registry_is_asked_only_online() -> None:
    bench = Bench()
    assert [(one.present, one.afar) for one in in_containers(FakeImages(), bench).images] == [(False, None)]
    bench.online, bench.engine_facts.registry = True, {"llama:b1": "denied"}
    assert in_containers(FakeImages(), bench).images[0].afar == "denied"


def test_containers_that_cannot_be_read_are_no_error() -> None:
    bench = Bench()

    def gone() -> LiveProject:
        raise EngineUnavailable("no Docker answers")

    found = gather(bench.request, replace(bench.doors, read_live=gone), frozenset({Section.LIVE}))
    assert found.live.fault == "no Docker answers"


def test_containers_are_judged_by_the_rules_of_the_files() -> None:
    text = "name: x\nservices: {}\nnetworks: {}\nsecrets: {}\n"
    bench = Bench()
    doors = replace(
        bench.doors, read_live=lambda: LiveProject(parse_compose(text), {"rag": (Unsayable("CIS-5.5", "privileged"),)})
    )
    found = gather(bench.request, doors, frozenset({Section.LIVE})).live.findings
    assert found == ("CIS-5.5 rag: privileged (Not privileged)",)


def finding(outcome: Outcome, *repairs: Repair) -> Finding:
    check = Check("X-001", "x", Outcome.FAIL, "x", "x.", frozenset(), lambda _: None)
    return Finding(check, outcome, Judgement("x", outcome, repairs=repairs))


@pytest.mark.parametrize(
    ("outcome", "code", "strict"),
    [("pass", 0, 0), ("note", 0, 0), ("skip", 0, 0), ("warn", 0, 3), ("fail", 3, 3)],
)
def test_failures_end_with_3_and_warnings_where_they_shall(outcome: str, code: int, strict: int) -> None:
    found = (finding(Outcome(outcome)),)
    assert (ValidateReport(found).exit_code, ValidateReport(found, strict=True).exit_code) == (code, strict)


class RecordingRepairs:
    """Notes what it was told to do."""

    def __init__(self) -> None:
        self.done: list[tuple[str, Path]] = []

    def close_to_others(self, path: Path) -> None:
        self.done.append(("close", path))

    def remove_file(self, path: Path) -> None:
        self.done.append(("remove", path))


def test_each_repair_is_made_once_in_the_order_of_the_findings() -> None:
    close, remove = Repair("close", HERE / ".env"), Repair("remove", HERE / ".writing-1")
    report = ValidateReport((finding(Outcome.FAIL, close, remove), finding(Outcome.NOTE, close)))
    door = RecordingRepairs()
    carry_out(repairs_of(report), door)
    assert door.done == [("close", HERE / ".env"), ("remove", HERE / ".writing-1")]
