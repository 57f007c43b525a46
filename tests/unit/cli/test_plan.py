"""`aisuite plan` and what follows from a plan, on files with the shapes of the real models."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest

from aisuite.adapters.llama_binary import LlamaServer
from aisuite.cli.app import run
from aisuite.errors import EngineUnavailable
from tests.fakes.sparse_models import QWEN_3B, QWEN_7B

CHAT, CODE = "Qwen2.5-3B-Instruct-Q4_K_M.gguf", "qwen2.5-coder-7b-instruct-q4_k_m.gguf"
CARD = ("--gpu-memory", "6141MiB")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    QWEN_3B.write(folder / CHAT)
    QWEN_7B.write(folder / CODE)
    return folder


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    for name in ("AISUITE_PROJECT", "COMPOSE_PROJECT_NAME", "CODE_N_GPU_LAYERS", "LLAMA_N_GPU_LAYERS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def _files(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELS_DIR", str(models))


def planned(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> dict[str, Any]:
    """Run `plan --json` and return its object."""
    capsys.readouterr()
    assert run(["plan", *words, "--json"]) == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.usefixtures("_files")
def test_the_most_layers_that_fit_and_not_one_more(capsys: pytest.CaptureFixture[str]) -> None:
    found = planned(capsys, "--phase", "2", *CARD)
    assert found["verdict"] == "fits"
    layers = {one["model"]: one["gpu_layers"] for one in found["models"]}
    assert layers["chat"] == 37
    assert 20 <= layers["code"] <= 24
    assert found["used_mib"] == pytest.approx(sum(one["card_mib"]["total"] for one in found["models"]), abs=0.05)
    assert found["used_mib"] < 0.9 * 6141
    assert [(one["model"], one["gpu_layers"], one["fits"]) for one in found["neighbours"]] == [
        ("code", layers["code"] + 1, False)
    ]
    worse = planned(capsys, "--phase", "2", *CARD, "--what-if", f"code.layers={layers['code'] + 1}", code=4)
    assert worse["verdict"] == "no"
    assert worse["used_mib"] == found["neighbours"][0]["used_mib"]
    assert worse["remedy"] == f"models.code.gpu_layers: {layers['code']}"


@pytest.mark.usefixtures("_files")
def test_what_if_shows_what_it_costs(capsys: pytest.CaptureFixture[str]) -> None:
    found = planned(capsys, "--phase", "2", *CARD, "--what-if", "context=8192,kv=q8_0")
    assert {(one["context"], one["kv_type"]) for one in found["models"]} == {(8192, "q8_0")}
    assert found["models"][1]["gpu_layers"] < found["without_what_if"]["models"][1]["gpu_layers"]


@pytest.mark.usefixtures("_files")
def test_people_get_the_card_the_parts_and_the_reasons(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", "--phase", "2", *CARD]) == 0
    shown = capsys.readouterr().out
    assert "a card of 6141MiB: 6141 MiB, of which the models may use 5527" in shown
    assert re.search(r"^code: \d+ of 29 layers; one more would take \d+ MiB, above 90 % of the card", shown, re.M)
    assert re.search(r"^FITS: \d+ MiB of the 5527 MiB that may be used$", shown, re.M)


def test_without_the_files_the_command_that_fetches_them_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    error = planned(capsys, "--phase", "2", *CARD, code=3)["error"]
    assert error["type"] == "ModelMissing"
    assert error["hint"].startswith("aisuite models pull --phase 2")


def test_what_is_no_model_is_refused_with_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    Path("models").mkdir()
    Path("models", CHAT).write_bytes(b"<html>not found</html>")
    Path("models", CODE).write_bytes(b"GGUF")
    error = planned(capsys, "--phase", "2", *CARD, code=3)["error"]
    assert error["type"] == "ModelBroken"
    assert CHAT in error["message"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--gpu-memory", "6"), "--gpu-memory: '6' is not a size"),
        (("--gpu-memory", "6GiB", "--plot", "plan.png"), "a file whose name ends in .svg"),
        (("--profile", "demo"), "runs on the CPU: there is nothing to plan"),
    ],
)
@pytest.mark.usefixtures("_files")
def test_what_cannot_be_meant_is_refused(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str
) -> None:
    assert message in planned(capsys, *words, code=2)["error"]["message"]


def rendered_layers() -> list[str]:
    """Render phase 2 and return -ngl of chat and code."""
    assert run(["render", "--phase", "2", "--engine", "docker", "--output", "out", "--quiet"]) == 0
    found = re.findall(r'"-ngl"\n\s+- "(\d+)"', Path("out/compose.yaml").read_text(encoding="utf-8"))
    return list(found)


@pytest.mark.usefixtures("_files")
def test_what_is_rendered_has_the_numbers_of_the_plan(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    layers = planned(capsys, "--phase", "2", "--gpu-memory", "6GiB")["models"][1]["gpu_layers"]
    assert rendered_layers() == ["999", str(layers), "0"]
    monkeypatch.setenv("CODE_N_GPU_LAYERS", "20")
    assert rendered_layers() == ["999", "20", "0"]


@pytest.mark.parametrize("words", [("models", "list"), ("config", "show")])
def test_what_needs_no_plan_works_without_files(words: tuple[str, ...]) -> None:
    assert run([*words, "--phase", "2", "--quiet"]) == 0


def test_measurements_are_forgotten_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    run(["plan", "--phase", "2", "--reset-calibration"])
    assert "nothing was measured yet" in capsys.readouterr().out


def _llama(version: str, kind: Literal["path", "wheel"]) -> Callable[[], LlamaServer]:
    return lambda: LlamaServer(("llama-server",), kind, version, "no llama-server on PATH" if kind == "wheel" else "")


@pytest.mark.usefixtures("_files")
def test_local_processes_are_planned_for_the_llama_server_of_this_machine(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aisuite.cli.wiring.find_llama", _llama("9740 (0a1b2c3d)", "path"))
    found = planned(capsys, "--phase", "2", *CARD)
    assert (found["build"], found["rules"]) == ("9740 (0a1b2c3d)", "llama.cpp 0.5 (2026-06)")
    assert planned(capsys, "--phase", "2", "--engine", "docker", *CARD)["build"].endswith("server-cuda-b11669")


@pytest.mark.usefixtures("_files")
def test_a_llama_server_that_cannot_use_a_card_is_not_planned_for_and_that_is_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aisuite.cli.wiring.find_llama", _llama("0.4.1", "wheel"))
    found = planned(capsys, "--phase", "2", *CARD)
    assert found["build"].endswith("server-cuda-b11669")
    assert found["notes"] == [
        "no llama-server on PATH, and the wheel xllamacpp is built for the CPU: planned for the image"
    ]


@pytest.mark.usefixtures("_files")
def test_a_plan_without_any_llama_server_is_for_the_image_and_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent() -> LlamaServer:
        raise EngineUnavailable("there is no model server: nothing is installed")

    monkeypatch.setattr("aisuite.cli.wiring.find_llama", absent)
    notes = planned(capsys, "--phase", "2", *CARD)["notes"]
    assert notes == ["there is no model server: nothing is installed: planned for the image"]


@pytest.mark.usefixtures("_files")
def test_several_cards_have_a_bar_each(capsys: pytest.CaptureFixture[str]) -> None:
    sizes = ("--gpu-memory", "3GiB,8GiB")
    found = planned(capsys, "--phase", "2", *sizes)
    assert [(one["index"], one["models"]) for one in found["cards"]] == [(0, []), (1, ["chat", "code"])]
    assert {one["card"] for one in found["models"]} == {1}
    assert run(["plan", "--phase", "2", *sizes]) == 0
    shown = capsys.readouterr().out
    assert re.search(r"^card 0, a card of 3GiB: 3072 MiB, of which the models may use 2765$", shown, re.M)
    assert re.search(r"^card 1, a card of 8GiB: 8192 MiB, of which the models may use 7373$", shown, re.M)
    assert re.search(r"^chat +1 +37/37", shown, re.M)
