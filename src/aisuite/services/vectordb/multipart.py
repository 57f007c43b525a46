"""Read the one file of a multipart upload as it comes, without holding it in memory."""

from __future__ import annotations

import re
from typing import BinaryIO

from aisuite.services.vectordb.errors import BadRequest

_BOUNDARY = re.compile(r'multipart/form-data\s*;.*?boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))', re.IGNORECASE)
_NAME = re.compile(rb'(?i)^content-disposition:[^\r\n]*[;\s]name="([^"]*)"', re.MULTILINE)
_MAX_HEADERS = 16 << 10


def parse_boundary(content_type: str) -> bytes:
    """Find the boundary of a form."""
    found = _BOUNDARY.match(content_type)
    if found is None:
        raise BadRequest("a multipart/form-data body is needed")
    return (found[1] or found[2]).encode("latin-1")


class FileField:
    """Write the content of the first field of that name to a file; other fields are passed over."""

    def __init__(self, boundary: bytes, name: str, target: BinaryIO) -> None:
        self._mark = b"\r\n--" + boundary
        self._name = name.encode()
        self._target = target
        self._rest = b"\r\n"  # so that the first boundary looks like the others
        self._in_headers = False
        self._wanted = False
        self.complete = False

    def feed(self, chunk: bytes) -> None:
        """Take the next piece of the body."""
        self._rest += chunk
        while not self.complete and (self._headers() if self._in_headers else self._content()):
            pass

    def _content(self) -> bool:
        end = self._rest.find(self._mark)
        # A boundary may be cut by the end of the chunk: keep as much as could belong to it.
        safe = end if end >= 0 else max(0, len(self._rest) - len(self._mark) + 1)
        if self._wanted:
            self._target.write(self._rest[:safe])
        self._rest = self._rest[safe:]
        if end < 0:
            return False
        self.complete = self._wanted
        self._rest = self._rest[len(self._mark) :]
        self._in_headers = True
        return True

    def _headers(self) -> bool:
        end = self._rest.find(b"\r\n\r\n")
        if end < 0:
            if len(self._rest) > _MAX_HEADERS:
                raise BadRequest("the headers of a form field are too long")
            return False
        found = _NAME.search(self._rest[:end].lstrip())
        self._wanted = found is not None and found[1] == self._name
        self._rest = self._rest[end + 4 :]
        self._in_headers = False
        return True
