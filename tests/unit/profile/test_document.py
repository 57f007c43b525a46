import math

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from aisuite.errors import ProfileInvalid
from aisuite.profile.document import MAX_DEPTH, MAX_VALUES, parse_document, parse_scalar


def tree(text: str) -> dict[str, object]:
    layer, problems = parse_document(text, "p.yaml")
    assert problems == ()
    return layer.tree


def refusals(text: str) -> list[str]:
    try:
        _, problems = parse_document(text, "p.yaml")
    except ProfileInvalid as err:
        problems = err.problems
    return [str(problem) for problem in problems]


def test_every_key_and_list_entry_knows_its_line() -> None:
    layer, _ = parse_document("a:\n  b: 1\n  c:\n    - x\n    - y\n", "p.yaml")
    lines = {path: origin.line for path, origin in layer.origins.items()}
    assert lines == {(): 1, ("a",): 1, ("a", "b"): 2, ("a", "c"): 3, ("a", "c", 0): 4, ("a", "c", 1): 5}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("8:30", "8:30"),
        ("2026-11-21", "2026-11-21"),
        ("010", 10),
        ("0x1f", "0x1f"),
        ("1_000", "1_000"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("1e2", 100.0),
        (".5", 0.5),
        (".inf", ".inf"),
        ("1e999", "1e999"),
        ("9" * 40, "9" * 40),
    ],
)
def test_plain_scalars_follow_the_core_schema_without_its_traps(text: str, value: object) -> None:
    assert parse_scalar(text) == value
    assert tree(f"a: {text}\n") == {"a": value}


def test_quotes_make_text() -> None:
    assert tree("a: '20'\nb: \"true\"\nc: ''\n") == {"a": "20", "b": "true", "c": ""}


def test_an_alias_stands_for_its_value() -> None:
    assert tree("a: &x {b: 1}\nc: *x\n") == {"a": {"b": 1}, "c": {"b": 1}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\na: 2\n", "p.yaml:2: a: is given twice; the first is in line 1"),
        ("a:\n  b: {c: 1, c: 2}\n", "p.yaml:2: a.b.c: is given twice; the first is in line 2"),
        ("", "p.yaml: is empty; a profile starts for example with `extends: phase2`"),
        ("# only words\n", "p.yaml: is empty; a profile starts for example with `extends: phase2`"),
        ("---\n", "p.yaml:2: holds nothing; a profile is a mapping of keys to values"),
        ("- a\n", "p.yaml:1: holds a list; a profile is a mapping of keys to values"),
        ("hello\n", "p.yaml:1: holds only 'hello'; a profile is a mapping of keys to values"),
        ("a: 1\n---\nb: 1\n", "p.yaml:2: a second document starts here (`---`); a profile is one"),
        ("a: !!python/name:os.system x\n", "p.yaml:1: a: the tag !!python/name:os.system is not allowed"),
        ("a: !mine {b: 1}\n", "p.yaml:1: a: the tag !mine is not allowed"),
        ("<<: {a: 1}\n", "p.yaml:1: merge keys (<<) are not read"),
        ("? [a]\n: 1\n", "p.yaml:1: a key must be a plain word"),
        ("a: &x 1\n*x : 1\n", "p.yaml:2: a key must be a plain word"),
        ("a: *x\n", "p.yaml:1: a: the alias 'x' stands before, or inside, what it names"),
        ("a: &x [*x]\n", "p.yaml:1: a[0]: the alias 'x' stands before, or inside, what it names"),
        ("a:\n\tb: 1\n", "p.yaml:2: is not YAML: a tab indents the line; use spaces"),
        ("a: b: c\n", "p.yaml:1: is not YAML: a ': ' stands where a value is"),
        ("a: [1,\n", "p.yaml:2: is not YAML: "),
        ("a: 'x\n", "is not YAML: "),
        ("ok: 1\na: \x07\n", "p.yaml:2: holds the character U+0007"),
        ('a: "\\UFFFFFFFF"\n', "p.yaml: is not YAML: "),
        ("%YAML 1." + "9" * 5000 + "\n---\na: 1\n", "p.yaml: is not YAML: "),
        ("a: " + "[" * (MAX_DEPTH + 5), f"p.yaml:1: is nested more than {MAX_DEPTH} levels deep"),
        ("a: [" + "1," * MAX_VALUES + "]", f"p.yaml:1: holds more than {MAX_VALUES} values"),
    ],
)
def test_what_a_profile_cannot_mean_is_refused_with_its_line(text: str, message: str) -> None:
    found = refusals(text)
    assert len(found) == 1
    assert message in found[0]


def test_an_alias_bomb_is_refused_before_it_is_built() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    assert "holds more than" in refusals("\n".join(lines))[0]


def test_reading_goes_on_after_a_problem() -> None:
    layer, problems = parse_document("a: 1\n? {x: [y]}\n: {z: 1}\n<<: [1, {b: 2}]\nb: 2\na: {c: 3}\nd: 4\n", "p.yaml")
    assert layer.tree == {"a": 1, "b": 2, "d": 4}
    assert [problem.line for problem in problems] == [2, 4, 6]


SCALARS = st.none() | st.booleans() | st.integers(-(10**17), 10**17) | st.text()
TREES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4))


@given(st.dictionaries(st.text(), TREES, min_size=1, max_size=5))
def test_what_a_yaml_writer_writes_is_read_back(values: dict[str, object]) -> None:
    try:
        text = yaml.safe_dump(values, allow_unicode=True)
        same = yaml.safe_load(text) == values
    except (yaml.YAMLError, UnicodeEncodeError):
        same = False  # lone surrogates and their like: PyYAML itself cannot
    if same:
        assert tree(text) == values


@given(st.text() | st.text(alphabet="ab:-[]{}&*!|>'\"%@#\n \t,?<~1."))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        layer, _ = parse_document(text, "p.yaml")
    except ProfileInvalid:
        return
    assert isinstance(layer.tree, dict)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_read_as_that_number_or_stays_text(value: float) -> None:
    read = parse_scalar(repr(value))
    assert isinstance(read, str) or math.isclose(float(str(read)), value)
