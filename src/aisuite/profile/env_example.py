"""The text of `.env.example`: every variable with its group, its meaning and its value in phase 2."""

from __future__ import annotations

import textwrap
from itertools import groupby
from typing import TYPE_CHECKING

from aisuite.profile.dotenv import format_dotenv
from aisuite.profile.effective import effective_variables
from aisuite.profile.environment import COMMAND_LINE, UNUSED, VARIABLES
from aisuite.profile.load import ProfileRequest, load_profile
from aisuite.resources import find_data_dir

if TYPE_CHECKING:
    from aisuite.profile.environment import Variable

_HEAD = """\
# Settings of aisuite by environment variable. Copy this file to `.env` in the folder that you work in, and take the
# `#` away from the lines that you change: what stands here are the values of the profile phase2.
# Precedence: flag > environment > .env > profile > default. `aisuite config show --origin` says what came from where.
# Quotes are for values with spaces or `#`; `$` is only a dollar sign; an empty value counts as not set.
"""
_WIDTH = 52


def render_env_example() -> str:
    """Return the text of `.env.example`."""
    values = effective_variables(load_profile(ProfileRequest("phase2", find_data_dir("profiles"), dotenv=None)).profile)
    parts = [_HEAD]
    for group, variables in groupby(VARIABLES, key=lambda variable: variable.group):
        parts += [f"\n# --- {group}\n", *(_line(variable, values.get(variable.name, "")) for variable in variables)]
    parts.append("\n# --- Read from the environment only, before this file\n")
    parts += [f"# {name}: {text}\n" for name, text in COMMAND_LINE.items()]
    parts.append("\n# --- Documented, but without effect in this version: `aisuite config show` says why\n")
    names = textwrap.fill(" ".join(UNUSED), 118, initial_indent="# ", subsequent_indent="# ")
    parts.append(f"{names}\n")
    return "".join(parts)


def _line(variable: Variable, value: str) -> str:
    setting = format_dotenv({variable.name: value}).strip()
    return f"{f'# {setting}':<{_WIDTH}} # {variable.text}\n"
