"""Write 100 rows a second for ten minutes; back up and restore into a scratch suite every 30 seconds.

    benchmarks/restore_soak.py [minutes]

Each backup must hold a prefix of what was written: all that was acknowledged when it was begun, and no row that has a
gap before it.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
import threading
import time
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

from run import machine

sys.path.insert(0, str(Path(__file__).parent.parent))

from aisuite.adapters.bundle_shelf import BundleShelf
from tests.e2e.small_suite import SmallSuite

RATE = 100  # rows a second
EVERY = 30.0  # seconds between two restores


class Writer(threading.Thread):
    """Writes 1, 2, 3 ...; `acknowledged` is the last that was answered."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self._port = port
        self.acknowledged = 0
        self.seconds = 0.0
        self.ended = threading.Event()

    def run(self) -> None:
        began = time.monotonic()
        with closing(HTTPConnection("127.0.0.1", self._port, timeout=60)) as connection:
            while not self.ended.is_set():
                connection.request("POST", "/write", f"row {self.acknowledged + 1}")
                answer = connection.getresponse()
                answer.read()
                if answer.status != 200:
                    raise RuntimeError(f"the service answered {answer.status}")
                self.acknowledged += 1
                self.seconds = time.monotonic() - began
                time.sleep(max(0.0, self.acknowledged / RATE - self.seconds))


def main() -> None:
    """Run; print the machine, a line for each restore, and a row of a table."""
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    print(f"machine: {machine()}\n", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        suite = SmallSuite(Path(folder))
        suite.up()
        try:
            suite.fill("notes__1", "notes", {one: [1.0, one, 0.5, 0.25] for one in range(1, 100)})
            writer = Writer(suite.port)
            writer.start()
            found = restore_for(minutes * 60, suite, writer)
            wrote_to_the_end = writer.is_alive()
            writer.ended.set()
            writer.join()
        finally:
            suite.down()
    good = [rto for rto in found if rto is not None]
    rtos = f", each drill's RTO {min(good):.1f} to {max(good):.1f} s" if good else ""
    rate = writer.acknowledged / writer.seconds
    print(
        f"\n| {minutes:g} minutes of writes at {rate:.0f} rows/s, a restore into a scratch project every {EVERY:.0f} s "
        f"| {len(good)} of {len(found)} equal to the acknowledged prefix, "
        f"{writer.acknowledged:,} rows{rtos} | 20 of 20 in ten minutes |"
    )
    sys.exit(0 if len(good) == len(found) and wrote_to_the_end else 1)


def restore_for(seconds: float, suite: SmallSuite, writer: Writer) -> list[float | None]:
    """Restore again and again; return the RTO of each, None for one that is not what was written."""
    found: list[float | None] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        due = time.monotonic() + EVERY
        found.append(restore_once(suite, writer))
        time.sleep(max(0.0, due - time.monotonic()))
    return found


def restore_once(suite: SmallSuite, writer: Writer) -> float | None:
    """Back up, drill, and compare with what was acknowledged before; return the RTO in seconds if all is well."""
    before = writer.acknowledged
    bundle = suite.backup()
    after = writer.acknowledged
    drill = suite.run("backup", "verify", bundle, "--level", "drill", "--json")
    rows = restored_rows(suite, bundle)
    whole = rows == list(range(1, len(rows) + 1)) and before <= len(rows) <= after + 1
    rto = float(drill.json["rto_seconds"]) if drill.code == 0 else None
    print(
        f"{bundle}: {len(rows)} rows, {before} acknowledged before and {after} behind it: "
        f"{'the prefix' if whole else 'NOT the prefix'}; drill: {'FAILED' if rto is None else f'RTO {rto} s'}",
        flush=True,
    )
    if rto is None:
        print(drill.out, drill.err, sep="\n", flush=True)
    return rto if whole else None


def restored_rows(suite: SmallSuite, bundle: str) -> list[int]:
    """Return the numbers of the rows that a backup holds, in order."""
    shelf = BundleShelf(suite.folder / "backups")
    manifest = shelf.manifest(bundle)
    file = next(one for one in manifest.files if one.path == manifest.databases[0].file)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "copy.db")
        shelf.extract(bundle, file, copy)
        with closing(sqlite3.connect(copy)) as database:
            rows = database.execute("SELECT text FROM pages WHERE text LIKE 'row %' ORDER BY id").fetchall()
    return [int(text.removeprefix("row ")) for (text,) in rows]


if __name__ == "__main__":
    main()
