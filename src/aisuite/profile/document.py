"""A YAML text as plain values with the line of each: never an object, never more than a profile can need.

The values follow the YAML 1.2 core schema, as editors do: `no` and `on` are text, and so is `8:30`. Tags, merge keys
and duplicate keys are refused; aliases are fine, but count as what they stand for.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from aisuite.errors import Problem, ProfileInvalid
from aisuite.profile.keypath import format_key, shown
from aisuite.profile.layer import Layer, Origin, Tree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aisuite.profile.keypath import KeyPath

MAX_VALUES = 10_000
MAX_DEPTH = 32

_LONGEST_REASON = 200  # PyYAML quotes what it found, however long
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
# Longer numbers stay text: nothing in a profile needs them, and Python refuses to read very long ones.
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]{1,30}|[0-9]{1,30}(?:\.[0-9]{0,30})?)(?:[eE][-+]?[0-9]{1,2})?")


def parse_document(text: str, source: str, depth: int = 0) -> tuple[Layer, tuple[Problem, ...]]:
    """Read one YAML mapping, and say what is wrong in it. Raises ProfileInvalid where reading cannot go on."""
    reader = _Reader(text, source, depth)
    tree = reader.read()
    return Layer(tree, reader.origins), tuple(reader.problems)


def parse_scalar(text: str) -> object:
    """Read a plain YAML scalar: a number, true, false, null, or the text itself."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


class _Reader:
    """Builds values from the parser's events, so that limits hold while it reads and not after."""

    def __init__(self, text: str, source: str, depth: int) -> None:
        self.source = source
        self.depth = depth
        self.problems: list[Problem] = []
        self.origins: dict[KeyPath, Origin] = {}
        self._events = _events(text, source)
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._count = 0

    def read(self) -> Tree:
        event = self._next()
        while isinstance(event, yaml.StreamStartEvent | yaml.DocumentStartEvent):
            event = self._next()
        if isinstance(event, yaml.StreamEndEvent):
            raise self._fatal(None, "is empty; a profile starts for example with `extends: phase2`")
        tree = self._node(event, ())
        line = _line(event)
        if not isinstance(tree, dict):
            raise self._fatal(line, f"holds {_named(tree)}; a profile is a mapping of keys to values")
        while not isinstance(event, yaml.StreamEndEvent):
            event = self._next()
            if isinstance(event, yaml.DocumentStartEvent):
                raise self._fatal(_line(event), "a second document starts here (`---`); a profile is one")
        return tree

    def _next(self) -> yaml.Event:
        return next(self._events)

    def _fatal(self, line: int | None, message: str) -> ProfileInvalid:
        return ProfileInvalid((*self.problems, Problem(self.source, line, "", message)))

    def _origin(self, event: yaml.Event) -> Origin:
        return Origin("profile", self.source, _line(event), depth=self.depth)

    def _report(self, event: yaml.Event, path: KeyPath, message: str) -> None:
        self.problems.append(Problem(self.source, _line(event), format_key(path), message))

    def _node(self, event: yaml.Event, path: KeyPath) -> Any:
        self._spend(event, 1)
        if len(path) > MAX_DEPTH:
            raise self._fatal(_line(event), f"is nested more than {MAX_DEPTH} levels deep")
        self.origins.setdefault(path, self._origin(event))
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, path)
        # What the parser hands out in the place of a node is one of these.
        assert isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent)
        if event.tag is not None:
            self._report(event, path, f"the tag {_tag(event.tag)} is not allowed; write the value alone")
        before = self._count
        value = self._value(event, path)
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, self._count - before + 1)
        return value

    def _value(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent, path: KeyPath) -> Any:
        if isinstance(event, yaml.ScalarEvent):
            return parse_scalar(event.value) if event.implicit[0] else event.value
        return self._mapping(path) if isinstance(event, yaml.MappingStartEvent) else self._sequence(path)

    def _alias(self, event: yaml.AliasEvent, path: KeyPath) -> Any:
        if event.anchor not in self._anchors:
            self._report(event, path, f"the alias {shown(event.anchor)} stands before, or inside, what it names")
            return None
        value, size = self._anchors[event.anchor]
        self._spend(event, size)
        return value

    def _spend(self, event: yaml.Event, values: int) -> None:
        self._count += values
        if self._count > MAX_VALUES:
            raise self._fatal(_line(event), f"holds more than {MAX_VALUES} values; a profile is small")

    def _sequence(self, path: KeyPath) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            items.append(self._node(event, (*path, len(items))))
        return items

    def _mapping(self, path: KeyPath) -> Tree:
        tree: Tree = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key = self._key(event, path)
            if key is None or key in tree:
                if key is not None:
                    first = self.origins[(*path, key)].line
                    self._report(event, (*path, key), f"is given twice; the first is in line {first}")
                self._skip()
                continue
            # A key is where a person looks for a value, also when the value starts on the next line.
            self.origins[(*path, key)] = self._origin(event)
            tree[key] = self._node(self._next(), (*path, key))
        return tree

    def _key(self, event: yaml.Event, path: KeyPath) -> str | None:
        self._spend(event, 1)
        if not isinstance(event, yaml.ScalarEvent):
            self._report(event, path, "a key must be a plain word, not an alias, a list or a mapping")
            self._skip(event)
            return None
        if event.value == "<<" and event.implicit[0]:
            self._report(event, path, "merge keys (<<) are not read; use `extends`, or repeat the values")
            return None
        return str(event.value)

    def _skip(self, event: yaml.Event | None = None) -> None:
        """Read past one node, of which `event` is the first event."""
        depth = 0
        while True:
            event = event or self._next()
            self._spend(event, 1)
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if depth == 0:
                return
            event = None


def _line(event: yaml.Event) -> int | None:
    return event.start_mark.line + 1 if event.start_mark else None


def _tag(tag: str) -> str:
    return shown(tag.replace("tag:yaml.org,2002:", "!!", 1))[1:-1]


def _named(value: object) -> str:
    if isinstance(value, list):
        return "a list"
    return "nothing" if value is None else f"only {shown(value)}"


def _events(text: str, source: str) -> Iterator[yaml.Event]:
    try:
        yield from yaml.parse(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as err:
        mark = err.problem_mark or err.context_mark
        line = mark.line + 1 if mark else None
        raise ProfileInvalid((Problem(source, line, "", f"is not YAML: {_reason(err)[:_LONGEST_REASON]}"),)) from err
    except yaml.reader.ReaderError as err:
        line = text.count("\n", 0, err.position) + 1
        message = f"holds the character U+{err.character:04X}, which YAML does not allow"
        raise ProfileInvalid((Problem(source, line, "", message),)) from err
    except (ValueError, OverflowError) as err:
        # PyYAML lets these through: an escape beyond Unicode, a version number of thousands of digits.
        raise ProfileInvalid((Problem(source, None, "", f"is not YAML: {err}"),)) from err


def _reason(err: yaml.MarkedYAMLError) -> str:
    problem = str(err.problem or err.context or "it cannot be read")
    if "\\t" in problem:
        return "a tab indents the line; use spaces"
    if problem == "mapping values are not allowed here":
        return "a ': ' stands where a value is; put the value in quotes, or check how the line is indented"
    if err.context and err.context_mark and err.context != problem:
        return f"{problem} ({err.context} that starts in line {err.context_mark.line + 1})"
    return problem
