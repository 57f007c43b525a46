"""Commands about profiles and where values come from."""

from __future__ import annotations

from typing import Annotated

import typer

from aisuite.cli.options import Demo, Engine, Phase, ProfileName, Session, command

profile = typer.Typer(help="Profiles: what a suite can be told.", rich_markup_mode=None, no_args_is_help=True)
config = typer.Typer(help="The effective configuration.", rich_markup_mode=None, no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add these commands to the app."""
    profile.command("list")(list_)
    profile.command("schema")(schema)
    config.command("show")(show)
    # A single command would otherwise swallow the group's name.
    config.callback()(lambda: None)
    app.add_typer(profile, name="profile")
    app.add_typer(config, name="config")


@command("profile.list")
def list_(session: Session) -> int:
    """Show the profiles that a name can mean: your ./profiles first, then the shipped ones."""
    from aisuite.cli.view import profile as view
    from aisuite.cli.wiring import list_profiles

    rows = list_profiles()
    return session.out.show(view.profiles_json(rows), view.profiles_text(rows, session.out))


@command("profile.schema")
def schema(session: Session) -> int:
    """Print the JSON Schema of profiles, for editors and checks."""
    import json

    from aisuite.profile.schema import profile_schema

    found = profile_schema()
    return session.out.show({"json_schema": found}, json.dumps(found, indent=2, ensure_ascii=False))


@command("config.show")
def show(
    session: Session,
    origin: Annotated[bool, typer.Option("--origin", help="Say where each value was set.")] = False,
    phase: Phase = None,
    demo: Demo = False,
    profile: ProfileName = None,
    engine: Engine = None,
) -> int:
    """Print every effective value. Precedence: flag, environment, .env, profile, default."""
    from aisuite.cli.choice import Choice
    from aisuite.cli.view import profile as view
    from aisuite.cli.wiring import load

    loaded = load(Choice(profile, phase, demo, engine))
    return session.out.show(view.config_json(loaded), view.config_text(loaded, session.out, origin=origin))
