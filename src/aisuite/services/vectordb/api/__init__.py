"""Qdrant's REST routes, thin: read the request, ask the store, wrap the answer."""
