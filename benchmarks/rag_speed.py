"""Measure how fast documents are indexed and searched: our own three services, embedding by hash, no models.

    python benchmarks/rag_speed.py --chunks 100000          # --json for other programs
    python benchmarks/rag_speed.py --keep FOLDER            # fills it once, and only searches the next time

Documents are words drawn by their rank (Zipf), half Korean and half English, one chunk each. Searches begin when the
store has built its index. Files, memory and a killed job are measured by `rag_files.py`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import httpx

KEY = "k-benchmark"
DOCUMENTS_AT_ONCE = 250
SEARCHES = 200
CONCURRENT = 20
START_SECONDS = 60.0
COLLECTION = "speed"
_BUILD_SECONDS = 1800.0
_QUIET_SECONDS = 10.0
_WORDS = 20_000
_WARM = 20
_SYLLABLES = "가나다라마바사아자차카타파하고노도로모보소오조초코토포호구누두루무부수우주추쿠투푸후"


@dataclass(frozen=True)
class Running:
    """A service that answers."""

    process: subprocess.Popen[bytes]
    url: str

    @property
    def cpu_seconds(self) -> float:
        """The processor time that it has had: it hardly depends on what else the machine does."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def megabytes(self) -> float:
        """Its memory now (resident set)."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@dataclass(frozen=True)
class Suite:
    """The three services, and a client of the RAG service."""

    rag: Running
    embedding: Running
    vectordb: Running
    client: httpx.Client

    @property
    def cpu_seconds(self) -> dict[str, float]:
        """The processor time of each service."""
        return {name: service.cpu_seconds for name, service in self._named.items()}

    @property
    def megabytes(self) -> dict[str, float]:
        """The memory of each service."""
        return {name: service.megabytes for name, service in self._named.items()}

    @property
    def _named(self) -> dict[str, Running]:
        return {"rag": self.rag, "embedding": self.embedding, "vectordb": self.vectordb}


@contextmanager
def start_all(folder: Path, **environment: str) -> Iterator[Suite]:
    """Run all three on a folder until the block ends; `environment` is for the RAG service."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "key").write_text(KEY)
    with ExitStack() as services:
        vectordb = services.enter_context(start("vectordb", folder, VECTORDB_DATA_DIR=str(folder / "vectors")))
        embedding = services.enter_context(start("embedding", folder))
        own = {
            "QDRANT_URL": vectordb.url,
            "EMBEDDING_URL": embedding.url,
            "API_GATEWAY_URL": "http://127.0.0.1:9",
            "API_GATEWAY_KEY_FILE": str(folder / "key"),
            "RAG_DATA_DIR": str(folder / "rag"),
        }
        rag = services.enter_context(start("rag", folder, **own, **environment))
        headers = {"Authorization": f"Bearer {KEY}"}
        client = httpx.Client(base_url=rag.url, headers=headers, timeout=600, trust_env=False)
        yield Suite(rag, embedding, vectordb, services.enter_context(client))


@contextmanager
def start(name: str, folder: Path, **environment: str) -> Iterator[Running]:
    """Run a service of ours until the block ends."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port = trial.getsockname()[1]
    env = {**os.environ, "SERVICE_PORT": str(port), "SERVICE_API_KEY_FILE": str(folder / "key"), **environment}
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", f"aisuite.services.{name}"], env=env, stdout=log, stderr=log)
        running = Running(process, f"http://127.0.0.1:{port}")
        try:
            wait_until_live(running, folder / f"{name}.log")
            yield running
        finally:
            process.terminate()
            process.wait()


def wait_until_live(service: Running, log: Path) -> None:
    """Wait until a service answers at all."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and service.process.poll() is None:
        try:
            if httpx.get(f"{service.url}/livez", trust_env=False).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise SystemExit(f"a service did not start: {log.read_text()[-2000:]}")


class Writer:
    """Makes documents and questions that share words with them."""

    def __init__(self, words_each: int) -> None:
        self._random = random.Random(7)
        self._words_each = words_each
        letters = "abcdefghijklmnopqrstuvwxyz"
        self._vocabularies = [
            ["".join(self._random.choices(alphabet, k=self._random.randint(low, high))) for _ in range(_WORDS)]
            for alphabet, low, high in ((letters, 3, 9), (_SYLLABLES, 2, 4))
        ]
        weights = [1 / rank for rank in range(1, _WORDS + 1)]
        self._cumulated = list(accumulate(weights))

    def document(self, number: int) -> dict[str, str]:
        """Make a document; every second one is Korean."""
        words = self._draw(number, self._words_each)
        sentences = [" ".join(words[at : at + 12]) + "." for at in range(0, len(words), 12)]
        return {"id": f"d{number}", "text": " ".join(sentences)}

    def question(self, number: int) -> str:
        """Make a question."""
        return " ".join(self._draw(number, 6)) + "?"

    def _draw(self, number: int, count: int) -> list[str]:
        return self._random.choices(self._vocabularies[number % 2], cum_weights=self._cumulated, k=count)


def index(client: httpx.Client, writer: Writer, chunks: int, rag: Running) -> dict[str, float]:
    """Index documents of one chunk each."""
    begun, written, most = time.perf_counter(), 0, 0.0
    for first in range(0, chunks, DOCUMENTS_AT_ONCE):
        count = min(DOCUMENTS_AT_ONCE, chunks - first)
        body = {"collection": COLLECTION, "documents": [writer.document(first + at) for at in range(count)]}
        answer = client.post("/index", json=body).raise_for_status().json()
        written += answer["chunks"]
        most = max(most, rag.megabytes)
    seconds = time.perf_counter() - begun
    return {"chunks": written, "seconds": seconds, "chunks_per_second": written / seconds, "rag_megabytes": most}


