"""The manifest as a text."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisuite.bundle.identity import make_id, taken_at
from aisuite.bundle.manifest import check_path, parse_manifest, parse_verified, render_manifest, render_verified
from aisuite.bundle.model import BundleFile, DatabaseFacts, Kind, Level, Manifest, ModelReference, Verified
from aisuite.errors import BundleDamaged, UsageError
from tests.fakes.bundles import manifest_of
from tests.fakes.damage import sealed

BUNDLE = "20261121T141500Z"

WORDS = st.text(max_size=12)
COUNTS = st.integers(min_value=0, max_value=2**63 - 1)
DIGESTS = st.text(alphabet="0123456789abcdef", min_size=64, max_size=64)
# As Linux has them: bytes that are no UTF-8 come as these two.
NAMES = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="/\0") | st.sampled_from("\udc80\udcff"),
    min_size=1,
    max_size=20,
).filter(lambda one: one.strip("."))
PATHS = st.lists(NAMES, min_size=1, max_size=4).map(lambda parts: "/".join(["folders", *parts]))
OTHERS = [kind for kind in Kind if kind not in {Kind.DATABASE, Kind.FOLDER}]
FILES = st.builds(
    BundleFile,
    path=PATHS,
    kind=st.sampled_from(OTHERS),
    size=COUNTS,
    sha256=DIGESTS,
    service=st.none() | WORDS,
    restores_to=st.none() | PATHS.map("/{}".format),
)
PACKED = st.builds(
    BundleFile,
    path=PATHS,
    kind=st.just(Kind.DATABASE),
    size=COUNTS,
    sha256=DIGESTS,
    unpacked_size=COUNTS,
    unpacked_sha256=DIGESTS,
)


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    files = draw(st.lists(FILES | PACKED, max_size=5, unique_by=lambda file: file.path))
    return Manifest(
        id=BUNDLE,
        name=draw(st.none() | WORDS),
        created="2026-11-21T14:15:00Z",
        aisuite=draw(WORDS),
        project=draw(WORDS),
        engine=draw(WORDS),
        profile=draw(WORDS),
        phase=draw(COUNTS),
        generation=draw(st.none() | COUNTS),
        services=tuple(draw(st.lists(WORDS, max_size=3))),
        files=tuple(files),
        databases=tuple(
            DatabaseFacts(file.path, draw(COUNTS), draw(st.dictionaries(WORDS, COUNTS, max_size=3)), draw(DIGESTS))
            for file in files
            if file.kind is Kind.DATABASE
        ),
        models=tuple(draw(st.lists(st.builds(ModelReference, WORDS, COUNTS, st.none() | DIGESTS), max_size=2))),
        images=draw(st.dictionaries(WORDS, WORDS, max_size=3)),
        facts=draw(st.dictionaries(WORDS, WORDS, max_size=3)),
        secrets_left_out=tuple(draw(st.lists(WORDS, max_size=3))),
    )


@given(manifests())
def test_every_manifest_comes_back_from_its_text(manifest: Manifest) -> None:
    assert parse_manifest(render_manifest(manifest), BUNDLE) == manifest


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
        lambda inner: st.lists(inner) | st.dictionaries(WORDS, inner),
    )
)
def test_a_sealed_text_of_something_else_is_damage_and_no_crash(told: Any) -> None:
    with pytest.raises(BundleDamaged, match=r"manifest\.json"):
        parse_manifest(sealed(told), BUNDLE)


@given(st.text())
def test_any_other_text_is_damage_and_no_crash(text: str) -> None:
    with pytest.raises(BundleDamaged, match=r"manifest\.json"):
        parse_manifest(text, BUNDLE)


def test_the_same_manifest_written_in_another_way_is_refused() -> None:
    told = json.loads(render_manifest(manifest_of(BUNDLE)))
    with pytest.raises(BundleDamaged, match="not as aisuite writes it"):
        parse_manifest(json.dumps(told), BUNDLE)


def test_a_newer_format_is_refused_with_the_way_to_read_it() -> None:
    told = json.loads(render_manifest(manifest_of(BUNDLE)))["manifest"]
    told.update(format=2, something={"new": True})
    with pytest.raises(BundleDamaged, match="newer aisuite") as refused:
        parse_manifest(sealed(told), BUNDLE)
    assert refused.value.hint == "pip install --upgrade aisuite"


@given(st.sampled_from(Level), st.none() | st.floats(min_value=0, max_value=1e6))
def test_a_verification_comes_back_for_its_own_manifest_only(level: Level, rto: float | None) -> None:
    verified = Verified(level, "2026-11-21T14:20:00Z", rto)
    text = render_verified(verified, "a manifest")
    assert parse_verified(text, "a manifest") == verified
    assert parse_verified(text, "another") is None


@given(st.text())
def test_a_path_is_refused_or_stays_below(path: str) -> None:
    try:
        kept = check_path(path)
    except ValueError:
        return
    assert not kept.startswith("/")
    assert not {"", ".", ".."} & set(kept.split("/"))


@pytest.mark.parametrize(
    "path", ["", "/", "..", "a/..", "a/", "/a", "a//b", "a/./b", "a\0", "verified.json", "x" * 256]
)
def test_a_path_that_may_lead_elsewhere_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="is"):
        check_path(path)


@pytest.mark.parametrize(
    ("path", "goal", "packed"),
    [
        ("folders/rag/uploads/a/b.txt.zst", "/data/uploads/a/b.txt", True),
        ("folders/rag/uploads/a/b.zst", "/uploads/a/b.zst", False),
        ("folders/rag/uploads/b", "/b", True),
    ],
)
def test_a_file_of_a_folder_comes_from_where_it_lies_in_that_folder(path: str, goal: str, packed: bool) -> None:
    file = BundleFile(path, Kind.FOLDER, 1, "a" * 64, "rag", goal)
    if packed:
        file = replace(file, unpacked_size=1, unpacked_sha256="b" * 64)
    manifest = manifest_of(BUNDLE, (file,))
    assert parse_manifest(render_manifest(manifest), BUNDLE) == manifest
    for wrong in ("/", "/x", "/data" + goal + "x", goal.removeprefix("/")):
        forged = manifest_of(BUNDLE, (replace(file, restores_to=wrong),))
        with pytest.raises(BundleDamaged, match=r"does not come from|no absolute path|not an absolute path"):
            parse_manifest(render_manifest(forged), BUNDLE)


def test_an_id_is_the_second_in_utc_and_the_name() -> None:
    moment = datetime(2026, 11, 21, 14, 15, 0, 999, UTC)
    assert make_id(moment) == BUNDLE
    assert make_id(moment, "before-upgrade") == f"{BUNDLE}-before-upgrade"
    assert taken_at(make_id(moment, "0.2")) == moment.replace(microsecond=0)


@pytest.mark.parametrize("name", ["", "A", "a b", "../x", "-x", ".x", "한글", "x" * 41, "x\n", "a/b"])
def test_a_name_that_cannot_be_part_of_an_id_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="cannot be one"):
        make_id(datetime(2026, 11, 21, tzinfo=UTC), name)


@pytest.mark.parametrize(
    "other", ["", "demo", "20261399T000000Z", "20261121T141500", f"{BUNDLE}-", f"{BUNDLE}\n", "²0261121T141500Z"]
)
def test_what_is_no_id_has_no_moment(other: str) -> None:
    assert taken_at(other) is None
