"""Measure what docs/benchmarks.md says of faults: the failover drill, on a demo suite of its own.

    benchmarks/drill.py [process|docker] [options of `aisuite failover-drill`]     # one round
    benchmarks/drill.py table ROUND.json ...                                       # all of them, a table per engine

The whole matrix, a minute for each fault and five times, takes hours. So it may be made in pieces, on several days:

    benchmarks/drill.py process --duration 60 --repeat 5 --only kill,hang
    benchmarks/drill.py process --duration 60 --repeat 5 --only error
    benchmarks/drill.py table benchmarks/evidence/*.json

Each round writes its figures to benchmarks/evidence, or to the file that SUMMARY names, after each fault: what breaks
it off costs one fault. A fault that could not be begun is tried again, on a suite that was set up again. The docker
engine needs the demo's images. The whole evidence of every drill is copied to the folder that EVIDENCE names.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from drill_rounds import Round, read_round, tables, write_round
from run import Folder, machine

from aisuite.drill.catalogue import find_faults
from aisuite.drill.model import Outcome, Trial
from aisuite.drill.summary import parse_trials
from aisuite.errors import UsageError

ENGINES = ("process", "docker")
TRIES = 3
KEPT = Path(__file__).parent / "evidence"
VERSIONS = ("aisuite", "litellm", "llama-server", "docker")


def main(words: Sequence[str]) -> None:
    """Make one round, or print what many came to."""
    if words[:1] == ["table"]:
        print(tables([read_round(Path(name)) for name in words[1:]]))
        return
    engine, *options = words or ["process"]
    if engine not in ENGINES:
        raise SystemExit(f"{engine}: there is {', '.join(ENGINES)} and table")
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--only", default="")
    parser.add_argument("--repeat", type=int, default=1)
    wanted, rest = parser.parse_known_args(options)
    try:
        faults = [fault.name for fault in find_faults(filter(None, wanted.only.split(",")))]
    except UsageError as err:
        raise SystemExit(err.message) from err
    head = {"engine": engine, "options": " ".join(options) or "as the profile says", "machine": machine()}
    print(f"machine: {head['machine']}; engine {engine}; {head['options']}\n", flush=True)
    _make_round(head, faults, wanted.repeat, rest)


def _make_round(head: dict[str, Any], faults: Sequence[str], repeat: int, options: Sequence[str]) -> None:
    """Drill one fault after another, and keep what is known after each."""
    kept, trials = _kept(str(head["engine"])), list[Trial]()
    with _suite(str(head["engine"])) as suite:
        for fault in faults:
            trials += _drill(suite, fault, repeat, options)
            found = Round(head | {"ended": _now(), "versions": suite.versions()}, tuple(trials))
            kept.write_text(write_round(found), encoding="utf-8")
            suite.keep_evidence()
    print(f"\n{tables([found])}\n\nfigures: {kept}")


@dataclass
class _Suite:
    """The demo suite of one round."""

    folder: Folder
    engine: str
    project: str

    def up(self) -> None:
        """Bring it up, or back to what it should be."""
        self.folder.run("up", "--demo", "--engine", self.engine)

    def drill(self, options: Sequence[str]) -> dict[str, Any]:
        """Run the drill, which may well end with exit code 6; return what it printed."""
        command = [sys.executable, "-m", "aisuite", "failover-drill", "--json", *options]
        env = {**os.environ, **self.folder.ports}
        ran = subprocess.run(command, cwd=self.folder.path, env=env, stdout=subprocess.PIPE, text=True, check=False)
        found: dict[str, Any] = json.loads(ran.stdout)
        return found

    def versions(self) -> dict[str, str]:
        """Return the versions that the newest evidence tells, and nothing of the machine."""
        found = [json.loads((one / "report.json").read_text())["versions"] for one in self._evidence()[-1:]]
        return {name: one[name] for one in found for name in VERSIONS if name in one}

    def keep_evidence(self) -> None:
        """Copy what is new in the evidence to the folder that EVIDENCE names."""
        for one in self._evidence():
            target = Path(os.environ["EVIDENCE"]) / one.name if os.environ.get("EVIDENCE") else None
            if target is not None and not target.exists():
                shutil.copytree(one, target)

    def _evidence(self) -> list[Path]:
        return sorted((self.folder.path / ".aisuite" / self.project / "evidence").glob("*-failover-drill*"))


@contextmanager
def _suite(engine: str) -> Iterator[_Suite]:
    """Give a suite that is up; at the end nothing is left of it."""
    with tempfile.TemporaryDirectory(prefix="aisuite-bench-") as name:
        folder = Folder(Path(name))
        # A name of its own: containers and volumes are the engine's, whichever folder they are started from.
        folder.ports["AISUITE_PROJECT"] = project = folder.path.name.replace("_", "-").lower().rstrip("-")
        suite = _Suite(folder, engine, project)
        try:
            suite.up()
            yield suite
        finally:
            folder.run("down", "--volumes", "--yes")


def _drill(suite: _Suite, fault: str, repeat: int, options: Sequence[str]) -> list[Trial]:
    """Return the trials of one fault; those that could not be begun are made again."""
    trials, not_begun = list[Trial](), list[Trial]()
    for _ in range(TRIES):
        missing = repeat - len(trials)
        report = suite.drill(["--only", fault, "--repeat", str(missing), *options])
        made = _trials_of(report, fault)
        trials += [trial for trial in made if _was_judged(trial)]
        not_begun = [trial for trial in made if not _was_judged(trial)]
        _tell(fault, made, report)
        if not not_begun:
            break
        suite.up()
    return trials + not_begun


def _was_judged(trial: Trial) -> bool:
    return bool(trial.figures) or trial.outcome is Outcome.NOT_AVAILABLE


def _trials_of(report: Mapping[str, Any], fault: str) -> tuple[Trial, ...]:
    if "trials" in report:
        return parse_trials(json.dumps(report))
    return (Trial(fault, Outcome.FAIL, f"not begun: {report['error']['message']}"),)


def _tell(fault: str, trials: Sequence[Trial], report: Mapping[str, Any]) -> None:
    took = f", {report['seconds'] / len(trials):.1f} s each" if "seconds" in report else ""
    print(f"{fault}: {', '.join(trial.outcome for trial in trials)}{took}", flush=True)
    for why in dict.fromkeys(trial.why for trial in trials if trial.outcome is Outcome.FAIL):
        print(f"    {why}", flush=True)


def _kept(engine: str) -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%MZ")
    path = Path(os.environ.get("SUMMARY") or KEPT / f"drill-{engine}-{stamp}.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


if __name__ == "__main__":
    main(sys.argv[1:])
