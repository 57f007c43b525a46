"""Kill a writing service 200 times: no acknowledged write may be lost, no database corrupt.

    benchmarks/kill_writer.py [rounds]

The service is the made-up one of the tests, with the settings that ours use: WAL, synchronous = FULL. It is killed
whatever it does, so that nearly always one write is under way; a write counts when its answer was read.
"""

from __future__ import annotations

import random
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from run import machine

SERVICE = Path(__file__).parent.parent / "tests" / "e2e" / "diary.py"


def main() -> None:
    """Run the rounds; print the machine and a row of a table."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    print(f"machine: {machine()}\n")
    chance, acknowledged = random.Random(6), set[str]()
    lost = corrupt = cut = 0
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder, "pages.db")
        for number in range(rounds):
            written, under_way = write_and_kill(database, number, chance.uniform(0.02, 0.5))
            acknowledged |= written
            cut += under_way
            with closing(sqlite3.connect(database)) as opened:
                corrupt += opened.execute("PRAGMA integrity_check").fetchone() != ("ok",)
                kept = {text for (text,) in opened.execute("SELECT text FROM pages")}
            lost += len(acknowledged - kept)
    print(
        f"| kill -9 of a writing service, {rounds} rounds, {cut} of them while a write was under way "
        f"| {len(acknowledged):,} acknowledged writes, {lost} lost, {corrupt} corrupt databases | 0 and 0 |"
    )
    sys.exit(1 if lost or corrupt or not acknowledged else 0)


def write_and_kill(database: Path, number: int, seconds: float) -> tuple[set[str], bool]:
    """Write until the service is killed; return what it has acknowledged, and whether a write was under way then."""
    port, written, under_way = free_port(), set[str](), False
    service = subprocess.Popen([sys.executable, str(SERVICE), str(port), str(database)])
    death = threading.Timer(seconds, service.kill)
    try:
        wait_until_it_listens(port)
        death.start()
        with closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection, suppress(HTTPException, OSError):
            while service.poll() is None:
                text = f"{number}-{len(written)}"
                connection.request("POST", "/write", text)
                under_way = True
                answer = connection.getresponse()
                answer.read()
                under_way = False
                if answer.status != 200:
                    raise SystemExit(f"the service answered {answer.status}")
                written.add(text)
    finally:
        death.cancel()
        service.kill()
        service.wait()
    return written, under_way


def wait_until_it_listens(port: int) -> None:
    """Wait up to a minute."""
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        return int(listener.getsockname()[1])


if __name__ == "__main__":
    main()
