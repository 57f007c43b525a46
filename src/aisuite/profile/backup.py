"""What the owner wants of `aisuite backup`: where backups go, and which of them stay."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from aisuite.profile.part import Part
from aisuite.profile.values import Folder
from aisuite.units import Span


def _span(value: str) -> str:
    Span.parse(value)
    return value


_Span = Annotated[
    str,
    AfterValidator(_span),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^(?=.)([0-9]{1,4}y)?([0-9]{1,5}m)?([0-9]{1,6}d)?([0-9]{1,7}h)?$",
            "examples": ["14d", "1y6m"],
        }
    ),
]
_Keep = Annotated[int, Field(ge=0, le=10_000, strict=True)]


class Backup(Part):
    """Where backups go, and which of them stay when one is made; with no rule all do.

    The newest verified one stays, whatever the rules say.
    """

    folder: Folder | None = Field(
        None,
        description="Each project's backups lie below it, in a folder of its name; none: .aisuite/<project>/backups.",
    )
    engine: Literal["dir", "restic"] = Field(
        "dir", description="restic: into the repository that RESTIC_REPOSITORY names, as well."
    )
    keep_last: _Keep = Field(0, description="The newest n stay.")
    keep_daily: _Keep = Field(0, description="The newest of each of the last n days that have one.")
    keep_weekly: _Keep = Field(0, description="The newest of each of the last n weeks that have one.")
    keep_monthly: _Keep = Field(0, description="The newest of each of the last n months that have one.")
    keep_within: _Span | None = Field(
        None, description="All so long before the newest: years, months, days, hours, as 1y6m14d12h."
    )
