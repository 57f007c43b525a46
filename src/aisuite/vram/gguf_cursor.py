"""A place in a GGUF file: walks over it block by block, and refuses what no real header has."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field

# Far above every real model (the largest headers have 20 MB), and low enough for the worst file to be refused quickly.
MAX_HEADER = 64 * 2**20
MAX_STRINGS = 2**21  # in arrays, together
MAX_KEPT = 2**23  # bytes of texts and numbers that stay in memory
KEPT_TEXT = 2**12  # bytes; a longer text is a chat template or a licence
KEPT_NUMBERS = 2**11  # elements; a longer array is a vocabulary

_BLOCK = 2**20
_NUMBER = 16  # what a number of an array counts against MAX_KEPT
_U32 = struct.Struct("<I")
_U64 = struct.Struct("<Q")

Read = Callable[[int, int], bytes]
Scalar = int | float | bool


class GgufInvalid(ValueError):
    """A header that cannot be true: what is wrong, and at which byte."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A value that was walked over: a long text, or an array that is not a short one of numbers."""

    type: str  # "string", "u32", ... of an element
    count: int  # elements; bytes of a text


@dataclass(slots=True)
class Cursor:
    """A place in a file of `size` bytes, and a block of bytes around it. All methods raise GgufInvalid."""

    read: Read
    size: int
    _block: bytes = b""
    _start: int = 0  # of the block in the file
    _at: int = 0  # in the block; beyond its end after a long skip
    _strings: int = 0
    _kept: int = 0
    _limit: int = field(init=False)

    def __post_init__(self) -> None:
        self._limit = min(self.size, MAX_HEADER)

    @property
    def position(self) -> int:
        """Where we are in the file."""
        return self._start + self._at

    def fault(self, what: str) -> GgufInvalid:
        """Make an error that names this place."""
        return GgufInvalid(f"byte {self.position}: {what}")

    def u32(self) -> int:
        """Read an unsigned 32-bit number."""
        at = self._take(4)
        number: int = _U32.unpack_from(self._block, at)[0]
        return number

    def u64(self) -> int:
        """Read an unsigned 64-bit number."""
        at = self._take(8)
        number: int = _U64.unpack_from(self._block, at)[0]
        return number

    def scalar(self, form: struct.Struct) -> Scalar:
        """Read one number of any form."""
        at = self._take(form.size)
        number: Scalar = form.unpack_from(self._block, at)[0]
        return number

    def count(self, what: str, most: int) -> int:
        """Read how many of something follow."""
        number = self.u64()
        if number > most:
            raise self.fault(f"{number} {what}; {most} is the most that is read")
        return number

    def name(self, most: int) -> str:
        """Read a name of at most so many bytes."""
        return self._decoded(self.count("bytes of a name", most))

    def text(self) -> str | Skipped:
        """Read a text, or walk over a long one."""
        length = self.u64()
        if length <= KEPT_TEXT:
            return self._decoded(length)
        self._skip(length)
        return Skipped("string", length)

    def numbers(self, form: struct.Struct, name: str, count: int) -> tuple[Scalar, ...] | Skipped:
        """Read a short array, or walk over a long one."""
        if count > KEPT_NUMBERS:
            self._skip(form.size * count)
            return Skipped(name, count)
        self._keep(_NUMBER * count)
        at = self._take(form.size * count)
        return struct.unpack_from(f"<{count}{form.format[-1]}", self._block, at)

    def strings(self, count: int) -> Skipped:
        """Walk over an array of strings: one look at each length, no copies."""
        self._strings += count
        if self._strings > MAX_STRINGS:
            raise self.fault(f"{self._strings} strings in arrays; {MAX_STRINGS} is the most that is read")
        left, unpack = count, _U64.unpack_from
        while left:
            if self._at + 8 > len(self._block):
                self._fill(8)
            block, at, last = self._block, self._at, len(self._block) - 8
            while left and at <= last:
                at += 8 + unpack(block, at)[0]
                left -= 1
            self._check(self._start + at)
            self._at = at
        return Skipped("string", count)

    def _decoded(self, length: int) -> str:
        self._keep(length)
        at = self._take(length)
        return self._block[at : at + length].decode("utf-8", "replace")

    def _keep(self, size: int) -> None:
        self._kept += size
        if self._kept > MAX_KEPT:
            raise self.fault(f"more than {MAX_KEPT // 2**20} MiB of names and numbers")

    def _take(self, size: int) -> int:
        """Return where in the block the next bytes lie, and go behind them."""
        if self._at + size > len(self._block):
            self._fill(size)
        at = self._at
        self._at += size
        return at

    def _skip(self, size: int) -> None:
        self._check(self.position + size)
        self._at += size

    def _fill(self, size: int) -> None:
        """Read a block from here on that has at least so many bytes."""
        place = self.position
        self._check(place + size)
        self._block = self.read(place, min(max(size, _BLOCK), self._limit - place))
        self._start, self._at = place, 0
        if len(self._block) < size:
            raise self.fault(f"the file ends after {len(self._block)} more bytes, it should have {self.size}")

    def _check(self, end: int) -> None:
        if end > self.size:
            raise self.fault(f"the file ends at byte {self.size}, its header goes on; it is cut short, or it lies")
        if end > self._limit:
            raise self.fault(f"a header of more than {MAX_HEADER // 2**20} MiB")
