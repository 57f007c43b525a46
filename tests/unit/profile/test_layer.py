from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from aisuite.profile.keypath import KeyPath, find_value, format_key, parse_key
from aisuite.profile.layer import Layer, Origin, extend, layer_of, merge

PARENT = Origin("profile", "parent.yaml", 1)
CHILD = Origin("profile", "child.yaml", 1)
KEYS = st.sampled_from(["a", "b", "c"])
VALUES = st.recursive(
    st.integers() | st.none() | st.lists(st.integers(), max_size=3), lambda v: st.dictionaries(KEYS, v, max_size=3)
)
TREES = st.dictionaries(KEYS, VALUES, max_size=3)


def layer(tree: dict[str, Any], origin: Origin = CHILD) -> Layer:
    origins: dict[KeyPath, Origin] = {}

    def walk(value: object, path: KeyPath) -> None:
        origins[path] = origin
        for key, inner in value.items() if isinstance(value, dict) else ():
            walk(inner, (*path, key))

    walk(tree, ())
    return Layer(tree, origins)


def leaves(value: object, path: KeyPath = ()) -> dict[KeyPath, object]:
    if not isinstance(value, dict):
        return {path: value}
    return {p: v for key, inner in value.items() for p, v in leaves(inner, (*path, key)).items()}


def test_mappings_are_merged_and_lists_replaced() -> None:
    parent = layer({"a": {"x": 1, "y": [1, 2]}, "b": 1}, PARENT)
    merged = merge(parent, layer({"a": {"y": [3]}, "c": {"d": 4}}))
    assert merged.tree == {"a": {"x": 1, "y": [3]}, "b": 1, "c": {"d": 4}}
    assert merged.origins[("a", "x")] is PARENT
    assert merged.origins[("a", "y")] is CHILD


def test_entries_of_a_replaced_list_leave_no_origin_behind() -> None:
    long = Layer({"a": [1, 2]}, {("a",): PARENT, ("a", 0): PARENT, ("a", 1): PARENT})
    merged = merge(long, Layer({"a": [3]}, {("a",): CHILD, ("a", 0): CHILD}))
    assert merged.origins == {("a",): CHILD, ("a", 0): CHILD}


def test_a_models_source_is_replaced_as_one() -> None:
    parent = layer({"models": {"chat": {"source": {"repo": "a/b", "file": "c.gguf"}, "context": 1}}}, PARENT)
    extended = extend(parent, layer({"models": {"chat": {"source": {"demo": True}}}}))
    assert extended.tree == {"models": {"chat": {"context": 1, "source": {"demo": True}}}}
    assert ("models", "chat", "source", "repo") not in extended.origins


@given(TREES, TREES)
def test_merging_keeps_every_value_of_the_child_and_invents_none(below: dict[str, Any], above: dict[str, Any]) -> None:
    merged = merge(layer(below, PARENT), layer(above, CHILD))
    assert all(find_value(merged.tree, path) == value for path, value in leaves(above).items())
    for path, value in leaves(merged.tree).items():
        source = above if merged.origins[path] is CHILD else below
        assert find_value(source, path) == value


@given(TREES)
def test_merging_with_nothing_changes_nothing(tree: dict[str, Any]) -> None:
    assert merge(layer(tree), layer({})).tree == tree
    assert merge(layer({}), layer(tree)).tree == tree


def test_of_two_values_for_one_path_the_later_wins() -> None:
    built = layer_of([(("a", "b"), 1, PARENT), (("a",), 2, PARENT), (("a", "b"), 3, CHILD)])
    assert built.tree == {"a": {"b": 3}}


@given(
    st.lists(
        st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable() and not set(text) & set("\\'\"")),
        min_size=1,
    )
)
def test_a_key_path_is_read_as_it_is_written(parts: list[str]) -> None:
    assert parse_key(format_key(tuple(parts))) == tuple(parts)


def test_a_model_that_the_child_calls_nothing_is_left_out() -> None:
    parent = layer({"models": {"chat": {"context": 1}, "embed": {"context": 2}}}, PARENT)
    extended = extend(parent, layer({"models": {"chat": {"context": 3}, "embed": None}}))
    assert extended.tree == {"models": {"chat": {"context": 3}}}
    assert not any(path[:2] == ("models", "embed") for path in extended.origins)


def test_a_model_that_the_parent_does_not_have_cannot_be_left_out() -> None:
    extended = extend(layer({"models": {"chat": {"context": 1}}}, PARENT), layer({"models": {"emebd": None}}))
    assert extended.tree["models"]["emebd"] is None
