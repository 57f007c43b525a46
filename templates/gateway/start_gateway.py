"""Run the proxy of LiteLLM in a worker that is replaced at once when something kills it.

Importing LiteLLM takes seconds, and none of that depends on the configuration. So this process imports it once and
then only waits; the worker is a copy of it that serves. What supervises this process sees one process that lives, and
its end whenever the worker ends by itself: only a death by a signal is mended here.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import signal
import sys
import time
from datetime import datetime
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

STEADY = 10.0  # seconds; a worker that dies sooner would die again, which whoever supervises this shall see
_PARENT_DEATH_SIGNAL = 1  # of prctl(2)
_PASSED_ON = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT})
_WATCHED = _PASSED_ON | {signal.SIGCHLD}


def load() -> Callable[[], object]:
    """Import the proxy and return its command; an interpreter without LiteLLM becomes the program `litellm`."""
    # Its threads would not live on in a copy of this process, and nothing here computes with numpy.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # A million objects are made meanwhile and all of them stay: looking through them for garbage takes a quarter
    # of the start.
    gc.disable()
    try:
        import litellm.proxy.proxy_server  # noqa: F401
    except ModuleNotFoundError as err:
        if err.name != "litellm":
            raise
        os.execvp("litellm", ["litellm", *sys.argv[1:]])  # noqa: S606
    (command,) = entry_points(group="console_scripts", name="litellm")
    run: Callable[[], object] = command.load()
    # Nor is the collector to look at them later: that would copy every page that worker and parent share.
    gc.freeze()
    return run


def keep_serving(serve: Callable[[], object]) -> int:
    """Run workers until one ends by itself, or is told to end, or dies too soon; return how, as waitpid(2) says it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
    while True:
        began = time.monotonic()
        worker = _start_worker(serve)
        status, told = _wait(worker)
        if told or not os.WIFSIGNALED(status) or time.monotonic() - began < STEADY:
            return status
        _say(f"the gateway's worker was ended by signal {os.WTERMSIG(status)}; another one takes its place")


def end_alike(status: int) -> None:
    """End this process as a worker did."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
        os.kill(os.getpid(), number)
    # What LiteLLM does at exit is the worker's business.
    os._exit(os.waitstatus_to_exitcode(status) % 256)


def _start_worker(serve: Callable[[], object]) -> int:
    parent = os.getpid()
    worker = os.fork()
    if worker:
        return worker
    # It holds the port: nobody else could serve there while it outlived this process.
    ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _WATCHED)
    gc.enable()
    sys.exit(serve())


def _wait(worker: int) -> tuple[int, bool]:
    """Pass signals on until the worker has ended; return how it did, and whether it was told to."""
    told = False
    while True:
        # One that came before the worker was there waits here, blocked, for its turn.
        number = signal.sigwait(_WATCHED)
        if number != signal.SIGCHLD:
            told = True
            os.kill(worker, number)
        elif (found := os.waitpid(worker, os.WNOHANG))[0]:
            return found[1], told


def _say(words: str) -> None:
    """Write an error as LiteLLM's own log has them."""
    moment = datetime.now().isoformat()  # noqa: DTZ005  LiteLLM's log has local time
    sys.stderr.write(json.dumps({"message": words, "level": "ERROR", "timestamp": moment}) + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.argv[0] = "litellm"
    end_alike(keep_serving(load()))
