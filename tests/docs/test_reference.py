"""The reference is fresh and complete: nothing that a person can say or meet is without its line."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import typer.main

from aisuite import errors
from aisuite.cli.app import app
from aisuite.profile.drill import Bounds
from aisuite.profile.effective import flatten
from aisuite.profile.environment import COMMAND_LINE, UNUSED, VARIABLES
from aisuite.profile.load import ProfileRequest, load_profile
from tests.docs.pages import DOCS, REFERENCE, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def _read(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


def _generate(docs: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, docs / "generate.py", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _find_commands(command: Any, words: tuple[str, ...] = ("aisuite",)) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield " ".join(words), command
    for name, one in (inner or {}).items():
        if not one.hidden:  # a second name of a command
            yield from _find_commands(one, (*words, name))


def _find_errors(parent: type[errors.AisuiteError]) -> Iterator[type[errors.AisuiteError]]:
    yield parent
    for child in parent.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from _find_errors(child)


def _profile_keys() -> set[str]:
    """Return every key path, with the names that an owner chooses replaced by what stands for them."""
    keys = flatten(load_profile(ProfileRequest("demo", ROOT, dotenv=None)).profile)
    chosen = {"models": "<model>", "routes": "<route>", "ports": "<service>"}
    bounds = {f"drill.tolerances.<fault>.{name}" for name in Bounds.model_fields}
    keys.pop("drill.tolerances")  # no profile is shipped that has any
    return bounds | {
        re.sub(r"^(models|routes|ports)\.[^.]+", lambda found: f"{found[1]}.{chosen[found[1]]}", key) for key in keys
    }


COMMANDS = dict(_find_commands(typer.main.get_command(app)))
ERRORS = list(_find_errors(errors.AisuiteError))


def test_the_generated_texts_are_fresh() -> None:
    result = _generate(DOCS, "--check")
    assert result.returncode == 0, result.stderr


def test_a_stale_text_is_named_and_written_again(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    shutil.copytree(DOCS, docs)
    assert _generate(docs).stdout == "wrote .env.example\nwrote profiles/schema.json\n"
    (docs / "reference" / "cli.md").write_text("old")
    check = _generate(docs, "--check")
    assert check.returncode == 1
    assert check.stderr == "docs/reference/cli.md is stale; write it with: make docs\n"
    assert _generate(docs).stdout == "wrote docs/reference/cli.md\n"
    assert (docs / "reference" / "cli.md").read_text() == _read("cli.md")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_section_with_its_arguments_and_options(name: str) -> None:
    page = _read("cli.md")
    shared, *_ = page.split("\n## aisuite ", 1)
    section = page.split(f"\n## {name}\n")[1].split("\n## ")[0]
    for parameter in COMMANDS[name].params:
        words = parameter.opts if parameter.opts[0].startswith("-") else [parameter.name.upper()]
        assert all(f"`{word}`" in shared + section for word in words)
        assert parameter.help in shared + section


def test_every_profile_key_has_its_line() -> None:
    lines = re.findall(r"^\| `([^`]+)` \|", _read("profile.md"), re.MULTILINE)
    assert set(lines) == _profile_keys()
    assert len(lines) == len(set(lines))


def test_every_environment_variable_has_its_line() -> None:
    lines = re.findall(r"^\| `([^`]+)` \|", _read("environment.md"), re.MULTILINE)
    assert sorted(lines) == sorted([*(one.name for one in VARIABLES), *COMMAND_LINE, *UNUSED])


def test_every_error_and_its_exit_code_have_their_line() -> None:
    lines = re.findall(r"^\| `(\d+)` \| `(\w+)` \|", _read("exit-codes.md"), re.MULTILINE)
    assert {(int(code), name) for code, name in lines} == {(one.exit_code, one.__name__) for one in ERRORS}


def test_the_drawn_error_tree_names_every_error_at_its_exit_code() -> None:
    tree = _read("exit-codes.md").split("```")[1]
    entries = re.split(r"\n(?=  ?\w)", re.sub(r"\n {20,}", " ", tree))
    for error in ERRORS:
        entry = next(line for line in entries if re.search(rf"\b{error.__name__}\b", line))
        assert re.search(rf"\s{error.exit_code}\s", entry), entry
    assert f" {errors.INTERRUPTED} " in tree


@pytest.mark.parametrize("code", sorted({0, errors.INTERRUPTED, *(one.exit_code for one in ERRORS)}))
def test_the_readme_explains_every_exit_code(code: int) -> None:
    assert re.search(rf"^\| `{code}` \| .+ \|$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
