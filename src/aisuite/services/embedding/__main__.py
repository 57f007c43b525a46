"""Start the embedding service: `python -m aisuite.services.embedding`."""

import sys

from aisuite.services.common import run
from aisuite.services.embedding.app import create_app
from aisuite.services.embedding.settings import EmbeddingSettings

if __name__ == "__main__":
    sys.exit(run(create_app, EmbeddingSettings))
