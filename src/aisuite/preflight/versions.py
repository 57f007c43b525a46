"""Versions as tuples, and the releases of other people's software that should not run. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

Version = tuple[int, ...]

_VERSION = re.compile(r"v?(\d{1,9}(?:\.\d{1,9})+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class BadRelease:
    """Releases from `first` up to, not including, `fixed`."""

    first: Version
    fixed: Version
    why: str
    hostile: bool = False  # made by an attacker, not merely with a hole

    def holds(self, version: Version) -> bool:
        """Whether a version is one of them."""
        return self.first <= version < self.fixed


BAD_LITELLM = (
    BadRelease((1, 82, 7), (1, 83, 0), "the release on PyPI steals credentials", hostile=True),
    BadRelease((1, 107, 0), (1, 108, 0), "the release was compromised, its signing key was changed", hostile=True),
    BadRelease((0,), (1, 83, 7), "SQL injection before the key is checked (CVE-2026-42208)"),
    BadRelease((0,), (1, 84, 0), "the Host header bypasses the key (CVE-2026-49468)"),
    BadRelease((0,), (1, 101, 1), "CVE-2026-102999"),
    BadRelease((1, 109, 0), (1, 109, 1), "a hole in the proxy that 1.109.1 closes"),
)
# Two connections that write at the same moment can lose a part of the journal.
SQLITE_WAL_BUG = BadRelease((3, 7, 0), (3, 51, 3), "its write-ahead log can be reset while another one writes")


def parse_version(text: str) -> Version | None:
    """Return the numbers at the begin of "v1.109.2-stable"; None where there is no version."""
    found = _VERSION.match(text.strip())
    return tuple(int(number) for number in found[1].split(".")) if found else None


def version_of_image(reference: str) -> str | None:
    """Return the version in an image's tag; None where the tag is none."""
    tag = reference.partition("@")[0].rpartition("/")[2].partition(":")[2]
    found = re.search(r"\d+(?:\.\d+)+", tag)
    return found[0] if found else None


def pinned_version(requirements: str, package: str) -> str | None:
    """Return the version to which a file of requirements pins a package."""
    found = re.search(rf"(?mi)^{re.escape(package)}(?:\[[^\]]*\])?==([^\s;\\]+)", requirements)
    return found[1] if found else None
