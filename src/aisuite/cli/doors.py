"""Single adapters, for commands that need no profile; built when needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aisuite.cli.folders import user_folder
from aisuite.cli.wiring import project_folder, recorded_engine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aisuite.ports import Chat, Hub, Insight, Journal, KeptData, Leftovers


def open_data(project: str, state: Path) -> KeptData:
    """Return what the services of a project keep, on the engine on which they were brought up last."""
    from aisuite.adapters.workdir import ProjectDir
    from aisuite.ops.record import read_last_engine

    folder = project_folder(project, state)
    if read_last_engine(ProjectDir(folder)) == "docker":
        from aisuite.adapters.docker_engine.volumes import DockerVolumes

        return DockerVolumes(folder.name, folder)
    from aisuite.adapters.service_folders import ServiceFolders

    return ServiceFolders(folder)


def open_insight(project: str, state: Path) -> Insight:
    """Return what looks closer at a project, on the engine on which it was brought up."""
    folder = project_folder(project, state)
    if recorded_engine(folder) == "docker":
        from aisuite.adapters.docker_engine.insight import DockerInsight

        return DockerInsight(folder, folder.name)
    from aisuite.adapters.process_engine.insight import ProcessInsight

    return ProcessInsight(folder)


def open_journal(folder: Path) -> Journal:
    """Return where a project's events are kept."""
    from aisuite.adapters.journal import JournalFile

    return JournalFile(folder / "events" / "watch.jsonl")


def open_leftovers() -> Leftovers:
    """Return what former versions have made on this machine."""
    from aisuite.adapters.gateway_env import GatewayEnv, GatewayLeftovers

    return GatewayLeftovers(GatewayEnv(user_folder("data") / "gateway"))


def open_hub() -> Hub:
    """Return where models are fetched from."""
    from aisuite.adapters.hub import HuggingFaceHub

    return HuggingFaceHub()


def watch_changes(folder: Path) -> Iterator[frozenset[Path]]:
    """Return what tells of changes below a folder. Raises UsageError."""
    from aisuite.adapters import file_changes

    return file_changes.watch_changes(folder)


def open_chat() -> Chat:
    """Return what talks to the running suite as a client."""
    from aisuite.adapters.chat import HttpChat

    return HttpChat()
