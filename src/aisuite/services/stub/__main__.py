"""Start the stand-in: `python -m aisuite.services.stub`."""

import sys

from aisuite.services.common import run
from aisuite.services.stub.app import create_app
from aisuite.services.stub.settings import StubSettings

if __name__ == "__main__":
    sys.exit(run(create_app, StubSettings))
