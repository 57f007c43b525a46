"""What cannot work ends with one clear message and its exit code, and leaves nothing running."""

from __future__ import annotations

import signal
import socket
import time
from contextlib import closing
from pathlib import Path
from shutil import copyfile

import pytest

from tests.e2e.suite import CHAT_SAYS, Suite, as_a_shell_tells, finish, kill, wait_for

pytestmark = pytest.mark.e2e


def _break_models(suite: Suite, *names: str) -> Path:
    """Write a profile of phase 1 in which these models' files are no models; return the folder of the files."""
    folder = suite.folder / "models"
    folder.mkdir()
    lines = ["extends: demo", "phase: 1", "models:"]
    for name in names:
        (folder / f"{name}.gguf").write_bytes(b"this is not a GGUF file" * 10)
        lines += [f"  {name}:", f"    source: {{repo: nobody/nothing, file: {name}.gguf}}"]
    (suite.folder / "broken.yaml").write_text("\n".join(lines) + "\n")
    return folder


def test_missing_models_are_named_with_both_ways_on_and_nothing_starts(suite: Suite) -> None:
    ran = suite.run("up", "--phase", "2")
    assert ran.code == 3
    assert "Qwen2.5-3B-Instruct-Q4_K_M.gguf" in ran.err
    assert "qwen2.5-coder-7b-instruct-q4_k_m.gguf" in ran.err
    assert "Qwen3-Embedding-0.6B-Q8_0.gguf" in ran.err
    assert "aisuite models pull" in ran.err
    assert "--demo" in ran.err
    assert ran.out.startswith("engine process (")
    assert not suite.state.exists()
    assert suite.processes() == []


def test_every_missing_file_of_an_embedding_model_is_named_with_its_folder(suite: Suite) -> None:
    ran = suite.run("up", "--profile", "phase2-cpu")
    assert ran.code == 3
    for name in (
        "config.json",
        "special_tokens_map.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "onnx/model.onnx",
    ):
        place = suite.folder / "models" / "intfloat--multilingual-e5-small" / name
        assert f"{place}   for embedding, from intfloat/multilingual-e5-small" in ran.err
    assert "Qwen3-Embedding" not in ran.err
    assert "aisuite models pull --profile phase2-cpu" in ran.err


def test_a_taken_port_is_named_with_its_holder_and_nothing_starts(suite: Suite) -> None:
    with closing(socket.create_server(("127.0.0.1", int(suite.ports["RAG_PORT"])))):
        ran = suite.run("up", "--demo", "--json")
    assert ran.code == 3
    error = ran.json["error"]
    assert error["type"] == "PortTaken"
    assert f"port {suite.ports['RAG_PORT']} for rag is held by" in error["message"]
    assert "pid" in error["message"]
    assert suite.processes() == []


def test_a_suite_with_one_broken_model_server_is_degraded_and_chat_works(suite: Suite) -> None:
    models = _break_models(suite, "code")
    up = suite.run("up", "--profile", "./broken.yaml", "--json")
    assert up.code == 5
    assert up.json["degraded"] is True
    failure = up.json["failures"][0]
    assert failure["message"].startswith("inference-code: its model file cannot be loaded")
    assert failure["hint"]
    assert CHAT_SAYS in suite.run("ask", "hi").out
    assert CHAT_SAYS in suite.run("ask", "--model", "code-7b", "hi").out
    status = suite.run("status", "--json")
    assert status.code == 5
    assert {one["name"]: one["health"] for one in status.json["services"]}["api-gateway"] == "healthy"
    # Mended, the next `up` starts only what is missing.
    copyfile(suite.state / "data" / "demo-models" / "demo-chat.gguf", models / "code.gguf")
    again = suite.run("up", "--profile", "./broken.yaml", "--json")
    assert again.code == 0
    assert [step["subject"] for step in again.json["plan"]] == ["inference-code"]


def test_a_suite_without_any_model_server_is_stopped_again(suite: Suite) -> None:
    _break_models(suite, "chat", "code")
    up = suite.run("up", "--profile", "./broken.yaml")
    assert up.code == 5
    assert "inference-chat: its model file cannot be loaded" in up.err
    assert suite.processes() == []
    assert suite.run("status", "--json").json["services"] == []


@pytest.mark.parametrize("seconds", [0.3, 1.0, 2.0, 4.0])
def test_ctrl_c_at_any_moment_leaves_nothing_running(suite: Suite, seconds: float) -> None:
    up = suite.start("up", "--demo")
    time.sleep(seconds)
    up.send_signal(signal.SIGINT)
    ended = finish(up, 60)
    assert as_a_shell_tells(ended.code) == 130, ended.err
    assert "Traceback" not in ended.err
    assert "interrupted" in ended.err
    assert suite.processes() == []


