"""A stand-in for a model server: it answers as badly as it is told, so that a drill can see what clients make of it."""
