"""Measure `aisuite backup` against cp -r and sha256sum of the same data: `python benchmarks/backup.py`.

    --mib 200        size of the SQLite database
    --points 100000  vectors of 384 dimensions
    --rounds 3       of each; the medians are compared
    --keep FOLDER    use a demo suite in this folder, with its data, and leave it running: quicker the next time

A demo suite runs on free ports. The copy takes the files as they lie there, which is no backup: it only sets the pace.
"""

from __future__ import annotations

import argparse
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
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx

sys.path.insert(0, str(Path(__file__).parents[1]))  # tests are no package that is installed

from tests.free_ports import free_ports

PORTS = ("API_GATEWAY_PORT", "INFERENCE_PORT", "INFERENCE_CODE_PORT", "RAG_PORT", "EMBEDDING_PORT", "QDRANT_PORT")
DIM = 384
BATCH = 500
SPEED, MEMORY = 60, 200  # percent of cp and sha256sum; MiB
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
            source = random.Random(2)
            for begin in range(there, points, BATCH):
                batch = [
                    {"id": n, "vector": [round(source.gauss(0, 1), 4) for _ in range(DIM)], "payload": {"n": n}}
                    for n in range(begin, min(begin + BATCH, points))
                ]
                store.put("/collections/bench/points?wait=true", json={"points": batch}).raise_for_status()

    def backup(self) -> tuple[float, float, int]:
        """Make a backup and remove it; return seconds, MiB of memory and bytes."""
        os.sync()
        begin = time.perf_counter()
        report, memory = self.run("backup")
        seconds = time.perf_counter() - begin
        shutil.rmtree(report["folder"])
        return seconds, memory, report["bytes"]

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
    taken = [(suite.backup(), suite.copy(durable=False), suite.copy(durable=True)) for _ in range(rounds)]
    size = sum(one.stat().st_size for one in suite.data.rglob("*") if one.is_file())
    seconds, memory = statistics.median(one[0][0] for one in taken), max(one[0][1] for one in taken)
    plain, durable = (statistics.median(one[which] for one in taken) for which in (1, 2))
    print(f"data                          {size / 2**20:8.0f} MiB, {taken[0][0][2] / 2**20:.0f} MiB in the backup")
    print(f"aisuite backup, whole command {seconds:8.2f} s, at most {memory:.0f} MiB of memory")
    print(f"cp -r and sha256sum           {plain:8.2f} s: backup has {100 * plain / seconds:.0f} % of that speed")
    print(f"the same, and on the disk     {durable:8.2f} s: backup has {100 * durable / seconds:.0f} % of that speed")
    return 0 if 100 * plain / seconds >= SPEED and memory < MEMORY else 1


if __name__ == "__main__":
    sys.exit(main())
