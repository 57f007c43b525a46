"""This machine as a place where a stack can run: what `resolve` must know of it."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aisuite.stack.model import Site


def find_sites(
    project: str, folder: Path, llama: tuple[str, ...], gateway: tuple[str, ...], *, in_containers: bool
) -> tuple[Site, Site]:
    """Return the place for local processes, and the one for containers.

    The latter is known in full only when the stack will run `in_containers`. Raises UsageError for a broken lock.
    """
    from aisuite.adapters.docker_engine.site_facts import ask_engine
    from aisuite.adapters.host import LocalHost
    from aisuite.stack.model import Site

    processes = Site(
        engine="process",
        project=project,
        folder=folder,
        working_dir=Path.cwd(),
        cpus=LocalHost().cpus(),
        llama_server=llama,
        gateway=gateway,
        python=(sys.executable,),
        owner=(os.getuid(), os.getgid()),
    )
    facts = ask_engine(will_run=in_containers)
    return processes, replace(
        processes,
        engine="docker",
        cpus=facts.cpus or processes.cpus,
        owner=(0, 0) if facts.rootless else processes.owner,
        docker_api=facts.api,
        cdi_devices=facts.cdi_devices,
        digests=_digests(will_run=in_containers),
    )


def _digests(*, will_run: bool) -> dict[str, str]:
    """Return {image: digest} of what is locked here."""
    from aisuite.adapters.shared_folder import SharedFolder
    from aisuite.ops.image_lock import read_lock
    from aisuite.stack.image_lock import digests_to_start

    lock = read_lock(SharedFolder(Path.cwd()))
    if not lock:
        return {}
    from aisuite.adapters.docker_engine.site_facts import find_loaded

    return digests_to_start(lock, find_loaded(lock, will_run=will_run))
