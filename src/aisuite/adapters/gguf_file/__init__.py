"""Model files: their headers, from disk or from the hub, read once and remembered."""

from aisuite.adapters.gguf_file.files import GgufFiles

__all__ = ["GgufFiles"]
