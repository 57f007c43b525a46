"""Compare estimates with what llama.cpp itself allocated: `python benchmarks/vram.py --rows FILE.csv --models DIR`.

The rows are allocations of llama.cpp builds (columns: model, ngl, ctx, batch, ubatch, parallel, kv_unified, fa, ctk,
ctv, kv_offload, outputs, build, backend, and the buffers in MiB); the models are GGUF files named as in the rows.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from aisuite.adapters.gguf_file import GgufFiles
from aisuite.vram.estimate import estimate
from aisuite.vram.model import ALL_LAYERS, Memory, ModelShape, ServerFlags
from aisuite.vram.rules import MID, NEW, OLD, Rules

MIB = 1 << 20
PARTS = ("model", "kv", "compute")
SPLITS = ("all layers", "partial", "ngl 0")
# The old stack: 3B wholly on the card, 7B with 20 layers, before -ngl counted the output; 5374 MiB were measured.
OLD_STACK = (("qwen2.5-3b", ALL_LAYERS), ("qwen2.5-coder-7b", 20))
OLD_STACK_MEASURED = 5374


@dataclass(frozen=True, slots=True)
class Miss:
    """How far one estimate is from the truth, in MiB; the shares are of the device's total."""

    build: str
    split: str
    total: float
    share: float
    part: float  # the worst of model and KV cache
    host: float


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table."""

    build: str
    split: str
    rows: int
    mean_percent: float
    worst_percent: float
    worst_mib: float
    within_1_percent: float
    model_kv_mib: float
    host_mib: float


def main() -> None:
    """Print the table, what the old stack took, and how long an estimate takes."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="aisuite-vram-") as cache:
        report(arguments, _Models(arguments.models, Path(cache)))


def report(arguments: argparse.Namespace, models: _Models) -> None:
    """Compare all rows, and print."""
    rows = list(_rows(arguments.rows))
    comparable = [row for row in rows if "RPC" not in row["backend"]]
    started = time.process_time()
    lines = list(_lines(_miss(row, models) for row in comparable))
    spent = (time.process_time() - started) / max(1, len(comparable))
    stack = sum(_old_stack(models)) / MIB if models.has(*(name for name, _ in OLD_STACK)) else None
    if arguments.json:
        table = {"rows": [asdict(line) for line in lines], "old_stack_mib": stack, "seconds_per_estimate": spent}
        print(json.dumps(table, indent=2))
        return
    print(f"machine: {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"{len(comparable)} allocations by llama.cpp; {len(rows) - len(comparable)} over RPC are left out\n")
    _print_table(lines)
    print(f"\none estimate, nothing known before: {spent * 1000:.1f} ms")
    if stack is not None:
        remain = OLD_STACK_MEASURED - stack
        print(
            f"the old stack: {stack:.1f} MiB of buffers; {remain:.0f} MiB remain to the measured {OLD_STACK_MEASURED}"
        )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=Path, required=True, help="a CSV file of allocations")
    parser.add_argument("--models", type=Path, required=True, help="a folder of <model>.gguf")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


class _Models:
    """Shapes by the name of their file."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self._folder = folder
        self._files = GgufFiles(cache)
        self._shapes: dict[str, ModelShape] = {}

    def has(self, *names: str) -> bool:
        """Tell whether all these files are there."""
        return all((self._folder / f"{name}.gguf").exists() for name in names)

    def shape(self, name: str) -> ModelShape:
        """Return the shape of a model."""
        if name not in self._shapes:
            self._shapes[name] = self._files.shape(self._folder / f"{name}.gguf")
        return self._shapes[name]


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def rules_of_row(row: dict[str, str]) -> Rules:
    """Return the rules of the build that a row was made with."""
    if row["build"].startswith("old"):
        return OLD
    return NEW if "0.7.0" in row["build"] else MID


def flags_of_row(row: dict[str, str]) -> ServerFlags:
    """Return the flags that a row was made with."""
    return ServerFlags(
        context=int(row["ctx"]),
        batch=int(row["batch"]),
        ubatch=int(row["ubatch"]),
        parallel=int(row["parallel"]),
        gpu_layers=int(row["ngl"]),
        kv_k=row["ctk"],  # type: ignore[arg-type]
        kv_v=row["ctv"],  # type: ignore[arg-type]
        flash_attention=row["fa"],  # type: ignore[arg-type]
        kv_unified=row["kv_unified"] == "1",
        kv_offload=row["kv_offload"] == "1",
        every_output=row["outputs"] == "legacy",
    )


def _miss(row: dict[str, str], models: _Models) -> Miss:
    shape, flags, rules = models.shape(row["model"]), flags_of_row(row), rules_of_row(row)
    memory = estimate(shape, flags, rules)
    truth = sum(float(row[f"dev_{part}_MiB"]) for part in PARTS)
    total = abs(memory.device.total / MIB - truth)
    split = SPLITS[0] if flags.gpu_layers > shape.layers else SPLITS[1] if flags.gpu_layers else SPLITS[2]
    return Miss(
        build=rules.label,
        split=split,
        total=total,
        share=100 * total / truth if truth else 0.0,
        part=max(abs(getattr(memory.device, part) / MIB - float(row[f"dev_{part}_MiB"])) for part in ("model", "kv")),
        host=_host_miss(memory, row),
    )


def _host_miss(memory: Memory, row: dict[str, str]) -> float:
    truth = sum(float(row[f"host_{part}_MiB"]) for part in PARTS) + float(row["output_MiB"])
    return abs(memory.host.total / MIB - truth)


def _lines(misses: Iterable[Miss]) -> Iterator[Line]:
    groups: dict[tuple[str, str], list[Miss]] = defaultdict(list)
    for miss in misses:
        groups[miss.build, miss.split].append(miss)
    for build, split in sorted(groups, key=lambda key: (key[0], SPLITS.index(key[1]))):
        group = groups[build, split]
        yield Line(
            build=build,
            split=split,
            rows=len(group),
            mean_percent=statistics.fmean(miss.share for miss in group),
            worst_percent=max(miss.share for miss in group),
            worst_mib=max(miss.total for miss in group),
            within_1_percent=100 * sum(miss.share <= 1 for miss in group) / len(group),
            model_kv_mib=max(miss.part for miss in group),
            host_mib=max(miss.host for miss in group),
        )


def _print_table(lines: Iterable[Line]) -> None:
    print("| build | split | rows | mean | worst | worst MiB | within 1 % | model, KV: worst MiB | RAM: worst MiB |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for line in lines:
        print(
            f"| {line.build} | {line.split} | {line.rows} | {line.mean_percent:.4f} % | {line.worst_percent:.3f} % "
            f"| {line.worst_mib:.3f} | {line.within_1_percent:.1f} % | {line.model_kv_mib:.3f} | {line.host_mib:.3f} |"
        )


def _old_stack(models: _Models) -> Iterator[int]:
    for name, layers in OLD_STACK:
        flags = ServerFlags(context=1024, batch=128, ubatch=128, gpu_layers=layers)
        yield estimate(models.shape(name), flags, OLD).device.total


if __name__ == "__main__":
    main()
