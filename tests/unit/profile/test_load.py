from pathlib import Path

import pytest

from aisuite.errors import ProfileInvalid, ProfileNotFound
from aisuite.profile.effective import flatten
from aisuite.profile.fold import parse_override
from aisuite.profile.load import ProfileRequest, load_profile
from tests.unit.profile.conftest import Load, Problems

LAYERS = "models.code.gpu_layers"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


# --- finding


def test_a_name_means_the_own_profile_before_the_shipped_one(tmp_path: Path, load: Load) -> None:
    assert load(name="phase1").profile.phase == 1
    write(tmp_path / "profiles/phase1.yaml", "extends: phase2\ndescription: mine\n")
    loaded = load(name="phase1")
    assert (loaded.profile.phase, loaded.profile.description, loaded.name) == (2, "mine", "phase1")


def test_a_path_is_taken_from_the_working_directory(load: Load) -> None:
    loaded = load("extends: phase2\n", name="my.yaml")
    assert (loaded.name, [path.name for path in loaded.files]) == ("my", ["my.yaml", "phase2.yaml"])


def test_an_unknown_name_lists_the_known_ones_and_guesses(load: Load, tmp_path: Path) -> None:
    write(tmp_path / "profiles/mine.yaml", "extends: phase2\n")
    with pytest.raises(ProfileNotFound) as caught:
        load(name="phse2")
    assert caught.value.message == (
        "no profile 'phse2' (did you mean 'phase2'?); known: demo, mine, phase1, phase2, phase2-cpu, phase3"
    )
    assert caught.value.hint == "aisuite profile list"


def test_the_schema_beside_the_profiles_is_no_profile(load: Load) -> None:
    with pytest.raises(ProfileNotFound):
        load(name="schema")


@pytest.mark.parametrize("name", ["./nope.yaml", "a\0b", "./a\0b", "x" * 5000, "./" + "x" * 5000, "", "\ud800"])
def test_a_name_that_means_nothing_is_not_found(load: Load, name: str) -> None:
    with pytest.raises(ProfileNotFound):
        load(name=name)


# --- reading


def test_a_folder_is_refused_where_a_file_is_expected(tmp_path: Path, problems: Problems) -> None:
    (tmp_path / "folder.yaml").mkdir()
    assert problems(name="./folder.yaml") == ["folder.yaml: is a folder, not a file"]


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path, problems: Problems) -> None:
    with (tmp_path / "big.yaml").open("wb") as file:
        file.truncate(50_000_000)
    assert problems(name="./big.yaml") == ["big.yaml: has 50000000 bytes; at most 1048576 (1 MiB) are read"]


def test_a_device_is_refused(problems: Problems) -> None:
    assert problems(name="/dev/zero") == ["/dev/zero: is not a regular file"]


def test_a_file_that_may_not_be_read_says_so(load: Load, problems: Problems, monkeypatch: pytest.MonkeyPatch) -> None:
    load()

    def refuse(path: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ProfileInvalid, match=r"phase2\.yaml: cannot be read: Permission denied"):
        load_profile(ProfileRequest("phase2", Path("/")))


def test_bytes_that_are_no_utf8_are_refused_with_their_line(problems: Problems) -> None:
    assert problems(b"a: 1\nb: \xff\n") == ["my.yaml:2: is not UTF-8 text: byte 0xff"]


def test_a_byte_order_mark_does_not_matter(load: Load) -> None:
    assert load(b"\xef\xbb\xbfextends: phase1\r\n").profile.phase == 1


# --- extends


def test_a_chain_of_parents_is_laid_over_each_other(tmp_path: Path, load: Load) -> None:
    write(tmp_path / "base/team.yaml", "extends: phase2\ngpu: {budget: 5GiB}\nretry: {attempts: 2}\n")
    loaded = load("extends: base/team.yaml\nretry: {attempts: 1}\n")
    assert (str(loaded.profile.gpu.budget), loaded.profile.retry.attempts) == ("5GiB", 1)
    assert loaded.origin["gpu.budget"].where == "base/team.yaml:2"
    assert loaded.origin["retry.attempts"].where == "my.yaml:2"
    assert loaded.origin["phase"].where.endswith("phase2.yaml:7")
    assert loaded.origin["timeouts.request"].where == "default"


def test_a_parents_path_is_relative_to_the_child(tmp_path: Path, load: Load) -> None:
    write(tmp_path / "a/child.yaml", "extends: ../b/parent.yaml\n")
    write(tmp_path / "b/parent.yaml", "extends: phase1\n")
    assert load(name="a/child.yaml").profile.phase == 1


def test_a_circle_of_parents_is_shown(tmp_path: Path, problems: Problems) -> None:
    write(tmp_path / "a.yaml", "extends: ./b.yaml\n")
    write(tmp_path / "b.yaml", "\nextends: ./a.yaml\n")
    assert problems(name="./a.yaml") == ["b.yaml:2: extends: is a circle: a.yaml -> b.yaml -> a.yaml"]


def test_a_missing_parent_is_named_with_a_guess(problems: Problems) -> None:
    assert problems("extends: phase-2\n") == [
        "my.yaml:1: extends: no parent profile 'phase-2' (did you mean 'phase2'?); "
        "a file is named by its path, for example ./phase-2.yaml"
    ]


def test_a_very_long_chain_of_parents_is_refused(tmp_path: Path, problems: Problems) -> None:
    for number in range(20):
        write(tmp_path / f"p{number}.yaml", f"extends: ./p{number + 1}.yaml\n")
    assert problems(name="./p0.yaml") == ["p8.yaml:1: extends: has more than 8 parents above it"]


