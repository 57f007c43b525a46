"""The embedded engine: a private supervisord drives local processes."""

from aisuite.adapters.process_engine.engine import ProcessEngine

__all__ = ["ProcessEngine"]
