"""Commands that change a running stack as a whole, and take that back: upgrade, rollback."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aisuite.cli.options import Demo, DryRun, Engine, Offline, Phase, ProfileName, Pull, Session, command, pull_policy


def register(app: typer.Typer) -> None:
    """Add these commands to the app, in the order in which help shows them."""
    for one in (upgrade, rollback):
        app.command()(one)


@command("upgrade")
def upgrade(
    session: Session,
    phase: Phase = None,
    demo: Demo = False,
    profile: ProfileName = None,
    engine: Engine = None,
    pull: Pull = "missing",
    offline: Offline = False,
    window: Annotated[
        float, typer.Option("--window", min=0, help="Seconds for which all must stay well before it counts.")
    ] = 30.0,
    dry_run: DryRun = False,
) -> int:
    """Bring a running suite to what the profile says now: backup, change, watch; what fails is taken back by itself."""
    from aisuite.cli.choice import Choice
    from aisuite.cli.generation_doors import ProjectData
    from aisuite.cli.progress import UpProgress
    from aisuite.cli.view import generations as view
    from aisuite.cli.view.stack import first_line
    from aisuite.cli.wiring import open_shared, planned, wire
    from aisuite.ops.fetch_images import Pull
    from aisuite.ops.image_lock import read_lock
    from aisuite.ops.up import UpRequest
    from aisuite.ops.upgrade import UpgradeRequest
    from aisuite.ops.upgrade import upgrade as change

    policy = pull_policy("aisuite upgrade --pull", pull, offline=offline)
    suite = wire(Choice(profile, phase, demo, engine), session.project, session.state, offline=offline)
    session.out.say(first_line(suite))
    suite = planned(suite)
    for note in suite.notes:
        session.out.say(f"note: {note}")
    request = UpgradeRequest(
        UpRequest(
            suite.stack,
            (suite.other,),
            suite.loaded_as,
            suite.cpu_only,
            Pull(policy, read_lock(open_shared(Path.cwd())), suite.loaded_as),
            dry_run,
            card=suite.card,
            profile_file=suite.profile_file,
        ),
        window,
    )
    with UpProgress(session.out) as progress:
        report = change(request, suite.deps, ProjectData(session), progress, session.out.say)
    return session.out.show(view.upgrade_json(report), view.upgrade_text(report), report.exit_code)


@command("rollback")
def rollback(
    session: Session,
    generation: Annotated[int | None, typer.Argument(min=1, help="Its number; the one before without any.")] = None,
    shown: Annotated[bool, typer.Option("--list", help="Show all generations and stop.")] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Also when what was written since a backup is lost by it.")
    ] = False,
) -> int:
    """Bring back a generation: what was rendered then, with the images it had, and its data where a schema has changed.

    The profile stays as it is: the next `aisuite up` follows it again.
    """
    from aisuite.cli.generation_doors import ProjectData, open_generation, open_kept
    from aisuite.cli.progress import UpProgress
    from aisuite.cli.view import generations as view
    from aisuite.ops.generations import current_number, list_generations
    from aisuite.ops.rollback import RollbackRequest
    from aisuite.ops.rollback import rollback as go_back

    kept = open_kept(session)
    if shown:
        known, now = list_generations(kept), current_number(kept)
        return session.out.show(view.list_json(known, now), view.list_text(known, now, session.out))
    deps = open_generation(session, generation)
    with UpProgress(session.out) as progress:
        report = go_back(RollbackRequest(generation, yes), deps, ProjectData(session), progress)
    return session.out.show(view.rollback_json(report), view.rollback_text(report), report.exit_code)
