"""Write every text of the project that comes from its code; with --check only say which are stale.

`python docs/generate.py [--check]`. No text holds anything that differs between machines or runs.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from generator.checks import checks_page
from generator.cli import cli_page
from generator.environment import environment_page
from generator.exit_codes import exit_codes_page
from generator.profile import profile_page
from generator.services import services_page

from aisuite.profile.env_example import render_env_example
from aisuite.profile.schema import render_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ROOT = Path(__file__).parents[1]
TEXTS: Mapping[str, Callable[[], str]] = {
    ".env.example": render_env_example,
    "profiles/schema.json": render_schema,
    "docs/reference/cli.md": cli_page,
    "docs/reference/profile.md": profile_page,
    "docs/reference/environment.md": environment_page,
    "docs/reference/exit-codes.md": exit_codes_page,
    "docs/reference/services.md": services_page,
    "docs/reference/checks.md": checks_page,
}


def main(arguments: Sequence[str]) -> int:
    """Write the stale texts, or with --check name them and return 1."""
    texts = {name: render() for name, render in TEXTS.items()}
    stale = [name for name, text in texts.items() if _read(ROOT / name) != text]
    if "--check" in arguments:
        sys.stderr.writelines(f"{name} is stale; write it with: make docs\n" for name in stale)
        return 1 if stale else 0
    for name in stale:
        (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / name).write_text(texts[name], encoding="utf-8")
        sys.stdout.write(f"wrote {name}\n")
    return 0


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
