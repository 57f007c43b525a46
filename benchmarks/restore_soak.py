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
    """Run, and print one line for each restore and one at the end."""
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    good = rounds = 0
    with tempfile.TemporaryDirectory() as folder:
        suite = SmallSuite(Path(folder))
        suite.up()
        try:
            suite.fill("notes__1", "notes", {one: [1.0, one, 0.5, 0.25] for one in range(1, 100)})
            writer = Writer(suite.port)
            writer.start()
            end = time.monotonic() + minutes * 60
            while time.monotonic() < end:
                due = time.monotonic() + EVERY
                rounds += 1
                good += restore_once(suite, writer)
                time.sleep(max(0.0, due - time.monotonic()))
            writer.ended.set()
            writer.join()
        finally:
            suite.down()
    rate = writer.acknowledged / writer.seconds
    print(f"{good} of {rounds} restores equal the acknowledged prefix ({writer.acknowledged} rows, {rate:.0f}/s)")
    sys.exit(0 if good == rounds else 1)


def restore_once(suite: SmallSuite, writer: Writer) -> bool:
    """Back up, drill, and compare with what was acknowledged before."""
    before = writer.acknowledged
    bundle = suite.backup()
    after = writer.acknowledged
    drill = suite.run("backup", "verify", bundle, "--level", "drill", "--json")
    rows = restored_rows(suite, bundle)
    whole = rows == list(range(1, len(rows) + 1)) and before <= len(rows) <= after + 1
    rto = drill.json.get("rto_seconds")
    print(
        f"{bundle}: {len(rows)} rows, {before} acknowledged before and {after} behind it: "
        f"{'the prefix' if whole else 'NOT the prefix'}; drill: {f'RTO {rto} s' if drill.code == 0 else 'FAILED'}",
        flush=True,
    )
    if drill.code:
        print(drill.out, drill.err, sep="\n", flush=True)
    return whole and drill.code == 0


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
