"""Steady traffic over HTTP, in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING

from aisuite.adapters.load.clients import Clients

if TYPE_CHECKING:
    from aisuite.drill.model import Request
    from aisuite.ports.load import LoadPlan


class HttpLoad:
    """Makes traffic on this machine: no proxy, no redirects, a connection for each client."""

    def begin(self, plan: LoadPlan) -> HttpLoadRun:
        """Start the clients; returns when they run. It never raises for what the network does."""
        return HttpLoadRun(plan)


class HttpLoadRun:
    """Traffic that is under way. It ends with this process, however that ends.

    What no client foresaw, a bug or a machine without file handles, is raised where the run begins or is stopped.
    """

    def __init__(self, plan: LoadPlan) -> None:
        self._clients = Clients(plan)
        self._outcome: Future[None] = Future()
        threading.Thread(target=self._run, name="load", daemon=True).start()
        self._clients.running.wait()
        if self._outcome.done():
            self._outcome.result()

    def _run(self) -> None:
        try:
            asyncio.run(self._clients.run())
        except BaseException as err:  # noqa: BLE001 - it is raised again, in the thread of whoever waits
            self._outcome.set_exception(err)
        else:
            self._outcome.set_result(None)
        finally:
            self._clients.running.set()

    def seen(self) -> tuple[Request, ...]:
        """Return the requests that have ended so far, by their end."""
        return tuple(self._clients.ended)

    def stop(self, grace: float = 30.0) -> tuple[Request, ...]:
        """Begin no more requests, wait for those under way, and return all, by their start. Idempotent."""
        self._clients.end(grace)
        self._outcome.result()
        return tuple(sorted(self._clients.ended, key=lambda request: request.start))
