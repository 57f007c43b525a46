"""An evaluation set: a folder `documents` and the questions about them in `questions.jsonl`.

A line is an object: `id`, `language`, `kind`, `question`, and `passages`, which maps the path of each document that
holds a part of the answer to the words that do. A question without passages has no answer in the documents.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aisuite.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FIELDS = {"id": str, "language": str, "kind": str, "question": str, "passages": dict}


@dataclass(frozen=True, slots=True)
class EvalQuestion:
    """A question, and the passages that answer it by document id."""

    id: str
    language: str
    kind: str
    question: str
    passages: dict[str, str]


@dataclass(frozen=True, slots=True)
class EvalSet:
    """Where the documents lie, and what is asked about them."""

    documents: Path
    questions: tuple[EvalQuestion, ...]


def load_eval_set(folder: Path) -> EvalSet:
    """Read an evaluation set. Raises UsageError."""
    file, documents = folder / "questions.jsonl", folder / "documents"
    if not file.is_file() or not documents.is_dir():
        message = f"{folder} is no evaluation set: it needs questions.jsonl and a folder documents"
        raise UsageError(message, "aisuite rag eval --set benchmarks/rag")
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as err:
        raise UsageError(f"{file} is not UTF-8 text", f"file {file}") from err
    questions = tuple(parse_questions(text, str(file)))
    for question in questions:
        for document in question.passages:
            if not (documents / document).is_file():
                raise UsageError(f"{file}: {question.id} names {document}, which is missing", f"ls {documents}")
    return EvalSet(documents, questions)


def parse_questions(text: str, name: str) -> Iterator[EvalQuestion]:
    """Read questions, one JSON object per line. Raises UsageError with the line's number."""
    seen: set[str] = set()
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        question = _parse_question(line, f"{name}:{number}")
        if question.id in seen:
            raise UsageError(f"{name}:{number}: the id {question.id} was there before", _show_line(name, number))
        seen.add(question.id)
        yield question
    if not seen:
        raise UsageError(f"{name} holds no question", "aisuite rag eval --set benchmarks/rag")


def _parse_question(line: str, place: str) -> EvalQuestion:
    hint = _show_line(*place.rsplit(":", 1))
    try:
        found: Any = json.loads(line)
    except (ValueError, RecursionError) as err:
        raise UsageError(f"{place}: not a JSON object", hint) from err
    if not isinstance(found, dict) or set(found) != set(_FIELDS):
        raise UsageError(f"{place}: needs exactly the fields {', '.join(_FIELDS)}", hint)
    for field, kind in _FIELDS.items():
        if not isinstance(found[field], kind) or (kind is str and not found[field].strip()):
            raise UsageError(f"{place}: {field} must be a {'text' if kind is str else 'JSON object'}", hint)
    if not all(isinstance(passage, str) and passage for passage in found["passages"].values()):
        raise UsageError(f"{place}: passages must map documents to texts", hint)
    return EvalQuestion(**found)


def _show_line(name: str, number: str | int) -> str:
    return f"sed -n {number}p {name}"
