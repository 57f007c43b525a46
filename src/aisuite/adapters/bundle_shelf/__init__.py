"""A folder of bundles on disk: published by one rename, read as if a stranger had written them."""

from __future__ import annotations

from aisuite.adapters.bundle_shelf.shelf import BundleShelf

__all__ = ["BundleShelf"]
