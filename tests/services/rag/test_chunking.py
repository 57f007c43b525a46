"""The laws of chunking."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisuite.services.rag.chunking import split_text
from aisuite.services.rag.tokens import estimate_tokens

_PIECES = [
    "# 제목\n", "## Sub ##\n", "\n\n", "\n", "```py\n", "```\n", "~~~\n", "    code(x)\n", "문장입니다. ",
    "다.그리고 ", "맞나요? ", "Sentence one. ", "word ", "긴단어" * 9, " ", "\t", "| a | b |\n", "- item\n", "…",
    "。", "\r\n", "😀😀😀", "a" * 50, "." * 20, "\x0c", "\u2028",
]  # fmt: skip
_TEXTS = st.characters(exclude_categories=["Cs"])
DOCUMENTS = st.lists(st.sampled_from(_PIECES) | st.text(_TEXTS, max_size=8), max_size=60).map("".join)


@given(DOCUMENTS, st.integers(4, 60), st.data())
def test_chunks_lose_nothing_and_are_never_longer_than_asked(text: str, size: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, size // 2))
    covered = [False] * len(text)
    for chunk in split_text(text, size, overlap):
        assert chunk.text == text[chunk.start : chunk.end]
        assert chunk.text.strip()
        assert estimate_tokens(chunk.text) <= size
        covered[chunk.start : chunk.end] = [True] * len(chunk.text)
    assert all(covered[at] or character.isspace() for at, character in enumerate(text))


@given(st.text(_TEXTS, max_size=30), st.text(_TEXTS, max_size=30))
def test_joined_texts_are_never_longer_than_their_estimates_together(one: str, other: str) -> None:
    assert estimate_tokens(one + other) <= estimate_tokens(one) + estimate_tokens(other)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 0),
        ("word", 1),
        ("two words", 3),
        ("한국어", 3),
        ("한국어 문장", 5),
        ("3.14", 4),
        ("😀", 2),
        ("a\n\n\n\n\nb", 4),
    ],
)
def test_the_token_estimate_follows_its_stated_rule(text: str, tokens: int) -> None:
    assert estimate_tokens(text) == tokens


def texts(text: str, size: int, overlap: int = 0) -> list[str]:
    return [chunk.text for chunk in split_text(text, size, overlap)]


def test_each_section_is_a_chunk_with_its_path_of_headings() -> None:
    text = "# Guide\nintro\n## Install\nrun it\n### Linux\napt\n## Use\ncall it\n"
    assert [(chunk.text, chunk.titles) for chunk in split_text(text, 100, 0)] == [
        ("# Guide\nintro", ("Guide",)),
        ("## Install\nrun it", ("Guide", "Install")),
        ("### Linux\napt", ("Guide", "Install", "Linux")),
        ("## Use\ncall it", ("Guide", "Use")),
    ]


def test_a_heading_with_nothing_under_it_stays_with_the_section_after_it() -> None:
    assert texts("# Guide\n\n## Install\nrun it\n", 100) == ["# Guide\n\n## Install\nrun it"]


def test_a_number_sign_in_code_is_no_heading() -> None:
    text = "# Shell\n```sh\n# a comment\necho\n```\n#tag\n"
    assert texts(text, 100) == [text.rstrip()]


def test_a_paragraph_is_cut_at_sentence_ends() -> None:
    text = "스택을 시작합니다. 백업을 만들까요? 그렇게 해요! 끝났습니다."
    assert texts(text, 12) == ["스택을 시작합니다.", "백업을 만들까요?", "그렇게 해요!", "끝났습니다."]


def test_korean_sentences_typed_without_a_blank_are_cut_too() -> None:
    assert texts("시작합니다.멈춥니다.", 6) == ["시작합니다.", "멈춥니다."]


def test_numbers_with_a_point_are_not_cut() -> None:
    assert texts("Version 1.25.3 is out. Use it.", 12) == ["Version 1.25.3 is out.", "Use it."]


def test_a_sentence_longer_than_a_chunk_is_cut_between_words_and_kept_whole_in_sum() -> None:
    sentence = " ".join(f"word{number}" for number in range(40))
    pieces = texts(sentence, 20)
    assert " ".join(pieces) == sentence
    assert len(pieces) > 1


def test_a_code_block_that_fits_is_not_cut() -> None:
    code = "```py\na = 1\n\nb = 2\n```"
    pieces = texts(f"# T\n{'문장입니다. ' * 6}\n\n{code}\n\n{'문장입니다. ' * 6}", 40)
    assert any(code in piece for piece in pieces)


def test_code_longer_than_a_chunk_is_cut_between_lines_with_their_indentation() -> None:
    code = "```py\n" + "".join(f"    line_{number}()\n" for number in range(9)) + "```\n"
    for piece in texts(code, 20):
        assert all(line.startswith(("    line_", "```")) for line in piece.splitlines())


def test_chunks_of_a_section_overlap_by_whole_sentences() -> None:
    sentences = [f"문장 {number}번입니다." for number in range(8)]
    pieces = texts(" ".join(sentences), 30, 12)
    for before, after in pairwise(pieces):
        shared = [sentence for sentence in sentences if sentence in before and sentence in after]
        assert shared
        assert after.startswith(shared[0])


def test_sections_do_not_overlap() -> None:
    assert texts("# A\none two three.\n# B\nfour five six.\n", 9, 4) == ["# A\none two three.", "# B\nfour five six."]


def test_a_heading_is_not_cut_off_from_a_long_block_under_it() -> None:
    block = "word " * 40
    first, *_ = texts(f"# Title\n\n{block}\n\n{block}", 50, 8)
    assert first.startswith("# Title\n\nword word")


def test_blank_text_has_no_chunks() -> None:
    assert list(split_text(" \n\t\n", 100, 10)) == []


@pytest.mark.parametrize("text", ["." * 40_000, "# " + " " * 40_000, '."' * 20_000, "\n" * 10_000, "```\n" * 8_000])
def test_hostile_texts_are_cut_in_linear_time(text: str) -> None:
    covered = sum(len(chunk.text) for chunk in split_text(text, 512, 0))
    assert covered <= len(text)


def test_a_comment_in_a_program_is_no_heading_and_functions_stay_whole() -> None:
    functions = [f"def number_{at}() -> int:\n    # why\n\n    return {at}\n" for at in range(40)]
    text = "# comment\n\n" + "\n".join(functions)
    chunks = list(split_text(text, 64, 0, program=True))
    assert {chunk.titles for chunk in chunks} == {()}
    assert all(chunk.text.startswith(("def ", "# comment")) for chunk in chunks)


def test_a_huge_text_is_covered_whole_and_keeps_its_headings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aisuite.services.rag.chunking._WINDOW", 300)
    text = "# 위\n" + "\n\n".join(f"문단 {at}번입니다. 이어지는 문장입니다." for at in range(100)) + "\n## 아래\n끝."
    chunks = list(split_text(text, 64, 0))
    assert "".join("".join(chunk.text.split()) for chunk in chunks) == "".join(text.split())
    assert [chunk.titles for chunk in chunks[:-1]] == [("위",)] * (len(chunks) - 1)
    assert chunks[-1].titles == ("위", "아래")
