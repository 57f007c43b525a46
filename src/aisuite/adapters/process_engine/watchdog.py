"""Ends services that hang, so that supervisord starts them again: as a container's health check does on Docker.

Runs under the project's supervisord, and ends with it. A service hangs when it answered before, and then gives two
probes in a row no answer at all; refusals and errors are answers, or the business of its start.
"""

from __future__ import annotations

import http.client
import logging
import os
import signal
import sys
import time
import xmlrpc.client
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aisuite.adapters.process_engine.process_exec import FOLDER_MARK, read_json
from aisuite.adapters.process_engine.processes import Process, find_listener, send
from aisuite.adapters.process_engine.records import Records
from aisuite.adapters.process_engine.supervisord import Supervisord
from aisuite.errors import EngineUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

SILENCE = 5.0  # seconds without an answer after which a service is suspected
DOUBT = 2.0  # seconds more, of a probe of its own: one that was lost says nothing
_EVERY = 1.0  # seconds
_AT_ONCE = 16
_ENDED = "no answer for {seconds:g} s: ended by the watchdog, to be started again"
_WATCHED = frozenset({"RUNNING", "STARTING"})  # not what is being stopped

_log = logging.getLogger(__name__)


class Heard(Enum):
    """What a probe has heard."""

    ANSWER = "an answer"
    SILENCE = "nothing, although somebody listens"
    NOBODY = "that nobody listens"


def probe(url: str, seconds: float) -> Heard:
    """GET a URL; any answer counts, whatever it says."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=seconds)
    try:
        connection.request("GET", parts.path)
        connection.getresponse()
    except TimeoutError:
        return Heard.SILENCE
    except http.client.HTTPException:
        return Heard.ANSWER
    except OSError:
        return Heard.NOBODY
    finally:
        connection.close()
    return Heard.ANSWER


class Watchdog:
    """Watches the services of one project folder; `ask` is how.

    Seconds: after `silence` a service is suspected, after `doubt` more it is ended.
    """

    def __init__(
        self,
        folder: Path,
        ask: Callable[[str, float], Heard] = probe,
        silence: float = SILENCE,
        doubt: float = DOUBT,
    ) -> None:
        self._folder = folder
        self._ask = ask
        self._silence = silence
        self._doubt = doubt
        self._records = Records(folder / "run")
        self._daemon = Supervisord(folder, sys.executable)
        self._answered: dict[str, Process] = {}  # service -> the process that has answered

    def look(self) -> None:
        """Probe all services once, side by side, and end those that hang."""
        names = self._records.names()
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(self._look_at, names))
        self._answered = {name: self._answered[name] for name in names if name in self._answered}

    def _look_at(self, name: str) -> None:
        process, url = self._find(name), self._live_url(name)
        if process is None or url is None:
            return
        heard = self._ask(url, self._silence)
        if heard is Heard.ANSWER:
            self._answered[name] = process
        elif heard is Heard.SILENCE and self._has_answered(name, process) and self._is_silent_still(url):
            self._end(name, process, url)

    def _is_silent_still(self, url: str) -> bool:
        return self._ask(url, self._doubt) is Heard.SILENCE

    def _find(self, name: str) -> Process | None:
        record = self._records.process(name)
        return record.find() if record is not None else None

    def _live_url(self, name: str) -> str | None:
        description = read_json(self._folder / "process" / "services" / f"{name}.json") or {}
        url = description.get("live")
        return url if isinstance(url, str) else None

    def _has_answered(self, name: str, process: Process) -> bool:
        known = self._answered.get(name)
        return known is not None and (known.pid, known.started) == (process.pid, process.started)

    def _end(self, name: str, process: Process, url: str) -> None:
        """End who is silent: the process itself, or its worker, in whose place it puts another one at once."""
        silent = find_listener(process, urlsplit(url).port or 0)
        if self._is_wanted(name) and send(silent, signal.SIGKILL):
            self._answered.pop(name, None)  # whoever comes next may take its time to start
            words = _ENDED.format(seconds=self._silence + self._doubt)
            _log.warning("%s: %s", name, words)
            with (self._folder / "logs" / f"{name}.log").open("a") as log:
                log.write(f"{words}\n")

    def _is_wanted(self, name: str) -> bool:
        """Whether supervisord means the service to run: one that is being stopped may take its time."""
        daemon = self._daemon.find()
        if daemon is None:
            return False
        try:
            info = self._daemon.call(daemon, "getProcessInfo", name)
        except (EngineUnavailable, xmlrpc.client.Fault):
            return False
        return info["statename"] in _WATCHED


def main() -> None:
    """Watch until supervisord ends."""
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.INFO)
    dog = Watchdog(Path(os.environ[FOLDER_MARK]))
    while os.getppid() == os.getsid(0):  # supervisord leads the session
        began = time.monotonic()
        dog.look()
        time.sleep(max(0.0, began + _EVERY - time.monotonic()))


if __name__ == "__main__":
    main()
