"""A machine as a test wants it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


class FakeHost:
    """`taken` maps ports to who holds them; `process` is the one that runs, and the only one."""

    process = "4242-100"

    def __init__(self, taken: Mapping[int, str] | None = None, free: int = 10**12, cpus: int = 4) -> None:
        self.taken = dict(taken or {})
        self.memory: int | None = 64 * 2**30
        self._free = free
        self._cpus = cpus

    def port_holder(self, host: str, port: int) -> str | None:
        return self.taken.get(port)

    def free_bytes(self, path: Path) -> int:
        return self._free

    def cpus(self) -> int:
        return self._cpus

    def free_memory(self) -> int | None:
        return self.memory

    def this_process(self) -> str:
        return self.process

    def lives(self, process: str) -> bool:
        return process == self.process
