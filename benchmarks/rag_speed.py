"""Measure how fast documents are indexed and searched: our own three services, embedding by hash, no models.

    python benchmarks/rag_speed.py --chunks 100000

Documents are words drawn by their rank (Zipf), half Korean and half English, one chunk each. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
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
        body = {"collection": "speed", "documents": [writer.document(first + at) for at in range(count)]}
        answer = client.post("/index", json=body).raise_for_status().json()
        written += answer["chunks"]
        most = max(most, rag.megabytes)
    seconds = time.perf_counter() - begun
    return {"chunks": written, "seconds": seconds, "chunks_per_second": written / seconds, "rag_megabytes": most}


def search(client: httpx.Client, question: str) -> float:
    """Search once and return the milliseconds."""
    begun = time.perf_counter()
    client.post("/retrieve", json={"query": question, "collection": "speed"}).raise_for_status()
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


def measure(chunks: int, words: int) -> dict[str, Any]:
    """Start the services, fill them and ask them."""
    with tempfile.TemporaryDirectory() as place, ExitStack() as services:
        folder = Path(place)
        (folder / "key").write_text(KEY)
        store = services.enter_context(start("vectordb", folder, VECTORDB_DATA_DIR=str(folder / "vectors")))
        embedding = services.enter_context(start("embedding", folder))
        rag = services.enter_context(
            start(
                "rag",
                folder,
                QDRANT_URL=store.url,
                EMBEDDING_URL=embedding.url,
                API_GATEWAY_URL="http://127.0.0.1:9",
                API_GATEWAY_KEY_FILE=str(folder / "key"),
                RAG_DATA_DIR=str(folder / "rag"),
            )
        )
        headers = {"Authorization": f"Bearer {KEY}"}
        client = services.enter_context(httpx.Client(base_url=rag.url, headers=headers, timeout=300, trust_env=False))
        named = {"rag": rag, "embedding": embedding, "vectordb": store}
        writer = Writer(words)
        started = cpu_seconds(named)
        indexed = index(client, writer, chunks, rag)
        filled = cpu_seconds(named)
        searched = measure_searches(client, writer)
        asked = cpu_seconds(named)
        memory = {name: service.megabytes for name, service in named.items()}
    return {
        "words_in_a_chunk": words,
        "index": indexed,
        "retrieve": searched,
        "cpu_ms_for_a_chunk": {name: 1000 * (filled[name] - started[name]) / chunks for name in named},
        "cpu_ms_for_a_search": {name: 1000 * (asked[name] - filled[name]) / (_WARM + 3 * SEARCHES) for name in named},
        "megabytes": memory,
    }


def cpu_seconds(services: Mapping[str, Running]) -> dict[str, float]:
    """Return the processor time of each service."""
    return {name: service.cpu_seconds for name, service in services.items()}


def main() -> int:
    """Measure, and print what was measured with the load of the machine."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, default=10_000)
    parser.add_argument("--words", type=int, default=80, help="words in a chunk")
    wanted = parser.parse_args()
    load = os.getloadavg()[0]
    report = measure(wanted.chunks, wanted.words)
    machine = {"cores": os.cpu_count(), "load_before": load, "load_after": os.getloadavg()[0]}
    print(json.dumps(report | {"machine": machine}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
