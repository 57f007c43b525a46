"""Every error a person can meet, in one tree. Each class owns its exit code.

AisuiteError                1   never raised bare
  UsageError                2   a flag or argument that cannot be meant
  ProfileError              2   ProfileNotFound, ProfileInvalid(problems)
  HostError                 3   EngineUnavailable, GpuUnavailable, PortTaken, DiskFull, ProjectLocked,
                                ModelMissing, ModelBroken, StateUnwritable, DownloadFailed
  VramError                 4   DoesNotFit
  StackError                5   StepFailed, NotReady(service, cause, evidence), NotRunning, TemplateBroken
  DrillFailed               6   (the drill's)
  DataError                 7   BackupFailed, BundleDamaged, RestoreRefused, RestoreFailed
  DriftError                8   effective settings or lock differ
interrupted               130   after clean-up
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

INTERRUPTED = 130


class AisuiteError(Exception):
    """What was wrong and where, and a hint that is a command to run."""

    exit_code = 1

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(AisuiteError):
    """A flag or an argument that cannot be meant."""

    exit_code = 2


class ProfileError(AisuiteError):
    """The profile cannot be used."""

    exit_code = 2


class ProfileNotFound(ProfileError):
    """No profile of that name or path."""


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong in a profile, with its place."""

    source: str  # file path, "environment", ".env" or "--flag"
    line: int | None
    key: str  # dotted key path, "" for the whole document
    message: str

    def __str__(self) -> str:
        place = self.source if self.line is None else f"{self.source}:{self.line}"
        return f"{place}: {self.key}: {self.message}" if self.key else f"{place}: {self.message}"


class ProfileInvalid(ProfileError):
    """All problems of a profile at once."""

    def __init__(self, problems: tuple[Problem, ...], hint: str = "aisuite profile schema   # every key") -> None:
        count = len(problems)
        head = "the profile has 1 problem:" if count == 1 else f"the profile has {count} problems:"
        super().__init__("\n".join([head, *(f"  {problem}" for problem in problems)]), hint)
        self.problems = problems


class HostError(AisuiteError):
    """This machine lacks something that the stack needs."""

    exit_code = 3


class EngineUnavailable(HostError):
    """The chosen engine cannot run here."""


class GpuUnavailable(HostError):
    """The profile asks for a card that cannot be used here."""


class PortTaken(HostError):
    """A port that a service needs is held by somebody else."""


class DiskFull(HostError):
    """Not enough space for what must be written."""


class ProjectLocked(HostError):
    """Another aisuite works on this project now."""


class ModelMissing(HostError):
    """Model files that the profile names are not on this machine."""

    def __init__(self, message: str, missing: tuple[Path, ...], hint: str | None = None) -> None:
        super().__init__(message, hint)
        self.missing = missing


class ModelBroken(HostError):
    """A model file is not what its name says: no GGUF, cut short, or a header that cannot be true."""


class StateUnwritable(HostError):
    """The state folder cannot be written."""


class DownloadFailed(HostError):
    """A file could not be fetched, or is not what it should be."""


class VramError(AisuiteError):
    """The models and the card do not go together."""

    exit_code = 4


class DoesNotFit(VramError):
    """The plan needs more memory than the budget leaves; nothing was started."""


class StackError(AisuiteError):
    """The stack is not in the state that was asked for."""

    exit_code = 5


class StepFailed(StackError):
    """A step of a plan could not be carried out."""


class TemplateBroken(StackError):
    """A template does not give the file that the stack describes."""


class NotRunning(StackError):
    """A command needs a running service that is not there."""


class NotReady(StackError):
    """A service did not become ready; says why and shows the line that proves it."""

    def __init__(self, service: str, cause: str, evidence: str = "", hint: str | None = None) -> None:
        message = f"{service}: {cause}"
        if evidence:
            message += f"\n  its log says: {evidence}"
        super().__init__(message, hint)
        self.service = service
        self.cause = cause
        self.evidence = evidence


class DrillFailed(AisuiteError):
    """A fault was not borne as it must be."""

    exit_code = 6


class DataError(AisuiteError):
    """What is kept could not be saved, or not be brought back."""

    exit_code = 7


class BackupFailed(DataError):
    """No backup was made; what was there before is as it was."""


class BundleDamaged(DataError):
    """A backup is not what its manifest says."""


class RestoreRefused(DataError):
    """A backup does not belong here; nothing was touched."""


class RestoreFailed(DataError):
    """A restore ended in the middle; it can be resumed or undone."""


class DriftError(AisuiteError):
    """What is here differs from what was locked."""

    exit_code = 8