def search(client: httpx.Client, question: str) -> float:
    """Search once and return the milliseconds."""
    begun = time.perf_counter()
    client.post("/retrieve", json={"query": question, "collection": COLLECTION}).raise_for_status()
    return (time.perf_counter() - begun) * 1000


def measure_searches(client: httpx.Client, writer: Writer) -> dict[str, float]:
    """Search one after another, then many at a time."""
    questions = [writer.question(number) for number in range(3 * SEARCHES)]
    for question in questions[:_WARM]:
        search(client, question)
    alone = [search(client, question) for question in questions[:SEARCHES]]
    begun = time.perf_counter()
    with ThreadPoolExecutor(CONCURRENT) as pool:
        together = list(pool.map(lambda question: search(client, question), questions[SEARCHES:]))
    seconds = time.perf_counter() - begun
    return {
        "p50_ms": statistics.median(alone),
        "p95_ms": statistics.quantiles(alone, n=20)[-1],
        "concurrent_per_second": len(together) / seconds,
        "concurrent_p95_ms": statistics.quantiles(together, n=20)[-1],
    }


def wait_until_built(store: Running, collection: str) -> float:
    """Wait until the store builds no index any more, and return the seconds."""
    begun = last = time.monotonic()
    before: object = None
    while time.monotonic() - begun < _BUILD_SECONDS and time.monotonic() - last < _QUIET_SECONDS:
        told = describe(store, collection)
        state = (told["indexed_vectors_count"], told["status"])
        if state != before or told["status"] != "green":
            before, last = state, time.monotonic()
        time.sleep(0.5)
    return last - begun


def describe(store: Running, collection: str) -> dict[str, Any]:
    """Ask the store what a collection is."""
    answer = httpx.get(f"{store.url}/collections/{collection}", headers={"api-key": KEY}, trust_env=False, timeout=60)
    return dict(answer.raise_for_status().json()["result"])


def unindexed(store: Running, collection: str) -> int:
    """Count the chunks that are compared one by one; the vectors of words are always indexed."""
    told = describe(store, collection)
    return 2 * int(told["points_count"]) - int(told["indexed_vectors_count"])


def measure(folder: Path, chunks: int, words: int) -> dict[str, Any]:
    """Start the services, fill them unless they are full, and ask them."""
    full = (folder / "full").exists()
    with start_all(folder) as suite:
        report: dict[str, Any] = {"words_in_a_chunk": words}
        writer, started = Writer(words), suite.cpu_seconds
        if not full:
            report["index"] = index(suite.client, writer, chunks, suite.rag)
            report["cpu_ms_for_a_chunk"] = cpu_ms(suite, started, chunks)
            report["seconds_to_build"] = wait_until_built(suite.vectordb, COLLECTION)
            (folder / "full").touch()
        report["unindexed"] = unindexed(suite.vectordb, COLLECTION)
        filled = suite.cpu_seconds
        report["retrieve"] = measure_searches(suite.client, writer)
        report["cpu_ms_for_a_search"] = cpu_ms(suite, filled, _WARM + 3 * SEARCHES)
        return report | {"megabytes": suite.megabytes}


def cpu_ms(suite: Suite, before: Mapping[str, float], times: int) -> dict[str, float]:
    """Return the processor time of each service since then, in milliseconds for each time."""
    return {name: 1000 * (now - before[name]) / times for name, now in suite.cpu_seconds.items()}


def machine() -> str:
    """Describe the machine and its load in one line."""
    told = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = next((line.partition(": ")[2] for line in told if line.startswith("model name")), "?")
    return f"{cpu}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}"


def table(report: Mapping[str, Any]) -> str:
    """Write what was measured as a Markdown table."""
    indexed, found = report.get("index"), report["retrieve"]
    rows = [("chunks a second, indexed", f"{indexed['chunks_per_second']:.0f}", "300")] if indexed else []
    memory = max(report["megabytes"]["rag"], indexed["rag_megabytes"] if indexed else 0)
    rows += [
        ("retrieve, p50 ms", f"{found['p50_ms']:.1f}", ""),
        ("retrieve, p95 ms", f"{found['p95_ms']:.1f}", "20"),
        (f"{CONCURRENT} at a time, requests a second", f"{found['concurrent_per_second']:.0f}", "100"),
        ("chunks outside of the store's index meanwhile", f"{report['unindexed']}", ""),
        ("RAG's memory at most, MiB", f"{memory:.0f}", "300"),
    ]
    for name in ("cpu_ms_for_a_chunk", "cpu_ms_for_a_search"):
        parts = report.get(name, {})
        rows += [(f"{name.replace('_', ' ')}, {service}", f"{spent:.2f}", "") for service, spent in parts.items()]
    lines = [f"| {' | '.join(row)} |" for row in (("what", "measured", "bar"), ("---", "---", "---"), *rows)]
    return "\n".join(lines)


def main() -> int:
    """Measure, and print what was measured with the machine and its load."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--words", type=int, default=80, help="words in a chunk")
    parser.add_argument("--keep", type=Path, help="a folder that keeps what was indexed")
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the services end with us
    before = machine()
    with nullcontext(wanted.keep) if wanted.keep else tempfile.TemporaryDirectory() as place:
        report = measure(Path(place).absolute(), wanted.chunks, wanted.words)
    shown = json.dumps(report | {"machine": before}, indent=2) if wanted.json else table(report)
    print(shown if wanted.json else f"{before}; load after: {os.getloadavg()[0]:.1f}\n\n{shown}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
