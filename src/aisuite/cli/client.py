"""Commands for who uses the suite: env, ask."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from aisuite.cli.options import Session, command


def register(app: typer.Typer) -> None:
    """Add these commands to the app."""
    app.command()(env)
    app.command()(ask)


@command("env")
def env(session: Session) -> int:
    """Print the variables for OpenAI clients; use it as:  eval "$(aisuite env)"."""
    from aisuite.ops.env import env as read_env

    report = read_env(session.deps())
    body = {"base_url": report.base_url, "key_file": str(report.key_file)}
    return session.out.show(body, "\n".join(report.exports))


@command("ask")
def ask(
    session: Session,
    question: Annotated[str, typer.Argument(help="What you want to know; - reads it from standard input.")],
    model: Annotated[str | None, typer.Option("--model", "-m", help="Public model name, for example code-7b.")] = None,
    collection: Annotated[
        str | None, typer.Option("--rag", metavar="COLLECTION", help="Answer from this collection, with sources.")
    ] = None,
) -> int:
    """Ask one question; the answer comes as it is made."""
    from aisuite.cli.doors import open_chat
    from aisuite.cli.view import client as view
    from aisuite.ops.ask import AskRequest
    from aisuite.ops.ask import ask as ask_suite

    text = sys.stdin.read() if question == "-" else question
    pieces = ask_suite(AskRequest(text, model, collection), session.deps(), open_chat())
    if session.out.json:
        return session.out.show(view.ask_json(pieces))
    return session.out.stream(view.ask_stream(pieces))
