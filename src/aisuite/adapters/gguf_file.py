"""Model files: their headers, from disk or from the hub, read once and remembered."""
