"""What was measured on this machine's cards, in one small file of the user's data folder."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aisuite.adapters.durable import translated, write_durably

if TYPE_CHECKING:
    from pathlib import Path

    from aisuite.vram.model import Overhead

_SCHEMA = "aisuite.calibration/1"
_LARGEST = 2**20  # bytes of a file that can be ours
_MOST = 16 * 2**30  # bytes that a process may cost; more is no measurement


class CalibrationFile:
    """Overheads by the name of the card. A damaged file counts as none."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "calibration.json"

    def find(self, card: str) -> Overhead | None:
        """Return what was measured on a card of that name, or None."""
        return _overhead(self._cards().get(card))

    def keep(self, card: str, overhead: Overhead) -> None:
        """Remember a measurement, replacing an older one. Raises StateUnwritable, DiskFull."""
        cards = {**self._cards(), card: {"bytes": overhead.bytes, "source": overhead.source}}
        text = json.dumps({"schema": _SCHEMA, "cards": cards}, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        with translated(self._file):
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_durably(self._file, text.encode())

    def reset(self) -> bool:
        """Forget all; false when there was nothing. Raises StateUnwritable."""
        with translated(self._file):
            try:
                self._file.unlink()
            except FileNotFoundError:
                return False
        return True

    def _cards(self) -> dict[str, Any]:
        try:
            if self._file.stat().st_size > _LARGEST:
                return {}
            found = json.loads(self._file.read_text(encoding="utf-8"))
            cards = found["cards"] if found["schema"] == _SCHEMA else {}
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return {}
        return cards if isinstance(cards, dict) else {}


def _overhead(kept: Any) -> Overhead | None:
    if not isinstance(kept, dict):
        return None
    size, source = kept.get("bytes"), kept.get("source")
    if type(size) is not int or not isinstance(source, str) or not 0 < size < _MOST:
        return None
    from aisuite.vram.model import Overhead  # of no use on a machine where nothing was measured

    return Overhead(size, source, measured=True)
