"""Kill a writing service 200 times: no acknowledged write may be lost, no database corrupt.

    benchmarks/kill_writer.py [rounds]

The service is the made-up one of the tests, with the settings that ours use: WAL, synchronous = FULL.
"""

from __future__ import annotations

import random
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path

SERVICE = Path(__file__).parent.parent / "tests" / "e2e" / "diary.py"


def main() -> None:
    """Run the rounds and print one line."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    chance, acknowledged = random.Random(6), set[str]()
    lost = corrupt = 0
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder, "pages.db")
        for number in range(rounds):
            acknowledged |= write_and_kill(database, number, chance.uniform(0.02, 0.3))
            with closing(sqlite3.connect(database)) as opened:
                corrupt += opened.execute("PRAGMA integrity_check").fetchone() != ("ok",)
                kept = {text for (text,) in opened.execute("SELECT text FROM pages")}
            lost += len(acknowledged - kept)
    print(f"{rounds} kills, {len(acknowledged)} acknowledged writes: {lost} lost, {corrupt} corrupt databases")
    sys.exit(1 if lost or corrupt else 0)


def write_and_kill(database: Path, number: int, seconds: float) -> set[str]:
    """Write until the service is killed; return what it has acknowledged."""
    port, written = free_port(), set[str]()
    service = subprocess.Popen([sys.executable, str(SERVICE), str(port), str(database)])
    try:
        wait_until_it_listens(port)
        end = time.monotonic() + seconds
        with closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
            while time.monotonic() < end:
                text = f"{number}-{len(written)}"
                connection.request("POST", "/write", text)
                if time.monotonic() >= end:
                    service.kill()  # in the middle of a write: its answer is not read any more
                    break
                with suppress(HTTPException, OSError):
                    answer = connection.getresponse()
                    answer.read()
                    if answer.status == 200:
                        written.add(text)
    finally:
        service.kill()
        service.wait()
    return written


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
