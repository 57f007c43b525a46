"""Lines of a byte stream, as they come: of a container's log, of server-sent events."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def read_lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield the lines of a byte stream as soon as each is complete; what is not UTF-8 is replaced.

    Lines end at LF or CRLF and nowhere else: JSON may hold U+2028 and its like unescaped.
    """
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.removesuffix(b"\r").decode(errors="replace")
    if rest:
        yield rest.removesuffix(b"\r").decode(errors="replace")
