"""docs/reference/checks.md: every check of validate-env."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aisuite.preflight.catalogue import CHECKS
from generator.markdown import code, page, table

if TYPE_CHECKING:
    from aisuite.preflight.model import Check


def checks_page() -> str:
    """Return the text of the page."""
    rows = [(f"[{code(one.id)}](#{one.id.lower()})", one.title, one.severity.value) for one in CHECKS]
    return page(
        "# Checks of this machine",
        "`aisuite validate-env` (or `aisuite doctor`) looks whether this machine can run a stack, and starts nothing. "
        "What ends as `fail` makes its exit code 3; a `warn` does so with `--strict`; a `note` never. A check that "
        "does not apply to the stack or its engine is `skip`, and only `--json` lists it.",
        "Ids are stable: `--only PORT-001`, `--only PORT` (all that begin so), `--skip GIT`. No check asks the "
        "network unless `--online` says so. `--fix` does what loses nothing, and lists it first. When nothing is "
        "chosen and the project is up, the profile that it was brought up with is checked.",
        table(("check", "what must hold", "at worst"), rows),
        *(_section(one) for one in CHECKS),
    )


def _section(check: Check) -> str:
    head = f"**{check.title}** ({check.severity.value} at worst). Wanted: {check.wanted}."
    return f"## {check.id}\n\n{head}\n\n{check.reason}"
