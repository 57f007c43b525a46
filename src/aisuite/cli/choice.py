"""Which profile the command line chooses, and why that one."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aisuite.errors import UsageError

if TYPE_CHECKING:
    from aisuite.profile.load import Override

DEFAULT_PROFILE = "phase2"


@dataclass(frozen=True, slots=True)
class Choice:
    """What the command line says about the profile; None: nothing."""

    profile: str | None
    phase: int | None
    demo: bool
    engine: str | None

    def name(self) -> tuple[str, str]:
        """Return the profile to load, and why that one. Raises UsageError."""
        if self.profile is not None and self.demo:
            raise UsageError("--demo is a profile of its own and cannot go with --profile", "aisuite up --demo")
        if self.profile is not None:
            return self.profile, "--profile"
        if self.demo:
            return "demo", "--demo"
        if self.phase is not None:
            return f"phase{self.phase}", f"--phase {self.phase}"
        # Here and not as the option's own variable: a flag that chooses another profile wins over it.
        if named := os.environ.get("AISUITE_PROFILE"):
            return named, "environment AISUITE_PROFILE"
        return DEFAULT_PROFILE, "the default"

    def overrides(self) -> dict[str, Override]:
        """Return what the flags set in the profile, by key path."""
        found: dict[str, Override] = {}
        if self.engine is not None:
            found["engine"] = (self.engine, "--engine")
        if self.phase is not None and (self.demo or self.profile is not None):
            found["phase"] = (self.phase, "--phase")
        return found

    def flags(self) -> str:
        """Return the flags that choose the same profile again, for hints."""
        words = [f"--phase {self.phase}"] if self.phase is not None else []
        words += [f"--profile {self.profile}"] if self.profile is not None else []
        return " ".join(words)
