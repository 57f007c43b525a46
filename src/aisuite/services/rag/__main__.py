"""Start the RAG service: `python -m aisuite.services.rag`."""

import sys

from aisuite.services.common import run
from aisuite.services.rag.app import create_app
from aisuite.services.rag.settings import RagSettings

if __name__ == "__main__":
    sys.exit(run(create_app, RagSettings))
