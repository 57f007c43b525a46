"""Optimizations in the background: on a copy, in another process, while reads and writes go on."""

from __future__ import annotations

import logging
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable

from aisuite.services.common import ServiceError
from aisuite.services.vectordb import shard_worker
from aisuite.services.vectordb.collection import Collection
from aisuite.services.vectordb.record import new_shard_name

logger = logging.getLogger(__name__)


class Optimizer:
    """Optimize one collection at a time."""

    def __init__(self, collections: Callable[[], Iterable[Collection]]) -> None:
        self._collections = collections
        self._worker: subprocess.Popen[str] | None = None
        self._stopped = False
        self.runs = {"done": 0, "failed": 0}

    def run_due(self) -> None:
        """Optimize the collections that have changed enough."""
        for collection in self._collections():
            if not self._stopped and collection.is_due(time.monotonic()):
                self.optimize(collection)

    def optimize(self, collection: Collection) -> bool:
        """Optimize one collection; a failure leaves it as it was, is logged and told in its info."""
        begun = time.monotonic()
        try:
            self._work_on_copy(collection)
        except (OSError, ServiceError, shard_worker.WorkerFailed) as err:
            if not self._stopped:
                self.runs["failed"] += 1
                collection.optimizer_error = str(err)
                logger.warning("optimization failed", extra={"collection": collection.name, "cause": str(err)})
            return False
        self.runs["done"] += 1
        collection.optimizer_error = None
        seconds = round(time.monotonic() - begun, 2)
        logger.info("optimized", extra={"collection": collection.name, "seconds": seconds})
        return True

    def stop(self) -> None:
        """End the work in progress; the collection stays as it is."""
        self._stopped = True
        if self._worker is not None:
            self._worker.kill()

    def _work_on_copy(self, collection: Collection) -> None:
        name = new_shard_name()
        copy = collection.folder / name
        try:
            journal = collection.copy_with_journal(copy)
            self._worker = shard_worker.start("optimize", copy)
            if self._stopped:
                self._worker.kill()
            shard_worker.finish(self._worker)
            collection.adopt_copy(name, journal)
        finally:
            self._worker = None
            collection.drop_journal()
            if not collection.uses(name):
                shutil.rmtree(copy, ignore_errors=True)
