"""Print the table of docs/benchmarks.md about faults: the whole failover drill on a demo suite of its own.

    benchmarks/drill.py [process|docker] [options of `aisuite failover-drill`, such as --duration 60 --repeat 5]

The docker engine needs the demo's images. The whole evidence of the drill is copied to the folder that EVIDENCE names;
SUMMARY names a file for its figures alone, small enough to be committed:

    SUMMARY=benchmarks/evidence/drill-process.json benchmarks/drill.py process --duration 60 --repeat 5
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from run import Folder, machine

ENGINES = ("process", "docker")
# Figure -> column head; shares in percent, all else in seconds.
COLUMNS = {
    "plain": "plain requests",
    "plain_success": "succeeded",
    "p99_added": "p99 added, s",
    "first_good": "first good, s",
    "in_flight": "longest in flight, s",
    "explicit_error": "longest to an error, s",
    "healthy_again": "ready again, s",
    "back_on_first": "first choice again, s",
    "recovers": "recovers, s",
    "streams_marked": "streams marked",
}
SHARES = {"plain_success", "streams_marked"}
SPREAD = ("least", "median", "most")


def main() -> None:
    """Drill one engine and print."""
    engine, *options = sys.argv[1:] or ["process"]
    if engine not in ENGINES:
        raise SystemExit(f"{engine}: there is {' and '.join(ENGINES)}")
    here, asked = machine(), " ".join(options) or "as the profile says"
    print(f"machine: {here}; engine {engine}; {asked}\n")
    with tempfile.TemporaryDirectory(prefix="aisuite-bench-") as name:
        one = Folder(Path(name))
        # A name of its own: containers and volumes are the engine's, whichever folder they are started from.
        one.ports["AISUITE_PROJECT"] = project = one.path.name.replace("_", "-").lower().rstrip("-")
        try:
            one.run("up", "--demo", "--engine", engine)
            report = _drill(one, options)
            evidence = one.path / ".aisuite" / project / "evidence" / report["evidence"]
            facts = json.loads((evidence / "report.json").read_text())
            if os.environ.get("EVIDENCE"):
                shutil.copytree(evidence, Path(os.environ["EVIDENCE"]) / evidence.name)
        finally:
            one.run("down", "--volumes", "--yes")
    _print(report)
    if os.environ.get("SUMMARY"):
        kept = Path(os.environ["SUMMARY"])
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(write_summary(facts | report, here, asked))


def _drill(one: Folder, options: list[str]) -> dict[str, Any]:
    """Run the drill, which may well end with exit code 6."""
    command = [sys.executable, "-m", "aisuite", "failover-drill", "--json", *options]
    ran = subprocess.run(
        command, cwd=one.path, env={**os.environ, **one.ports}, stdout=subprocess.PIPE, text=True, check=False
    )
    report: dict[str, Any] = json.loads(ran.stdout)
    if "trials" not in report:
        raise SystemExit(report["error"]["message"])
    return report


def write_summary(report: dict[str, Any], here: str, asked: str) -> str:
    """Return a drill's figures as JSON, a line for each fault; of several trials the least, the median and the most.

    Nothing that tells a machine's folders or names: what is not listed here stays out.
    """
    head = {
        "schema": "aisuite.drill-figures/1",
        "ended": report["ended"],
        "engine": report["engine"],
        "options": asked,
        "machine": here,
        "versions": {name: report["versions"][name] for name in ("aisuite", "litellm") if name in report["versions"]},
        "success": report["success"],
    }
    lines = [f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in head.items()]
    faults = ",\n".join(f"    {json.dumps(_figures_of(one))}" for one in report["summary"])
    return "{\n" + ",\n".join([*lines, f'  "faults": [\n{faults}\n  ]']) + "\n}\n"


def _figures_of(one: dict[str, Any]) -> dict[str, Any]:
    figures = {name: [round(spread[key], 3) for key in SPREAD] for name, spread in one["figures"].items()}
    return {**{name: one[name] for name in ("fault", "outcome", "why", "runs", "passed", "bounds")}, "figures": figures}


def _print(report: dict[str, Any]) -> None:
    """Print a Markdown table: a row for each fault; of several trials the least, the median and the most."""
    print("| fault | verdict | " + " | ".join(COLUMNS.values()) + " |")
    print("| --- " * (len(COLUMNS) + 2) + "|")
    for one in report["summary"]:
        cells = [_cell(name, one["figures"].get(name)) for name in COLUMNS]
        print(f"| {one['fault']} | {one['outcome']} ({one['passed']} of {one['runs']}) | " + " | ".join(cells) + " |")
    print()
    for one in report["summary"]:
        if one["outcome"] != "pass":
            print(f"- {one['fault']}: {one['why']}")
    if report["success"] is not None:
        print(f"\nWhole matrix, outages left out: {report['success']:.3%} of the plain requests succeeded.")


def _cell(name: str, spread: dict[str, float] | None) -> str:
    if spread is None:
        return ""
    written = [_written(name, spread[key]) for key in SPREAD]
    return " / ".join(written) if len(set(written)) > 1 else written[0]


def _written(name: str, value: float) -> str:
    if name in SHARES:
        return f"{value:.2%}"
    return f"{value:.0f}" if name == "plain" else f"{value:.2f}"


if __name__ == "__main__":
    main()
