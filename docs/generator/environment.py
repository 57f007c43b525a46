"""docs/reference/environment.md: every environment variable."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from aisuite.profile.effective import effective_variables
from aisuite.profile.environment import COMMAND_LINE, UNUSED, VARIABLES
from aisuite.profile.keypath import format_key
from aisuite.profile.load import ProfileRequest, load_profile
from aisuite.resources import find_data_dir
from generator.markdown import code, page, section, table

if TYPE_CHECKING:
    from aisuite.profile.environment import Variable
    from aisuite.profile.model import Profile

_ONLY = {"files": " Not for demo models.", "card": " Only where `gpu.backend` is a card."}

_OTHERS = """\
- `NO_COLOR`: no colours, as `--no-color`.
- `AISUITE_TRACEBACK`: shows where an internal error came from.
- `HF_TOKEN`, `HF_ENDPOINT`: token and address of the Hugging Face hub, for `aisuite models pull`.
- `UV_DEFAULT_INDEX`: a package mirror, for the gateway's environment, which is made at the first `aisuite up`.
- `XDG_DATA_HOME`, `XDG_CACHE_HOME`: where that environment lies, and what is remembered about `llama-server`."""


def environment_page() -> str:
    """Return the text of the page."""
    values = effective_variables(load_shipped("phase2"))
    groups = groupby(VARIABLES, key=lambda variable: variable.group)
    return page(
        "# Environment variables",
        "Precedence: flag > environment > `.env` in the working directory > profile > default. An empty value counts "
        "as not set. `aisuite config show --origin` says where each value came from.",
        "The values shown are those of the profile `phase2`; what is empty there is not set, or not the same for all "
        "models.",
        *(_section(group, list(variables), values) for group, variables in groups),
        "## Read by the program itself",
        "From the environment only, not from `.env`.",
        table(("variable", "meaning"), [(code(name), text) for name, text in COMMAND_LINE.items()]),
        "## Known, but without effect in this version",
        "They may stand in your `.env`; `aisuite config show` says that they do nothing.",
        table(("variable", "why"), [(code(name), f"{why}.") for name, why in UNUSED.items()]),
        "## Others that have an effect",
        _OTHERS,
    )


def load_shipped(name: str) -> Profile:
    """Load a shipped profile as it is, with nothing laid over it."""
    return load_profile(ProfileRequest(name, find_data_dir("profiles"), dotenv=None)).profile


def _section(group: str, variables: list[Variable], values: dict[str, str]) -> str:
    rows = [
        (
            code(one.name),
            code(format_key(one.path).replace("*", "<model>")),
            code(values.get(one.name)),
            one.text + _ONLY.get(one.only_for, ""),
        )
        for one in variables
    ]
    return section(f"## {group}", table(("variable", "sets", "in phase2", "meaning"), rows))
