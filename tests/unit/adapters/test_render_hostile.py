"""No value that a profile accepts changes the structure of a rendered file."""

from __future__ import annotations

import json
from collections.abc import Callable
from configparser import RawConfigParser
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from aisuite.profile.dotenv import parse_dotenv
from aisuite.profile.model import Profile
from aisuite.profile.text import check_file_name, check_image, check_model_name, check_name, check_plain
from aisuite.stack.resolve import resolve
from tests.fakes.profiles import ENGINES, ROOT, make_profile, make_renderer, make_site

RENDERER = make_renderer()
HOSTILE = [
    "${HOME}",
    "$(id)",
    "`id`",
    "$$",
    "a: b",
    "- a",
    "-x",
    "--host=0.0.0.0",
    "..",
    "../../etc",
    "!!python/object/apply:os.system [id]",
    "&anchor",
    "*anchor",
    "<<: *x",
    "{{ 7 * 7 }}",
    "{% raw %}",
    "# comment",
    "a #b",
    "a ;b",
    "%(ENV_HOME)s",
    "%d",
    '"',
    "'",
    "\\",
    '\\"',
    "a'b\"c\\",
    "[program:x]",
    "null",
    "true",
    "1e3",
    "0x1F",
    "12:30:45",
    "~",
    "=",
    "A=B",
    " lead",
    "trail ",
    "한국어",
    "😀",
    "\u00a0",
    "\u202e",
    "\ufeff",
]


def accepted(check: Callable[[str], str], text: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def passes(value: str) -> bool:
        try:
            check(value)
        except ValueError:
            return False
        return True

    return text.filter(passes)


HOSTILE_TEXT = (
    st.sampled_from(HOSTILE) | st.text(max_size=20) | st.text("\n\r\t\"'$%{}\\:#;-!&*|>`\u2028\x85 a", max_size=12)
)
PLAIN = accepted(check_plain, HOSTILE_TEXT)
FOLDER = PLAIN.filter(bool)
FILE = accepted(check_file_name, HOSTILE_TEXT.map(lambda text: f"{text}.gguf"))
NAME = accepted(
    check_name,
    st.sampled_from(["null", "true", "1e3", "0x1f", "1", "a..b", "a--b", "no"])
    | st.from_regex(r"[a-z0-9._-]{1,20}", fullmatch=True),
)
MODEL = accepted(check_model_name, NAME)
BUILD = 11669  # said, because the build decides on a flag, and no hostile tag tells it
IMAGE = accepted(
    check_image,
    st.sampled_from(["a:1", "host:5000/a/b:v1.0", "a@sha256:" + "0" * 64])
    | st.from_regex(r"[a-z0-9][a-z0-9._-]{0,9}:[A-Za-z0-9_.-]{1,9}", fullmatch=True),
)
# A folder of the system may have any name that is text, also one with a newline.
PLACE = st.text(st.characters(exclude_characters="\0/", exclude_categories=["Cs"]), min_size=1, max_size=12).filter(
    lambda name: name not in {".", ".."}
)


@st.composite
def profiles(draw: st.DrawFn) -> Profile:
    return make_profile(
        description=draw(PLAIN),
        gpu={"backend": "cuda"},
        models={
            "chat": {"source": {"repo": "a/b", "file": draw(FILE), "revision": draw(PLAIN)}, "memory": "1GiB"},
            "code": {"source": {"demo": True}, "cpus": 1},
        },
        paths={"models": draw(FOLDER), "data": draw(FOLDER)},
        # The flags of a model server depend on its build, which these images do not tell.
        images={name: draw(IMAGE) for name in ("llama_gpu", "gateway", "qdrant", "service")} | {"llama_build": 11669},
        services={"rag": {"documents": draw(FOLDER)}, "embedding": {"backend": "fastembed", "model": draw(PLAIN)}},
    )


@st.composite
def named_profiles(draw: st.DrawFn) -> Profile:
    first, second = draw(st.lists(MODEL, min_size=2, max_size=2, unique=True))
    chat, code = draw(st.lists(NAME, min_size=2, max_size=2, unique=True))
    model = {"source": {"demo": True}, "gpu_layers": 0}
    return make_profile(
        models={first: model, second: model},
        routes={chat: [first, second], code: [second, first]},
        ports={f"inference-{first}": 9001, f"inference-{second}": 9002},
        services={"rag": {"chat_model": chat, "code_model": code}},
    )


def shape(value: Any) -> Any:
    """Return a document with nothing but its keys, the lengths of its lists and the types of its values."""
    if isinstance(value, dict):
        return [(key, shape(inner)) for key, inner in value.items()]
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return type(value).__name__


def structure(name: str, text: str) -> Any:
    if name.endswith(".yaml"):
        return shape(yaml.safe_load(text))
    if name.endswith(".json"):
        return shape(json.loads(text))
    if name == ".env":
        said, problems = parse_dotenv(text, name)
        assert problems == ()
        assert text.count("\n") == len(said) + 1  # a comment, then one line for each variable
        return [one.name for one in said]
    if name.endswith(".py"):
        return text  # it takes no values at all
    parser = RawConfigParser(inline_comment_prefixes=(";", "#"))
    parser.read_string(text)
    return [(section, parser.options(section)) for section in parser.sections()]


def render(profile: Profile, **site: Any) -> dict[str, Any]:
    """Return the structure of every file for every engine."""
    return {
        f"{engine} {name}": structure(name, text)
        for engine in ENGINES
        for name, text in RENDERER.render(resolve(profile, "any", make_site(engine, **site))).items()
    }


USUAL = render(
    make_profile(
        gpu={"backend": "cuda"},
        models={
            "chat": {"source": {"repo": "a/b", "file": "c.gguf"}, "memory": "1GiB"},
            "code": {"source": {"demo": True}, "cpus": 1},
        },
        paths={"models": "models", "data": "data"},
        images={"llama_build": BUILD},
        services={"rag": {"documents": "documents"}, "embedding": {"backend": "fastembed", "model": "e5"}},
    )
)


@settings(deadline=None)
@given(profile=profiles(), place=PLACE)
def test_no_value_changes_the_structure_of_a_file(profile: Profile, place: str) -> None:
    assert render(profile, working_dir=ROOT / place, folder=ROOT / place / ".aisuite" / "default") == USUAL


@settings(deadline=None)
@given(profile=named_profiles())
def test_no_name_changes_the_structure_of_a_file(profile: Profile) -> None:
    found = render(profile)
    names = [name for name, _ in dict(found["docker compose.yaml"])["services"]]
    assert sorted(names) == sorted(
        [*(f"inference-{model}" for model in profile.models), "qdrant", "embedding", "api-gateway", "rag"]
    )
    programs = [section for section, _ in found["process process/supervisord.conf"] if section.startswith("program:")]
    assert programs == ["program:watchdog", *(f"program:{name}" for name in names)]
    assert len(dict(found["docker litellm.yaml"])["model_list"]) == 4
