"""Measure `aisuite backup` against cp -r and sha256sum of the same data, and a restore: `python benchmarks/backup.py`.

    --mib 200        size of the SQLite database
    --points 100000  vectors of 384 dimensions
    --rounds 3       of each; the medians are compared
    --keep FOLDER    use a demo suite in this folder, with its data, and leave it running: quicker the next time

A demo suite runs on free ports. The copy takes the files as they lie there, which is no backup: it only sets the pace.
Nothing is measured before the vector store has built its index, which takes minutes and both cores. The restore is that
of `aisuite backup verify --level drill`: from an empty folder to services that answer, all data compared.
"""

from __future__ import annotations

import argparse
import array
import json
import os
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
from run import machine

sys.path.insert(0, str(Path(__file__).parents[1]))  # tests are no package that is installed

from tests.free_ports import free_ports

PORTS = ("API_GATEWAY_PORT", "INFERENCE_PORT", "INFERENCE_CODE_PORT", "RAG_PORT", "EMBEDDING_PORT", "QDRANT_PORT")
DIM = 384
BATCH = 500
SPEED, MEMORY, RTO = 60, 200, 60  # percent of cp and sha256sum; MiB; seconds
FEW = 10_000  # points that the store may leave without an index
INDEXED = 0.85  # of more points: the rest is too little to be worth an optimization
PATIENCE = 3600  # seconds for the index
_MEASURED = "import resource,subprocess,sys; code = subprocess.call(sys.argv[1:]); " + (
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr); sys.exit(code)"
)


class Suite:
    """A demo suite in a folder, with data in it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, ports = folder, folder / "ports.json"
        if not ports.exists():
            ports.write_text(json.dumps(dict(zip(PORTS, map(str, free_ports(len(PORTS))), strict=True))))
        self._env = {**os.environ, **json.loads(ports.read_text())}
        self.data = folder / ".aisuite" / "aisuite" / "data"

    def run(self, *words: str) -> tuple[dict[str, Any], float]:
        """Run a command; return its JSON and the most memory it had, in MiB."""
        argv = [sys.executable, "-c", _MEASURED, sys.executable, "-m", "aisuite", *words, "--json"]
        done = subprocess.run(argv, cwd=self._folder, env=self._env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(done.stdout + done.stderr)
        report: dict[str, Any] = json.loads(done.stdout)
        return report, int(done.stderr.split()[-1]) / 1024

    def fill(self, mib: int, points: int) -> None:
        """Bring it up and give it data, unless it has them."""
        self.run("up", "--phase", "2", "--demo")
        with closing(sqlite3.connect(self.data / "rag" / "rag.db", timeout=60)) as database:
            database.execute("CREATE TABLE IF NOT EXISTS bench (id INTEGER PRIMARY KEY, text TEXT, score REAL)")
            source = random.Random(1)
            words = ["".join(source.choices("abcdefghij가나다라마바", k=source.randint(2, 9))) for _ in range(4000)]
            while database.execute("PRAGMA page_count").fetchone()[0] * 4096 < mib * 2**20:
                rows = [(" ".join(source.choices(words, k=110)), source.random()) for _ in range(5000)]
                database.executemany("INSERT INTO bench (text, score) VALUES (?, ?)", rows)
                database.commit()
        self._fill_store(points)

    def _fill_store(self, points: int) -> None:
        key = (self.data.parent / "secrets" / "service_key").read_text().strip()
        url = f"http://127.0.0.1:{self._env['QDRANT_PORT']}"
        with httpx.Client(base_url=url, headers={"api-key": key}, timeout=300) as store:
            store.put("/collections/bench", json={"vectors": {"size": DIM, "distance": "Cosine"}})
            there = store.post("/collections/bench/points/count", json={"exact": True}).json()["result"]["count"]
            vectors = _walk(random.Random(2))
            for begin in range(there, points, BATCH):
                batch = [
                    {"id": n, "vector": next(vectors), "payload": {"n": n}}
                    for n in range(begin, min(begin + BATCH, points))
                ]
                store.put("/collections/bench/points?wait=true", json={"points": batch}).raise_for_status()
            if points > FEW:
                self._wait_for_index(store, points)

    def _wait_for_index(self, store: httpx.Client, points: int) -> None:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            told = store.get("/collections/bench").json()["result"]
            if told["status"] == "green" and told["indexed_vectors_count"] >= INDEXED * points:
                return
            time.sleep(1)
        raise SystemExit(f"the vector store has indexed {told['indexed_vectors_count']} of {points} points")

    def backup(self) -> tuple[float, float, int]:
        """Make a backup and remove it; return seconds, MiB of memory and bytes."""
        os.sync()
        begin = time.perf_counter()
        report, memory = self.run("backup")
        seconds = time.perf_counter() - begin
        shutil.rmtree(report["folder"])
        return seconds, memory, report["bytes"]

    def restore(self) -> float:
        """Restore a backup into a suite of its own; return the seconds until that answers."""
        made, _ = self.run("backup")
        drill, _ = self.run("backup", "verify", made["id"], "--level", "drill")
        shutil.rmtree(made["folder"])
        return float(drill["rto_seconds"])

    def copy(self, *, durable: bool) -> float:
        """Copy the data, and hash every file of the copy."""
        os.sync()
        target = self._folder / "copy"
        script = 'cp -r "$0" "$1" && find "$1" -type f -print0 | xargs -0 sha256sum > /dev/null'
        script += ' && find "$1" -print0 | xargs -0 sync' if durable else ""
        begin = time.perf_counter()
        subprocess.run(["sh", "-c", script, str(self.data), str(target)], check=True)
        seconds = time.perf_counter() - begin
        shutil.rmtree(target)
        return seconds


def _walk(source: random.Random) -> Iterator[list[int]]:
    """Yield vectors that have neighbours, as those of texts do: among independent ones, no index finds the nearest."""
    place = [0] * DIM
    while True:
        step = array.array("h", source.randbytes(2 * DIM))
        place = [(15 * before + by) >> 4 for before, by in zip(place, step, strict=True)]
        yield place


def main() -> int:
    """Print the figures; the exit code says whether they are reached."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mib", type=int, default=200)
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", type=Path)
    asked = parser.parse_args()
    if asked.keep is not None:
        suite = Suite(asked.keep.absolute())
        suite.fill(asked.mib, asked.points)
        return measure(suite, asked.rounds)
    with tempfile.TemporaryDirectory() as folder:
        suite = Suite(Path(folder))
        try:
            suite.fill(asked.mib, asked.points)
            return measure(suite, asked.rounds)
        finally:
            suite.run("down")


