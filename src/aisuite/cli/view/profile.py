"""Profiles and the effective configuration."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aisuite.cli.view.table import table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from aisuite.cli.output import Output
    from aisuite.profile.load import Loaded


def profiles_json(found: Mapping[str, Path]) -> dict[str, Any]:
    """Names and files."""
    return {"profiles": [{"name": name, "path": str(path)} for name, path in found.items()]}


def profiles_text(found: Mapping[str, Path], out: Output) -> str:
    """A table of names and files."""
    return table([("PROFILE", "FILE"), *((name, str(path)) for name, path in found.items())], out)


def config_json(loaded: Loaded) -> dict[str, Any]:
    """Every effective value with its origin; what is set but unused; warnings."""
    from aisuite.profile.effective import flatten

    values = {
        key: {"value": value, "origin": loaded.origin[key].where} for key, value in flatten(loaded.profile).items()
    }
    unused = [{"name": one.name, "where": one.origin.where, "reason": one.reason} for one in loaded.unused]
    return {"profile": loaded.name, "values": values, "unused": unused, "warnings": list(loaded.warnings)}


def config_text(loaded: Loaded, out: Output, *, origin: bool) -> str:
    """One value a line, with `origin` where it was set."""
    from aisuite.profile.effective import flatten

    values = {key: json.dumps(value, ensure_ascii=False) for key, value in flatten(loaded.profile).items()}
    if origin:
        rows = [("KEY", "VALUE", "SET BY"), *((key, text, loaded.origin[key].where) for key, text in values.items())]
        lines = [table(rows, out)]
    else:
        lines = [f"{key}: {text}" for key, text in values.items()]
    lines += [f"unused: {one.name} ({one.origin.where}): {one.reason}" for one in loaded.unused]
    lines += [f"warning: {warning}" for warning in loaded.warnings]
    return "\n".join(lines)
