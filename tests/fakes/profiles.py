"""Profiles and sites for tests: real values, the same on every machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aisuite.adapters.render import JinjaRenderer
from aisuite.profile.load import ProfileRequest, load_profile
from aisuite.profile.model import Profile
from aisuite.resources import find_data_dir
from aisuite.stack.model import EngineName, Site, Stack
from aisuite.stack.resolve import resolve

ROOT = Path("/srv/aisuite")
SHIPPED = sorted(path.stem for path in find_data_dir("profiles").glob("*.yaml"))
ENGINES: tuple[EngineName, ...] = ("docker", "process")


def make_site(engine: EngineName = "process", **changes: Any) -> Site:
    """Return a site with 8 cores and a project called default."""
    facts: dict[str, Any] = {
        "engine": engine,
        "project": "default",
        "folder": ROOT / ".aisuite" / "default",
        "working_dir": ROOT,
        "cpus": 8,
        "llama_server": ("/opt/llama/llama-server",),
        "llama_build": 11669,
        "gateway": ("/opt/gateway/bin/python", "-I"),
        "python": ("/opt/aisuite/bin/python",),
    }
    return Site(**{**facts, **changes})


def shipped(name: str) -> Profile:
    """Return a shipped profile, untouched by this machine's environment; where a plan decides, 22 layers fit."""
    profile = load_profile(ProfileRequest(name_or_path=name, working_dir=ROOT)).profile
    models = {
        model: settings.model_copy(update={"gpu_layers": 22}) if settings.gpu_layers == "auto" else settings
        for model, settings in profile.models.items()
    }
    return profile.model_copy(update={"models": models})


def make_profile(**changes: Any) -> Profile:
    """Return a small profile of phase 2; top-level keys are replaced."""
    document: dict[str, Any] = {
        "phase": 2,
        "models": {
            "chat": {"source": {"repo": "someone/chat", "file": "chat.gguf"}, "gpu_layers": 0},
            "code": {"source": {"repo": "someone/code", "file": "code.gguf"}, "gpu_layers": 0},
        },
        "routes": {"chat-7b": ["chat", "code"], "code-7b": ["code", "chat"]},
    }
    return Profile.model_validate(document | changes)


def make_resolved(engine: EngineName = "process", **changes: Any) -> Stack:
    """Return what the small profile becomes."""
    return resolve(make_profile(**changes), "small", make_site(engine))


def make_renderer() -> JinjaRenderer:
    """Return the renderer with the shipped templates."""
    return JinjaRenderer(find_data_dir("templates"))