def test_of_two_ups_at_once_one_works_and_the_other_names_the_holder(suite: Suite) -> None:
    first = suite.start("up", "--phase", "1", "--demo")
    wait_for(lambda: (suite.state / "run").is_dir())
    second = suite.run("up", "--phase", "1", "--demo", "--json")
    assert second.code == 3
    assert second.json["error"]["type"] == "ProjectLocked"
    assert str(first.pid) in second.json["error"]["message"]
    assert finish(first, 120).code == 0


def test_down_cleans_up_after_a_killed_up(suite: Suite) -> None:
    up = suite.start("up", "--demo")
    wait_for(lambda: (suite.state / "run" / "inference-chat.pid.json").exists())
    kill(up.pid)
    finish(up, 60)
    assert suite.processes()
    assert suite.run("down").code == 0
    assert suite.processes() == []


def test_a_killed_supervisord_leaves_orphans_that_the_next_up_and_down_take_away(suite: Suite) -> None:
    assert suite.run("up", "--phase", "1", "--demo").code == 0
    kill(int((suite.state / "run" / "supervisord.pid").read_text()))
    wait_for(lambda: {one["state"] for one in suite.services().values()} == {"orphaned"})
    again = suite.run("up", "--phase", "1", "--demo", "--json")
    assert again.code == 0, again.out
    assert {step["cause"] for step in again.json["plan"]} == {"its supervisor died; it runs unwatched"}
    kill(int((suite.state / "run" / "supervisord.pid").read_text()))
    assert suite.run("down").code == 0
    assert suite.processes() == []


@pytest.mark.parametrize(
    ("profile", "says"),
    [
        ("phase: 2\nmodels: [\n", "line"),
        ("phase: 9\nmodels: {}\nroutes: {}\n", "phase"),
        ("extends: demo\nportz: {}\n", "did you mean 'ports'"),
        ("extends: demo\nports: {rag: 8000}\n", "8000"),
        ("extends: demo\nports: {rag: 70000}\n", "70000"),
        ("extends: demo\nroutes: {chat-7b: [nobody]}\n", "nobody"),
        ("extends: demo\nservices: {embedding: {depends_on: [rag]}}\n", "->"),
        ("extends: demo\ngpu: {budget: 0GiB}\n", "budget"),
        ("extends: demo\nbind: !!python/object/apply:os.system [id]\n", "bind"),
    ],
)
def test_a_bad_profile_is_refused_with_file_line_and_key(suite: Suite, profile: str, says: str) -> None:
    path = suite.folder / "mine.yaml"
    path.write_text(profile)
    for variable in suite.ports:
        del suite.env[variable]
    ran = suite.run("up", "--profile", "./mine.yaml")
    assert ran.code == 2, ran.out + ran.err
    assert says in ran.err
    assert "mine.yaml" in ran.err
    assert "hint:" in ran.err
    assert not suite.state.exists()


def test_a_profile_of_50_megabytes_is_refused_without_reading_it(suite: Suite) -> None:
    path = suite.folder / "big.yaml"
    with path.open("wb") as file:
        file.truncate(50 * 2**20)
    ran = suite.run("up", "--profile", "./big.yaml")
    assert ran.code == 2
    assert "big.yaml" in ran.err


def test_a_folder_where_a_profile_is_expected_is_refused(suite: Suite) -> None:
    (suite.folder / "folder.yaml").mkdir()
    ran = suite.run("up", "--profile", "./folder.yaml")
    assert ran.code == 2
    assert "folder" in ran.err


@pytest.mark.parametrize("state", ["/proc/aisuite", "a-file"])
def test_a_state_folder_that_cannot_be_written_is_refused(suite: Suite, state: str) -> None:
    (suite.folder / "a-file").write_text("")
    ran = suite.run("up", "--demo", "--state", state, "--json")
    assert ran.code == 3
    assert ran.json["error"]["type"] == "StateUnwritable"
    assert suite.processes() == []


def test_commands_about_a_stack_that_never_was_say_how_to_start_one(suite: Suite) -> None:
    for words in (("env",), ("ask", "hi"), ("logs", "rag"), ("rag", "index", ".")):
        ran = suite.run(*words)
        assert ran.code == 5
        assert "aisuite up" in ran.err
    assert suite.run("down").out == "nothing was running\n"
