"""What local processes are made of, which gateway runs, and what earlier runs have left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aisuite.preflight.model import Check, Judgement, Outcome, Repair, counted, note, well
from aisuite.preflight.snapshot import Section
from aisuite.preflight.versions import BAD_LITELLM, parse_version

if TYPE_CHECKING:
    from aisuite.preflight.snapshot import Snapshot


def _has_llama_server(snapshot: Snapshot) -> Judgement | None:
    programs = snapshot.programs
    if snapshot.in_containers:
        return None
    if programs.llama_fault:
        return Judgement(programs.llama_fault, fix=programs.llama_fix)
    return well(f"llama.cpp {programs.llama}".rstrip())


def _has_gateway(snapshot: Snapshot) -> Judgement | None:
    programs = snapshot.programs
    if snapshot.in_containers:
        return None
    if programs.gateway_made:
        return well("it is made")
    if programs.uv_fault:
        return Judgement(programs.uv_fault, fix="pip install 'aisuite[local]'")
    return note("it is made at the first start, about 750 MB")


def _gateway_is_sound(snapshot: Snapshot) -> Judgement:
    text = snapshot.programs.litellm
    version = parse_version(text or "")
    if version is None:
        return Judgement("nobody can tell which version it is", Outcome.WARN, "aisuite config show images.gateway")
    bad = [one for one in BAD_LITELLM if one.holds(version)]
    if not bad:
        return well(f"LiteLLM {text}")
    return Judgement(
        f"LiteLLM {text}",
        None if any(one.hostile for one in bad) else Outcome.WARN,
        "aisuite config show images.gateway   # then a later version in the profile",
        tuple(one.why for one in bad),
    )


def _no_other_engine(snapshot: Snapshot) -> Judgement:
    runs_on, engine = snapshot.project.runs_on, snapshot.stack.engine
    if runs_on is None:
        return well("nothing of this project runs")
    if runs_on == engine:
        return well(f"it runs on the engine {engine}, as it shall")
    return Judgement(f"it runs on the engine {runs_on}, and shall run on {engine}", fix=snapshot.on_project("down"))


def _no_broken_drill(snapshot: Snapshot) -> Judgement:
    if snapshot.project.drill:
        return Judgement(
            "a drill was killed before it repaired what it broke", fix=snapshot.on_project("failover-drill --undo")
        )
    return well("no drill has left anything broken")


def _no_orphans(snapshot: Snapshot) -> Judgement:
    project = snapshot.project
    if project.fault:
        return note(f"nobody can tell what runs: {project.fault}")
    left = (*project.orphaned, *(one for one in project.unrecorded if one not in project.orphaned))
    if not left:
        return well("nothing runs that nobody watches")
    why = "their supervisor died" if project.orphaned else "a start was killed"
    fix = snapshot.up if project.orphaned else snapshot.on_project("down")
    return Judgement(f"{counted(len(left), 'service')} left of a run that crashed: {why}", fix=fix, details=left)


def _no_litter(snapshot: Snapshot) -> Judgement:
    half, old = snapshot.project.half_written, snapshot.project.old_environments
    if not half and not old:
        return well("none")
    return Judgement(
        f"{counted(len(half), 'half-written file')}, {counted(len(old), 'environment')} of other versions",
        fix="aisuite clean" if old else snapshot.on_project("validate-env --fix"),
        details=tuple(map(str, (*half, *old))),
        repairs=tuple(Repair("remove", path) for path in half),
    )


_PROGRAMS, _PROJECT = frozenset({Section.PROGRAMS}), frozenset({Section.PROJECT})
CHECKS = (
    Check(
        "PROCESS-001",
        "llama-server runs",
        Outcome.FAIL,
        "one that knows the flags we give it (local processes)",
        "Local processes take the llama-server on PATH, or the one that comes with aisuite[local].",
        _PROGRAMS,
        _has_llama_server,
    ),
    Check(
        "PROCESS-002",
        "The gateway's environment",
        Outcome.FAIL,
        "made, or uv to make it with (local processes)",
        "LiteLLM's own requirements conflict with ours, so it gets an environment of its own.",
        _PROGRAMS,
        _has_gateway,
    ),
    Check(
        "GATEWAY-001",
        "The gateway's version",
        Outcome.FAIL,
        "a LiteLLM that is not known to be compromised or open",
        "Two of its releases were made by attackers: those fail. Known holes are a warning; most need a database or "
        "an admin page, which aisuite leaves out.",
        _PROGRAMS,
        _gateway_is_sound,
    ),
    Check(
        "PROJECT-001",
        "One engine for the project",
        Outcome.FAIL,
        "a project that is down, or up on the engine that is asked for",
        "Two engines would want the same ports and the same data.",
        _PROJECT,
        _no_other_engine,
    ),
    Check(
        "PROJECT-002",
        "No drill has left anything broken",
        Outcome.FAIL,
        "no journal of a drill",
        "A drill that is killed with signal 9 cannot repair what it broke. Its journal can, now or at the next `up`.",
        _PROJECT,
        _no_broken_drill,
    ),
    Check(
        "PROJECT-003",
        "Nothing runs unwatched",
        Outcome.WARN,
        "no service of a crashed run",
        "Services whose supervisor died answer, but nobody starts them again.",
        _PROJECT,
        _no_orphans,
    ),
    Check(
        "PROJECT-004",
        "No litter of crashed runs",
        Outcome.NOTE,
        "no half-written files, no environments of other versions",
        "Both only take room. --fix removes half-written files; `aisuite clean` removes environments.",
        _PROJECT,
        _no_litter,
    ),
)
