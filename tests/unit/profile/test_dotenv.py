import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisuite.profile.dotenv import format_dotenv, parse_dotenv

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,10}", fullmatch=True)
VALUES = st.text(st.characters(blacklist_categories=["Cs"]))


def values(text: str) -> dict[str, str]:
    found, problems = parse_dotenv(text, ".env")
    assert problems == ()
    return {one.name: one.value for one in found}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A=1", {"A": "1"}),
        ("A=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ("export A=1\n  export\tB=2", {"A": "1", "B": "2"}),
        ("A = 1 2 ", {"A": "1 2"}),
        ("A=", {"A": ""}),
        ("A= # nothing", {"A": ""}),
        ("A=x # a comment", {"A": "x"}),
        ("A=x#y", {"A": "x#y"}),
        ("A=#x", {"A": "#x"}),
        ("# A=1\n\n   # B=2\nC=3", {"C": "3"}),
        ("A='x # y' # comment", {"A": "x # y"}),
        ('A="x\\ty\\n\\"z\\" \\$HOME \\\\ \\q"', {"A": 'x\ty\n"z" $HOME \\ \\q'}),
        ("A='Let\\'s \\n'", {"A": "Let's \\n"}),
        ("A='first\nsecond'\nB=2", {"A": "first\nsecond", "B": "2"}),
        ("A=$HOME ${B}", {"A": "$HOME ${B}"}),
        ("A=b=c", {"A": "b=c"}),
        ("A=한국어", {"A": "한국어"}),
        ("A=x'y", {"A": "x'y"}),
        ("", {}),
    ],
)
def test_assignments_are_read_as_compose_reads_them(text: str, expected: dict[str, str]) -> None:
    assert values(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A=1\nwhat\n", ".env:2: 'what' is not NAME=VALUE"),
        ("1A=1", ".env:1: '1A' is not the name of a variable"),
        ("=1", ".env:1: '' is not the name of a variable"),
        ("A B=1", ".env:1: 'A B' is not the name of a variable"),
        ("\nA='x\nB=1\n", ".env:2: A: the quote ' is not closed"),
        ('A="x"y', ".env:1: A: only a comment may follow the closing quote"),
        ("A=1\n\nA=2", ".env:3: A: is set twice; the first is in line 1"),
    ],
)
def test_what_is_no_assignment_is_named_with_its_line(text: str, expected: str) -> None:
    _, problems = parse_dotenv(text, ".env")
    assert [str(problem) for problem in problems] == [expected]


def test_a_problem_does_not_hide_the_next_one_or_the_next_value() -> None:
    found, problems = parse_dotenv("what\nA='x\nB=1\n2=3\nC=4\n", ".env")
    assert [problem.line for problem in problems] == [1, 2, 4]
    assert [(one.name, one.value, one.line) for one in found] == [("B", "1", 3), ("C", "4", 5)]


def test_lines_are_counted_across_values_of_several_lines() -> None:
    found, _ = parse_dotenv("A='1\n2\n3'\nB=4\n", ".env")
    assert [(one.name, one.line) for one in found] == [("A", 1), ("B", 4)]


@given(st.dictionaries(NAMES, VALUES, max_size=5))
def test_what_is_written_is_read_back(settings: dict[str, str]) -> None:
    assert values(format_dotenv(settings)) == settings


@given(st.text() | st.text(alphabet="AB=\"'\\ \n#$e\t"))
def test_every_line_of_any_text_is_a_value_a_problem_or_nothing(text: str) -> None:
    found, problems = parse_dotenv(text, ".env")
    lines = [one.line for one in found] + [problem.line for problem in problems]
    assert len(lines) == len(set(lines))
    assert all(line is not None and 1 <= line <= text.count("\n") + 1 for line in lines)
