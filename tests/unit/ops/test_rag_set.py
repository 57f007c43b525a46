"""What an evaluation set must be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisuite.errors import UsageError
from aisuite.ops.rag_set import load_eval_set, parse_questions

GOOD: dict[str, Any] = {"id": "1", "language": "en", "kind": "k", "question": "why?", "passages": {"a.md": "because"}}


def _write(folder: Path, *questions: dict[str, Any]) -> Path:
    (folder / "documents").mkdir()
    (folder / "documents" / "a.md").write_text("It is so because.", encoding="utf-8")
    lines = [json.dumps(question, ensure_ascii=False) for question in questions]
    (folder / "questions.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return folder


def test_a_set_is_read_in_its_order(tmp_path: Path) -> None:
    found = load_eval_set(_write(tmp_path, GOOD, {**GOOD, "id": "0", "question": "왜?", "passages": {}}))
    assert [(one.id, one.question) for one in found.questions] == [("1", "why?"), ("0", "왜?")]
    assert found.questions[0].passages == {"a.md": "because"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"id": " "}, "id must be a text"),
        ({"question": 3}, "question must be a text"),
        ({"passages": []}, "passages must be a JSON object"),
        ({"passages": {"a.md": 1}}, "passages must map"),
        ({"passages": {"a.md": ""}}, "passages must map"),
        ({"note": "x"}, "exactly the fields"),
    ],
)
def test_a_malformed_question_is_named_by_its_line(change: dict[str, Any], said: str) -> None:
    text = json.dumps(GOOD) + "\n\n" + json.dumps({**GOOD, "id": "2", **change})
    with pytest.raises(UsageError, match=said) as caught:
        list(parse_questions(text, "q.jsonl"))
    assert caught.value.message.startswith("q.jsonl:3: ")
    assert caught.value.hint == "sed -n 3p q.jsonl"


def test_an_id_is_given_once() -> None:
    with pytest.raises(UsageError, match="the id 1 was there before"):
        list(parse_questions(f"{json.dumps(GOOD)}\n{json.dumps(GOOD)}", "q.jsonl"))


def test_a_set_without_questions_is_refused() -> None:
    with pytest.raises(UsageError, match="holds no question"):
        list(parse_questions("\n \n", "q.jsonl"))


def test_a_folder_that_is_no_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no evaluation set"):
        load_eval_set(tmp_path)


def test_a_document_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"1 names b\.md, which is missing"):
        load_eval_set(_write(tmp_path, {**GOOD, "passages": {"b.md": "because"}}))


def test_questions_that_are_not_utf_8_are_refused(tmp_path: Path) -> None:
    _write(tmp_path, GOOD)
    (tmp_path / "questions.jsonl").write_bytes(b"\xff\xfe{")
    with pytest.raises(UsageError, match="not UTF-8"):
        load_eval_set(tmp_path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*GOOD, "x"]), inner, max_size=5),
    max_leaves=8,
)


@given(st.text(max_size=40) | JSON.map(json.dumps))
def test_any_text_is_questions_or_refused(text: str) -> None:
    try:
        found = list(parse_questions(text, "q.jsonl"))
    except UsageError:
        return
    assert found
