from __future__ import annotations

import sys

from aisuite.services.inference.launcher import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
