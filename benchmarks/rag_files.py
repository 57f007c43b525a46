"""Measure RAG's memory on one large text and on many small files, and whether a killed job loses or doubles a chunk.

    python benchmarks/rag_files.py --mib 50 --files 10000

The services are our own, embedding by hash. The job on the small files is killed (SIGKILL of the RAG service) in the
middle, and goes on after a restart; then every document must be there once, with all of its chunks.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
from rag_speed import KEY, Running, Suite, Writer, machine, start_all

_PAGE = 1000
_JOB_SECONDS = 3600.0
_WORDS_IN_A_FILE = 40


def write_large(path: Path, mib: int, writer: Writer) -> None:
    """Write one text of that size."""
    with path.open("w", encoding="utf-8") as file:
        number = 0
        while file.tell() < mib * 2**20:
            file.write(writer.document(number)["text"] + "\n\n")
            number += 1


def write_small(folder: Path, count: int, writer: Writer) -> None:
    """Write many short texts."""
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:05}.txt").write_text(writer.document(number)["text"], encoding="utf-8")


def submit(suite: Suite, path: str) -> str:
    """Begin to index a file or folder, and return the job."""
    body = {"collection": "files", "path": path}
    job: str = suite.client.post("/index", params={"wait": "false"}, json=body).raise_for_status().json()["job"]
    return job


def follow(suite: Suite, job: str, until: int | None = None) -> tuple[dict[str, Any], float]:
    """Wait for a job, or until it has stored so many documents; give its state and the most memory of RAG, in MiB."""
    deadline, most = time.monotonic() + _JOB_SECONDS, 0.0
    while time.monotonic() < deadline:
        state: dict[str, Any] = suite.client.get(f"/jobs/{job}").raise_for_status().json()
        most = max(most, suite.rag.megabytes)
        if state["state"] in ("done", "failed") or (until is not None and state["documents"] >= until):
            return state, most
        time.sleep(0.2)
    raise SystemExit(f"job {job} is not done after {_JOB_SECONDS:.0f} s")


def count_chunks(store: Running) -> Counter[str]:
    """Count the stored chunks of each document."""
    found: Counter[str] = Counter()
    offset: object = None
    while True:
        body = {"limit": _PAGE, "offset": offset, "with_payload": ["document_id"]}
        url = f"{store.url}/collections/files/points/scroll"
        page = httpx.post(url, json=body, headers={"api-key": KEY}, trust_env=False, timeout=60).json()["result"]
        found.update(point["payload"]["document_id"] for point in page["points"])
        offset = page["next_page_offset"]
        if offset is None:
            return found


def measure_large(place: Path, mib: int) -> list[tuple[str, str, str]]:
    """Index one large text."""
    documents = place / "documents"
    write_large(documents / "large.txt", mib, Writer(_WORDS_IN_A_FILE * 5))
    with start_all(place, RAG_DOCUMENTS_DIR=str(documents)) as suite:
        before, begun = suite.rag.megabytes, time.perf_counter()
        state, most = follow(suite, submit(suite, "large.txt"))
        seconds = time.perf_counter() - begun
        return [
            (f"{mib} MiB of text in one file: {state['state']}, chunks", str(state["chunks"]), ""),
            ("chunks a second", f"{state['chunks'] / seconds:.0f}", "300"),
            ("RAG's memory before and at most, MiB", f"{before:.0f}, {most:.0f}", "300"),
        ]


def measure_small(place: Path, files: int) -> list[tuple[str, str, str]]:
    """Index many files, kill the service in the middle, go on, and look for what is missing or twice."""
    documents = place / "documents"
    write_small(documents / "small", files, Writer(_WORDS_IN_A_FILE))
    with start_all(place, RAG_DOCUMENTS_DIR=str(documents)) as suite:
        job = submit(suite, "small")
        half, first_most = follow(suite, job, until=files // 2)
        suite.rag.process.kill()
        suite.rag.process.wait()
    with start_all(place, RAG_DOCUMENTS_DIR=str(documents)) as suite:
        begun = time.perf_counter()
        state, most = follow(suite, job)
        seconds = time.perf_counter() - begun
        chunks = count_chunks(suite.vectordb)
    small = {name: count for name, count in chunks.items() if name != "large.txt"}
    left = files - int(half["documents"])
    return [
        (
            f"{files} files, killed at {half['documents']}: {state['state']}, documents",
            str(state["documents"]),
            str(files),
        ),
        ("documents a second after the restart", f"{left / seconds:.0f}", "300"),
        ("RAG's memory at most before and after the kill, MiB", f"{first_most:.0f}, {most:.0f}", "300"),
        ("documents with no chunk", str(files - len(small)), "0"),
        ("chunks that are there twice", str(sum(count - 1 for count in small.values())), "0"),
    ]


def main() -> int:
    """Measure, and print the rows with the machine and its load."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=50)
    parser.add_argument("--files", type=int, default=10_000)
    wanted = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the services end with us
    print(machine(), end="")
    with tempfile.TemporaryDirectory() as large, tempfile.TemporaryDirectory() as small:
        rows: list[tuple[str, str, str]] = []
        for name, amount, work in ((large, wanted.mib, measure_large), (small, wanted.files, measure_small)):
            (Path(name) / "documents").mkdir()
            rows += work(Path(name), amount)
    print(f"; load after: {os.getloadavg()[0]:.1f}\n")
    for row in (("what", "measured", "bar"), ("---", "---", "---"), *rows):
        print(f"| {' | '.join(row)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
