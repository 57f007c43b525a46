"""`python -m aisuite.services.vectordb`."""

import sys

from aisuite.services.common import run
from aisuite.services.vectordb.app import create_app
from aisuite.services.vectordb.settings import VectorDbSettings

if __name__ == "__main__":
    sys.exit(run(create_app, VectorDbSettings))
