"""The report of `gpu`: text, JSON, and Prometheus' exposition format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aisuite.cli.view.table import table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aisuite.cli.output import Output
    from aisuite.ops.gpu import GpuReport
    from aisuite.ops.measured_file import Measured, ServerReport
    from aisuite.ports import GpuDevice
    from aisuite.units import Mib

_MIB = 2**20
_BAR = 40  # characters


def gpu_json(report: GpuReport) -> dict[str, Any]:
    """Cards with their processes, and the project's model servers as they were measured at their last start."""
    return {
        "driver": report.driver.version,
        "cuda": report.driver.cuda,
        "cards": [_card_json(card, report.owners) for card in report.cards],
        "servers": servers_json(report.measured),
    }


def _card_json(card: GpuDevice, owners: Mapping[int, str]) -> dict[str, Any]:
    processes = (
        None
        if card.processes is None
        else [{"pid": one.pid, "service": owners.get(one.pid), "used_mib": _mib(one.used)} for one in card.processes]
    )
    return {
        "index": card.index,
        "name": card.name,
        "total_mib": int(card.total),
        "free_mib": int(card.free),
        "used_mib": card.used,
        "reserved_mib": card.reserved,
        "multiprocessors": card.multiprocessors,
        "compute_capability": ".".join(map(str, card.compute_capability)) if card.compute_capability else None,
        "processes": processes,
    }


def servers_json(measured: Measured) -> list[dict[str, Any]]:
    """Planned, allocated by its own word, and measured, for each model server."""
    return [_server_json(name, one) for name, one in measured.servers.items()]


def _server_json(name: str, report: ServerReport) -> dict[str, Any]:
    return {
        "service": name,
        "build": report.build,
        "planned_mib": _mib(report.planned),
        "planned_parts_mib": _parts_json(report.planned_parts),
        "allocated_mib": _parts_json(report.allocated),
        "measured_mib": _mib(report.measured),
        "verdict": report.holds,
        "why": report.why,
        "differences": list(report.differences),
        "forced": report.forced,
    }


def _parts_json(parts: Mapping[str, int] | None) -> dict[str, float | None] | None:
    return None if parts is None else {name: _mib(size) for name, size in parts.items()}


def _mib(size: int | None) -> float | None:
    return None if size is None else round(size / _MIB, 2)


def gpu_text(report: GpuReport, out: Output) -> str:
    """Each card with a bar of its memory and its processes, then the model servers."""
    cuda = f", CUDA {report.driver.cuda}" if report.driver.cuda else ""
    lines = [f"driver {report.driver.version}{cuda}"]
    for card in report.cards:
        lines += ["", *_card_text(card), *_processes_text(card, report.owners, out)]
    if report.measured.servers:
        lines += ["", servers_table(report.measured, out), *_drift_text(report.measured)]
    return "\n".join(lines)


def _card_text(card: GpuDevice) -> Iterator[str]:
    units = f", {card.multiprocessors} multiprocessors" if card.multiprocessors else ""
    yield f"card {card.index}: {card.name}{units}"
    taken = round(_BAR * (card.total - card.free) / card.total) if card.total else 0
    yield f"  [{'#' * taken}{'.' * (_BAR - taken)}] {int(card.free)} of {int(card.total)} MiB are free"
    known: list[tuple[str, Mib | None]] = [("used", card.used), ("reserved by the driver", card.reserved)]
    said = [f"{what} {int(size)} MiB" for what, size in known if size is not None]
    neither = card.total - card.free - (card.used or 0) - (card.reserved or 0)
    if card.used is not None and neither > 0:
        said.append(f"neither used nor free {neither} MiB")
    if said:
        yield f"  {', '.join(said)}"


def _processes_text(card: GpuDevice, owners: Mapping[int, str], out: Output) -> list[str]:
    if not card.processes:
        return []
    rows = [("  PID", "SERVICE", "MiB")]
    for one in card.processes:
        size = "not told by the driver" if one.used is None else f"{one.used / _MIB:.0f}"
        rows.append((f"  {one.pid}", owners.get(one.pid, "-"), size))
    return table(rows, out).splitlines()


def servers_table(measured: Measured, out: Output) -> str:
    """One row for each model server."""
    rows = [("SERVER", "PLANNED", "ALLOCATED", "MEASURED", "VERDICT")]
    for name, one in measured.servers.items():
        allocated = None if one.allocated is None else sum(one.allocated.values())
        rows.append((name, _whole(one.planned), _whole(allocated), _whole(one.measured), f"{one.holds}: {one.why}"))
    return table(rows, out)


def _drift_text(measured: Measured) -> Iterator[str]:
    for name, one in measured.servers.items():
        mark = "forced" if one.forced else "DRIFT"
        yield from (f"{mark}: {name}: {difference}" for difference in one.differences)


def _whole(size: int | None) -> str:
    return "-" if size is None else f"{size / _MIB:.0f} MiB"


_HELP = {
    "gpu_memory_total_bytes": "Memory of the card.",
    "gpu_memory_free_bytes": "Memory of the card that is free.",
    "gpu_memory_used_bytes": "Memory of the card that is used, as its driver says.",
    "gpu_memory_reserved_bytes": "Memory of the card that its driver keeps.",
    "gpu_process_memory_bytes": "Memory of the card that a process uses.",
    "gpu_server_planned_bytes": "Memory of the card that was planned for a model server.",
    "gpu_server_allocated_bytes": "Memory of the card that a model server allocated at its start, by its own word.",
    "gpu_server_measured_bytes": "Memory of the card that a model server took at its start.",
    "gpu_server_over_plan": "1 when a model server took more than planned, beyond tolerance.",
    "gpu_server_drift": "1 when a model server does not run as it was asked to.",
}


def gpu_metrics(report: GpuReport) -> str:
    """The same figures for Prometheus (text format 0.0.4)."""
    samples = [*_card_samples(report), *_server_samples(report.measured)]
    lines = []
    for name, words in _HELP.items():
        rows = [f"aisuite_{name}{{{labels}}} {value}" for metric, labels, value in samples if metric == name]
        if rows:
            lines += [f"# HELP aisuite_{name} {words}", f"# TYPE aisuite_{name} gauge", *rows]
    return "\n".join(lines)


def _card_samples(report: GpuReport) -> Iterator[tuple[str, str, int]]:
    for card in report.cards:
        labels = _labels(card=str(card.index), name=card.name)
        for what, size in (
            ("total", card.total),
            ("free", card.free),
            ("used", card.used),
            ("reserved", card.reserved),
        ):
            if size is not None:
                yield f"gpu_memory_{what}_bytes", labels, size.bytes
        for one in card.processes or ():
            if one.used is not None:
                service = report.owners.get(one.pid, "")
                yield (
                    "gpu_process_memory_bytes",
                    _labels(card=str(card.index), pid=str(one.pid), service=service),
                    one.used,
                )


def _server_samples(measured: Measured) -> Iterator[tuple[str, str, int]]:
    for name, one in measured.servers.items():
        labels = _labels(service=name)
        if one.planned is not None:
            yield "gpu_server_planned_bytes", labels, one.planned
        for part, size in (one.allocated or {}).items():
            yield "gpu_server_allocated_bytes", _labels(service=name, part=part), size
        if one.measured is not None:
            yield "gpu_server_measured_bytes", labels, one.measured
        if one.holds != "not measurable":
            yield "gpu_server_over_plan", labels, int(one.holds == "over")
        yield "gpu_server_drift", labels, int(bool(one.differences) and not one.forced)


def _labels(**labels: str) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
