"""The command that looks before anything is started: validate-env, or doctor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from aisuite.cli.options import Demo, Engine, Phase, ProfileName, Session, command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aisuite.cli.checking import Subject
    from aisuite.ops.validate_env import ValidateReport
    from aisuite.preflight.model import Check


def register(app: typer.Typer) -> None:
    """Add the command under both of its names."""
    app.command("validate-env")(validate_env)
    app.command("doctor", hidden=True)(validate_env)


@command("validate-env")
def validate_env(
    session: Session,
    phase: Phase = None,
    profile: ProfileName = None,
    demo: Demo = False,
    engine: Engine = None,
    only: Annotated[
        str | None, typer.Option("--only", metavar="A,B", help="These checks: PORT-001, or PORT for all of them.")
    ] = None,
    skip: Annotated[str | None, typer.Option("--skip", metavar="A,B", help="Not these checks.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="A warning counts as a failure.")] = False,
    fix: Annotated[bool, typer.Option("--fix", help="Say what can be put right without a loss, and do it.")] = False,
    online: Annotated[bool, typer.Option("--online", help="Ask registries, the hub and a clock, too.")] = False,
    evidence: Annotated[
        bool, typer.Option("--evidence", help="Keep the report as evidence, safe to attach to a ticket.")
    ] = False,
) -> int:
    """Check whether this machine can run the stack; nothing is started. Exit code 3 when it cannot."""
    from aisuite.cli.checking import choice_of, subject_of
    from aisuite.cli.choice import Choice
    from aisuite.cli.view import validate_env as view
    from aisuite.ops.validate_env import validate_env as validate

    checks = _chosen(only, skip)
    deps = session.deps()
    choice = choice_of(Choice(profile, phase, demo=demo, engine=engine), deps)
    subject = subject_of(choice, deps, online=online)
    session.out.say(view.headline(subject.stack))
    report = validate(checks, subject.gather, strict=strict)
    if fix:
        report = _repair(session, checks, subject, report)
    if evidence:
        return _record(session, subject, report)
    text = view.validate_text(report, session.out)
    return session.out.show(view.validate_json(report, subject.stack), text, report.exit_code)


def _record(session: Session, subject: Subject, report: ValidateReport) -> int:
    from aisuite.cli.output import Output
    from aisuite.cli.recording import about_check
    from aisuite.cli.view import validate_env as view
    from aisuite.ops.evidence import recorded

    with recorded(about_check(subject.stack, subject.llama), session.deps()) as recording:
        found = view.validate_json(report, subject.stack, recording.id)
        plain = view.validate_text(report, Output("validate-env", no_color=True))
        recording.conclude({"exit_code": report.exit_code, **found}, plain)
    text = f"{view.validate_text(report, session.out)}\n\naisuite evidence show {recording.id}"
    return session.out.show(found, text, report.exit_code)


def _chosen(only: str | None, skip: str | None) -> tuple[Check, ...]:
    from aisuite.errors import UsageError
    from aisuite.preflight.catalogue import choose

    try:
        found = choose(_words(only), _words(skip))
    except ValueError as err:
        raise UsageError(str(err), "aisuite validate-env   # shows every check") from err
    if not found:
        raise UsageError("--only and --skip leave no check", "aisuite validate-env")
    return found


def _words(text: str | None) -> list[str]:
    return [] if text is None else text.split(",")


def _repair(session: Session, checks: Sequence[Check], subject: Subject, report: ValidateReport) -> ValidateReport:
    """Say what will be done, do it while no other command works on the project, and look again."""
    from dataclasses import replace

    from aisuite.adapters.host_repairs import LocalRepairs
    from aisuite.ops.validate_env import carry_out, repairs_of
    from aisuite.ops.validate_env import validate_env as validate

    repairs = repairs_of(report)
    if not repairs:
        return report
    for one in repairs:
        session.out.say(f"fix: {one}")
    with session.deps().workdir.lock("validate-env --fix"):
        carry_out(repairs, LocalRepairs())
    return replace(validate(checks, subject.gather, strict=report.strict), repaired=repairs)
