from __future__ import annotations

import os
import re
from pathlib import Path

import gguf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisuite.adapters import demo_models
from aisuite.adapters.demo_models import DemoModels, write_demo_model
from aisuite.errors import StateUnwritable
from aisuite.stack.model import ModelFile

SENTENCE = "Hello! I am a demo, and the demo is from inference-chat."


def model_file(path: Path, sentence: str | None = SENTENCE) -> ModelFile:
    return ModelFile("chat", "inference-chat", path, None, path.name, "main", None, sentence)


def say_nothing(stage: str, done: int, total: int) -> None:
    pass


@given(st.text(st.sampled_from("ab ,\n"), max_size=60).filter(str.strip))
def test_pieces_are_all_different_and_make_up_the_sentence(text: str) -> None:
    pieces = demo_models._split_pieces(text)
    assert "".join(pieces) == text.strip()
    assert len(set(pieces)) == len(pieces)


@pytest.mark.parametrize("sentence", ["", " \n", "<s> hello"])
def test_a_sentence_that_cannot_be_said_is_refused(sentence: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="demo model"):
        write_demo_model(tmp_path / "m.gguf", sentence)
    assert list(tmp_path.iterdir()) == []


def test_the_same_sentence_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second, other = (tmp_path / name for name in ("1.gguf", "2.gguf", "3.gguf"))
    write_demo_model(first, SENTENCE)
    write_demo_model(second, f" {SENTENCE}\n")
    write_demo_model(other, "Something else.")
    assert first.read_bytes() == second.read_bytes() != other.read_bytes()


def test_the_header_states_the_context_and_a_chat_template(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    write_demo_model(path, SENTENCE)
    fields = gguf.GGUFReader(path).fields
    assert fields["llama.context_length"].contents() == 8192
    assert fields["tokenizer.chat_template"].contents().startswith("{% for message in messages %}")
    assert path.stat().st_size < 150_000
    assert path.stat().st_mode & 0o777 == 0o644


def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "m.gguf"
    write_demo_model(path, SENTENCE)
    before = path.read_bytes()

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo_models, "_add_tensors", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_demo_model(path, "Another sentence.")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_models_count_as_done_when_each_says_its_own_sentence(tmp_path: Path) -> None:
    chat, code = model_file(tmp_path / "demo" / "chat.gguf"), model_file(tmp_path / "demo" / "code.gguf", "From code.")
    real = model_file(tmp_path / "real.gguf", None)
    preparer = DemoModels((chat, code, real))
    assert not preparer.done()
    told: list[tuple[str, int, int]] = []
    preparer.run(lambda *event: told.append(event))
    assert preparer.done()
    assert told == [("demo model chat.gguf", 1, 2), ("demo model code.gguf", 2, 2)]
    assert not real.path.exists()


def test_a_model_with_an_old_sentence_is_written_again(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    write_demo_model(path, "What an older version said.")
    preparer = DemoModels((model_file(path),))
    assert not preparer.done()
    preparer.run(say_nothing)
    assert preparer.done()


def test_of_the_folders_that_are_made_only_the_models_own_is_open_to_others(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        write_demo_model(tmp_path / "project" / "data" / "demo-models" / "a.gguf", "Hello.")
    finally:
        os.umask(before)
    rights = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert rights == {"project": 0o700, "data": 0o700, "demo-models": 0o755, "a.gguf": 0o644}


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    path = tmp_path / "file" / "m.gguf"
    with pytest.raises(StateUnwritable, match=re.escape(str(path))):
        DemoModels((model_file(path),)).run(say_nothing)
