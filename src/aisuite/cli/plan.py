"""The command that plans the card's memory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aisuite.cli.options import Engine, Phase, ProfileName, Session, command


def register(app: typer.Typer) -> None:
    """Add this command to the app."""
    app.command()(plan)


@command("plan")
def plan(
    session: Session,
    phase: Phase = None,
    profile: ProfileName = None,
    engine: Engine = None,
    gpu_memory: Annotated[
        str | None,
        typer.Option("--gpu-memory", metavar="SIZES", help="Plan for cards that are not here: 6GiB, or 24GiB,8GiB."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            metavar="[NAME=]FILE",
            help="A .gguf file, or hf:owner/repo/file: alone, or with NAME= instead of that model's.",
        ),
    ] = None,
    what_if: Annotated[
        str | None,
        typer.Option("--what-if", metavar="CHANGES", help="Settings to try: context=8192,kv=q8_0,code.layers=20."),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Also draw the plan into this file, as SVG.")
    ] = None,
    reset_calibration: Annotated[
        bool, typer.Option("--reset-calibration", help="First forget what was measured of this machine's cards.")
    ] = False,
) -> int:
    """Say how many layers of each model fit on the card, and what every part costs. Exit code 4 when it does not."""
    from aisuite.cli.choice import Choice
    from aisuite.cli.planning import Asked, forget_measurements, plan_for
    from aisuite.cli.view import plan as view
    from aisuite.cli.wiring import project_folder

    if reset_calibration:
        known = forget_measurements()
        session.out.say("what was measured of the cards is forgotten" if known else "nothing was measured yet")
    choice, folder = Choice(profile, phase, demo=False, engine=engine), project_folder(session.project, session.state)
    report = plan_for(choice, folder, Asked(gpu_memory, model or (), what_if or "", plot))
    return session.out.show(view.plan_json(report), view.plan_text(report, session.out), report.exit_code)