def measure(suite: Suite, rounds: int) -> int:
    """Take turns, so that all meet the same machine."""
    print(f"machine: {machine()}\n")
    backups, copies, durable_copies = [], [], []
    for _ in range(rounds):
        backups.append(suite.backup())
        copies.append(suite.copy(durable=False))
        durable_copies.append(suite.copy(durable=True))
    size = sum(one.stat().st_size for one in suite.data.rglob("*") if one.is_file())
    seconds, memory = statistics.median(took for took, _, _ in backups), max(most for _, most, _ in backups)
    plain, durable = statistics.median(copies), statistics.median(durable_copies)
    rto = suite.restore()
    mib, packed = size / 2**20, backups[0][2] / 2**20
    pace, slow_pace = 100 * plain / seconds, 100 * durable / seconds
    print("| what | measured | bar |")
    print("| --- | --- | --- |")
    print(f"| data | {mib:.0f} MiB, {packed:.0f} MiB in the backup | |")
    print(f"| `aisuite backup`, whole command | {seconds:.2f} s | |")
    print(f"| `cp -r` and `sha256sum` | {plain:.2f} s: backup has {pace:.0f} % of that speed | {SPEED} % |")
    print(f"| the same, and on the disk | {durable:.2f} s: backup has {slow_pace:.0f} % of that speed | |")
    print(f"| memory of the backup | {memory:.0f} MiB | {MEMORY} MiB |")
    print(f"| restore and health (RTO) | {rto:.1f} s | {RTO} s |")
    return 0 if pace >= SPEED and memory < MEMORY and rto <= RTO else 1


if __name__ == "__main__":
    sys.exit(main())