# --- precedence


def test_flag_beats_environment_beats_dotenv_beats_profile_beats_default(load: Load) -> None:
    own = "extends: phase2\nmodels: {code: {gpu_layers: 11}}\n"
    around = {"dotenv": "CODE_N_GPU_LAYERS=12\n", "environ": {"CODE_N_GPU_LAYERS": "13"}, "sets": (f"{LAYERS}=14",)}
    steps = [load(own)]
    for name in ("dotenv", "environ", "sets"):
        steps.append(load(own, **{key: around[key] for key in list(around)[: list(around).index(name) + 1]}))
    assert [step.profile.models["code"].gpu_layers for step in steps] == [11, 12, 13, 14]
    assert [step.origin[LAYERS].where for step in steps] == [
        "my.yaml:2",
        ".env:1 CODE_N_GPU_LAYERS",
        "environment CODE_N_GPU_LAYERS",
        "--set",
    ]
    assert load("extends: phase2\n").origin["services.rag.topk"].where == "default"


def test_what_is_said_for_one_model_beats_what_is_said_for_all(load: Load) -> None:
    models = load(environ={"CHAT_N_GPU_LAYERS": "3", "LLAMA_N_GPU_LAYERS": "7"}).profile.models
    assert (models["chat"].gpu_layers, models["code"].gpu_layers) == (3, 7)


def test_the_origins_have_the_keys_of_the_flat_profile(load: Load) -> None:
    loaded = load("extends: phase2\nports: {rag: 9000}\nmodels: {chat: &x {memory: 2GiB}, code: *x}\n")
    assert list(loaded.origin) == list(flatten(loaded.profile))
    assert loaded.origin["models.code.memory"].where == "my.yaml:3"
    assert loaded.origin["ports.rag"].where == "my.yaml:2"
    assert loaded.origin["ports.qdrant"].where == "default"


def test_no_dotenv_is_read_when_none_is_named(tmp_path: Path) -> None:
    write(tmp_path / ".env", "RAG_TOPK=9\n")
    assert load_profile(ProfileRequest("phase2", tmp_path)).profile.services.rag.topk == 9
    assert load_profile(ProfileRequest("phase2", tmp_path, dotenv=None)).profile.services.rag.topk == 4


def test_a_flag_may_set_a_list_or_a_name_with_a_dot(load: Load) -> None:
    routes = load(sets=('routes."chat-3.5"=[chat, code]', "routes.chat-7b=[code]")).profile.routes
    assert (routes["chat-3.5"], routes["chat-7b"]) == (("chat", "code"), ("code",))


@pytest.mark.parametrize("text", ["gpu.budget", "=1", "gpu..budget=1", "routes.x=[a", "a b=1", "x='", "gpu.=1"])
def test_a_flag_that_is_no_setting_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"key path|KEY=VALUE|not YAML"):
        parse_override(text)


# --- all problems at once


def test_all_problems_of_all_places_come_at_once(problems: Problems) -> None:
    found = problems(
        "extends: phase2\ngpu:\n  budgt: 5GiB\n  backend: nvidia\nmodels:\n  chat: {context: 0}\n  tiny: {}\n"
        "ports: {rag: 8000}\nphase: 2\nphase: 3\n",
        dotenv="RAG_PORT=eighty\nRAG_TOPK=4\nwhat\n",
        environ={"LLAMA_TEMP": "7", "HOST": "localhost"},
        sets=("retry.attempts=many", "gpu.nope=1"),
    )
    assert found == [
        "--set: gpu.nope: unknown key; known here: backend, device, devices, budget, reserve, cdi, prefer",
        "--set: retry.attempts: must be a whole number, not 'many'",
        ".env:1: RAG_PORT: 'eighty' is not a whole number",
        ".env:3: 'what' is not NAME=VALUE",
        "environment: HOST: 'localhost' is not an IP address; write for example 127.0.0.1 or ::1",
        "environment: LLAMA_TEMP: must be at most 2, not 7.0",
        "my.yaml:3: gpu.budgt: unknown key (did you mean 'budget'?)",
        "my.yaml:4: gpu.backend: must be 'cuda', 'rocm', 'vulkan', 'metal' or 'cpu', not 'nvidia'",
        "my.yaml:6: models.chat.context: must be at least 1, not 0",
        "my.yaml:7: models.tiny.source: is missing",
        "my.yaml:8: ports.rag: 8000 is the port of both api-gateway and rag",
        "my.yaml:10: phase: is given twice; the first is in line 9",
    ]


def test_a_conflict_is_reported_where_the_last_word_was_said(problems: Problems) -> None:
    expected = "a reserve of 7GiB in a budget of 6GiB leaves nothing for the models"
    assert problems(sets=("gpu.reserve=7GiB",)) == [f"--set: gpu.reserve: {expected}"]
    expected = "a reserve of 200MiB in a budget of 100MiB leaves nothing for the models"
    assert problems("extends: phase2\ngpu: {budget: 100MiB}\n", sets=("gpu.reserve=200MiB",)) == [
        f"--set: gpu.reserve: {expected}"
    ]


def test_a_conflict_with_a_wrong_value_is_not_reported(problems: Problems) -> None:
    # Without the typing mistake there would be a card for the 20 layers.
    assert len(problems("extends: phase2\ngpu: {backend: cudaa}\n")) == 1


def test_very_many_problems_are_counted_and_not_listed(problems: Problems) -> None:
    found = problems("extends: phase2\n" + "".join(f"key{number}: 1\n" for number in range(200)))
    assert (len(found), found[-1]) == (51, "my.yaml: and 150 more problems")
