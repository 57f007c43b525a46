"""`clean` lists first, and removes only what nobody uses."""

from __future__ import annotations

from dataclasses import dataclass, field

from aisuite.cli.output import Output
from aisuite.cli.view.lifecycle import clean_text
from aisuite.ops.clean import clean
from aisuite.ports import Leftover

OLD = Leftover("/data/gateway/old", "a gateway environment of another version", 750 * 2**20, None)
BUSY = Leftover("/data/gateway/busy", "a gateway environment of another version", 2**20, "python, pid 42")


@dataclass
class FakeLeftovers:
    """What is there."""

    there: list[Leftover] = field(default_factory=lambda: [OLD, BUSY])

    def find(self) -> tuple[Leftover, ...]:
        return tuple(self.there)

    def remove(self, leftover: Leftover) -> None:
        self.there.remove(leftover)


def test_without_a_yes_everything_is_listed_and_nothing_goes() -> None:
    leftovers = FakeLeftovers()
    report = clean(leftovers, remove=False)
    assert report.leftovers == (OLD, BUSY)
    assert report.removed == ()
    assert leftovers.there == [OLD, BUSY]
    text = clean_text(report, Output("clean"))
    assert "750 MiB" in text
    assert "used by python, pid 42" in text
    assert text.endswith("aisuite clean --yes")


def test_what_somebody_uses_stays() -> None:
    leftovers = FakeLeftovers()
    assert clean(leftovers, remove=True).removed == (OLD.name,)
    assert leftovers.there == [BUSY]
    assert "clean --yes" not in clean_text(clean(leftovers, remove=False), Output("clean"))


def test_nothing_left_over_is_said_so() -> None:
    assert clean_text(clean(FakeLeftovers([]), remove=True), Output("clean")) == "nothing is left over"
