"""Engine work that takes long, done in a process of its own.

The engine holds the interpreter for as long as a call lasts: an optimization of a large collection would
silence the whole server. `python -m aisuite.services.vectordb.shard_worker optimize|count FOLDER` works on a
folder that nobody else has open, and prints the number of points in it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from pathlib import Path

import qdrant_edge as edge

_PR_SET_PDEATHSIG = 1


class WorkerFailed(Exception):
    """The process ended badly; the message is the last line that it wrote."""


def start(task: str, folder: Path) -> subprocess.Popen[str]:
    """Start the process."""
    command = [sys.executable, "-m", __name__, task, str(folder)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL
    )


def finish(process: subprocess.Popen[str]) -> int:
    """Wait for the process and give the number of points it counted."""
    output, complaint = process.communicate()
    if process.returncode != 0:
        lines = complaint.strip().splitlines() or [f"ended with {process.returncode}"]
        raise WorkerFailed(lines[-1])
    return int(output)


def main(task: str, folder: str) -> int:
    """Do one task; the server that started it takes it along when it dies."""
    os.nice(10)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    shard = edge.EdgeShard.load(folder)
    if task == "optimize":
        shard.optimize()
    points = shard.count(edge.CountRequest(exact=True))
    shard.flush()
    shard.close()
    sys.stdout.write(f"{points}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
