"""`python -m aisuite` and the console script."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line and exit with its code."""
    # Looking for them takes a tenth of a start, and none has a say in a profile.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        from aisuite.cli.app import run

        code = run(sys.argv[1:])
    except KeyboardInterrupt:  # while the command line itself was being imported
        sys.stderr.write("error: interrupted\n")
        code = 130
    sys.exit(code)


if __name__ == "__main__":
    main()
