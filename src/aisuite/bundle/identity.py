"""How bundles are called, the second in which they were begun and a name if any; and how moments are written."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aisuite.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection

_STAMP = "%Y%m%dT%H%M%SZ"
_ID = re.compile(r"([0-9]{8}T[0-9]{6}Z)(?:-[a-z0-9][a-z0-9._-]{0,39})?")
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")


def utc_text(moment: datetime | float) -> str:
    """Return a moment, aware or in Unix seconds, as `2026-11-20T09:30:00Z`."""
    aware = moment if isinstance(moment, datetime) else datetime.fromtimestamp(moment, UTC)
    return aware.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def make_id(moment: datetime, name: str | None = None) -> str:
    """Return the id of a bundle begun at a moment. Raises UsageError for a name that cannot be part of one."""
    stamp = moment.astimezone(UTC).strftime(_STAMP)
    if name is None:
        return stamp
    if not _NAME.fullmatch(name):
        words = "a backup's name has small letters, digits, '.', '_' and '-', and is 40 long at most"
        raise UsageError(f"{words}: {name!r} cannot be one", "aisuite backup --name before-upgrade")
    return f"{stamp}-{name}"


def find_id(ids: Collection[str], wanted: str, where: str, hint: str, *, what: str = "backup") -> str:
    """Return the id that was meant, whole or by its beginning; `what` and `where` tell of none or many.

    Raises UsageError.
    """
    if wanted in ids:
        return wanted
    chosen = [one for one in ids if wanted and one.startswith(wanted)]
    if len(chosen) != 1:
        many = f"{len(chosen)} {what}s begin with {wanted!r}" if chosen else f"there is no {what} {wanted!r}"
        raise UsageError(f"{many} in {where}", hint)
    return chosen[0]


def taken_at(bundle: str) -> datetime | None:
    """Return when a bundle was begun, in UTC; None when it is no id of a bundle."""
    found = _ID.fullmatch(bundle)
    if found is None:
        return None
    try:
        return datetime.strptime(found[1], _STAMP).replace(tzinfo=UTC)
    except ValueError:  # 20261399T250000Z
        return None
