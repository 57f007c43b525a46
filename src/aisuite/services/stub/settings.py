"""What the stand-in reads from its environment."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from aisuite.services.common import ServiceSettings

Mode = Literal["500", "503", "429", "garbage", "slow", "too-slow", "cut", "stall", "poisoned"]


class StubSettings(ServiceSettings):
    """Settings of the stand-in."""

    stub_mode: Mode
    stub_model: str = "stub"  # the name it goes by
    stub_delay: float = Field(default=0.0, ge=0.0, le=86400.0)  # seconds before it answers, in the slow modes
    stub_poison: str = Field(default="poison", min_length=1)  # what a poisoned request holds
