"""What pages say can be followed: links lead somewhere, commands exist, and nothing is about one machine."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import typer.main

from aisuite.cli.app import app
from aisuite.profile.load import ProfileRequest, load_profile
from tests.docs.pages import DOCS, ROOT, find_anchors, find_blocks, find_commands, find_links, find_pages

if TYPE_CHECKING:
    from pathlib import Path

PAGES = find_pages()
ENGLISH, KOREAN = DOCS / "quickstart.md", DOCS / "ko" / "quickstart.md"
IN_KOREAN = {KOREAN: ENGLISH, DOCS / "ko" / "rag.md": DOCS / "how-to" / "rag.md"}
# Folders of one machine; a container's own folders are fine.
MACHINE_PATH = re.compile(r"(?<![\w.$<>{}])/(?:root|home|tmp|work|Users|mnt)/\w")


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def _parse(words: list[str]) -> None:
    """Parse a command line as the program does, and run nothing. Raises TyperException."""
    command: Any = typer.main.get_command(app)
    context = command.make_context("aisuite", words)
    while hasattr(command, "commands") and (rest := [*context._protected_args, *context.args]):
        name, command, words = command.resolve_command(context, rest)
        context = command.make_context(name, words, parent=context)


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_relative_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    for link in find_links(page):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in find_anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_aisuite_command_in_a_shell_block_can_be_meant(page: Path) -> None:
    for words in find_commands(page):
        try:
            _parse(words)
        except typer.Exit:  # --help, --version: fine, and done
            continue
        except typer.TyperException as err:
            pytest.fail(f"aisuite {' '.join(words)}: {err}")


def test_a_command_that_does_not_exist_would_be_seen() -> None:
    for wrong in (["upp"], ["up", "--fast"], ["exec"], ["up", "--phase", "9"], ["rag", "indexx", "docs"]):
        with pytest.raises(typer.TyperException):
            _parse(wrong)


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_piece_of_a_profile_can_be_loaded(page: Path, tmp_path: Path) -> None:
    for block in find_blocks(page):
        if block.language != "yaml":
            continue
        whole = re.search(r"^(extends|phase):", block.text, re.MULTILINE)
        (tmp_path / "mine.yaml").write_text(block.text if whole else f"extends: phase2\n{block.text}", encoding="utf-8")
        load_profile(ProfileRequest("./mine.yaml", tmp_path, dotenv=None))


@pytest.mark.parametrize("page", [ROOT / "README.md", ENGLISH], ids=_name)
def test_newcomers_are_shown_the_main_job(page: Path) -> None:
    commands = [" ".join(words) for words in find_commands(page)]
    for shown in ("up --phase 2 --demo", "env", "status", "down"):
        assert shown in commands


@pytest.mark.parametrize("korean", IN_KOREAN, ids=_name)
def test_a_korean_page_has_the_commands_of_the_english_one_in_the_same_order(korean: Path) -> None:
    english = IN_KOREAN[korean]
    assert [block.language for block in find_blocks(korean)] == [block.language for block in find_blocks(english)]
    assert find_commands(korean) == find_commands(english)


def test_every_korean_page_has_an_english_one() -> None:
    assert set(IN_KOREAN) == set((DOCS / "ko").glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_no_page_names_a_folder_of_one_machine(page: Path) -> None:
    assert MACHINE_PATH.search(page.read_text(encoding="utf-8")) is None


def test_every_page_of_docs_is_reachable_from_the_index() -> None:
    seen: set[Path] = set()
    todo = [DOCS / "index.md"]
    while todo:
        page = todo.pop()
        seen.add(page)
        paths = {(page.parent / link.partition("#")[0]).resolve() for link in find_links(page) if ":" not in link}
        todo += [path for path in paths if path.suffix == ".md" and DOCS in path.parents and path not in seen]
    assert {page for page in PAGES if DOCS in page.parents} <= seen
