"""Write the pages of docs/reference that come from the code; with --check only say which are stale.

`python docs/generate.py [--check]`. No page holds anything that differs between machines or runs.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from generator.cli import cli_page
from generator.environment import environment_page
from generator.exit_codes import exit_codes_page
from generator.profile import profile_page
from generator.services import services_page

if TYPE_CHECKING:
    from collections.abc import Sequence

REFERENCE = Path(__file__).parent / "reference"
# At the end: a page that is indexed for RAG begins with what it is about.
FOOT = "<!-- Written by docs/generate.py from the code. Change the code, then run: make docs -->"
PAGES = {
    "cli.md": cli_page,
    "profile.md": profile_page,
    "environment.md": environment_page,
    "exit-codes.md": exit_codes_page,
    "services.md": services_page,
}


def main(arguments: Sequence[str]) -> int:
    """Write the stale pages, or with --check name them and return 1."""
    texts = {name: f"{page()}\n{FOOT}\n" for name, page in PAGES.items()}
    stale = [name for name, text in texts.items() if _read(REFERENCE / name) != text]
    if "--check" in arguments:
        sys.stderr.writelines(f"docs/reference/{name} is stale; write it with: make docs\n" for name in stale)
        return 1 if stale else 0
    REFERENCE.mkdir(exist_ok=True)
    for name in stale:
        (REFERENCE / name).write_text(texts[name], encoding="utf-8")
        sys.stdout.write(f"wrote docs/reference/{name}\n")
    return 0


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
