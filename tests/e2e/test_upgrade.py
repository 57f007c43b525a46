"""Upgrades that fail are taken back by themselves, also when they are killed; rollbacks bring back what ran."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.e2e.suite import CHAT_SAYS, CODE_SAYS, Suite, finish, kill, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.e2e

GOOD = "extends: demo\nphase: 1\n"
BETTER = GOOD + "models: {chat: {sampling: {temperature: 0.7}}}\n"
BROKEN = GOOD + "paths: {models: own}\nmodels: {chat: {source: {file: broken.gguf}}, code: {source: {demo: true}}}\n"


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    """A suite of phase 1 that is up from a profile of its own, generation 1."""
    suite = Suite(tmp_path_factory.mktemp("upgrade"))
    for name, text in (("good", GOOD), ("better", BETTER), ("broken", BROKEN)):
        (suite.folder / f"{name}.yaml").write_text(text)
    (suite.folder / "own").mkdir()
    (suite.folder / "own" / "broken.gguf").write_bytes(b"no model at all" * 400)
    up = suite.run("up", "--profile", "good.yaml", "--json")
    try:
        assert up.code == 0, up.out + up.err
        yield suite
    finally:
        suite.run("down")
    assert suite.processes() == []


def command_of(suite: Suite, service: str) -> list[str]:
    """Return the whole command of a service of the current generation."""
    described: dict[str, Any] = json.loads(
        (suite.state / "current" / "process" / "services" / f"{service}.json").read_text()
    )
    return list(described["argv"])


class Client:
    """Asks for chat again and again while a `with` block runs; `answers` are (status, text)."""

    def __init__(self, suite: Suite) -> None:
        key = (suite.state / "secrets" / "gateway_key").read_text()
        self._url = f"http://127.0.0.1:{suite.ports['API_GATEWAY_PORT']}/v1/chat/completions"
        self._headers = {"Authorization": f"Bearer {key}"}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask_on)
        self.answers: list[tuple[int, str]] = []

    def __enter__(self) -> Client:
        self._thread.start()
        wait_for(lambda: len(self.answers) > 0)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _ask_on(self) -> None:
        body = {"model": "chat-7b", "messages": [{"role": "user", "content": "Who?"}]}
        with httpx.Client(headers=self._headers, timeout=60) as client:
            while not self._over.is_set():
                answer = client.post(self._url, json=body)
                self.answers.append((answer.status_code, answer.text))
                time.sleep(0.05)


def test_a_broken_model_brings_the_old_generation_back_and_no_client_sees_it(suite: Suite) -> None:
    before = suite.services()
    with Client(suite) as client:
        upgrade = suite.run("upgrade", "--profile", "broken.yaml", "--window", "2", "--json")
    assert upgrade.code == 5, upgrade.out + upgrade.err
    told = upgrade.json
    assert (told["before"], told["generation"], told["back"]["generation"]) == (1, 1, 1)
    assert "inference-chat" in told["failure"]["message"]
    assert {status for status, _ in client.answers} == {200}
    assert all(CHAT_SAYS in text or CODE_SAYS in text for _, text in client.answers)
    after = suite.services()
    assert {one["health"] for one in after.values()} == {"healthy"}
    assert {name for name in before if after[name]["pid"] != before[name]["pid"]} == {"inference-chat"}
    assert [one.name for one in (suite.state / "backups").iterdir()] == [told["bundle"]]


def test_a_good_upgrade_stays_and_a_rollback_takes_it_back_within_30_seconds(suite: Suite) -> None:
    upgrade = suite.run("upgrade", "--profile", "better.yaml", "--window", "1", "--json")
    assert upgrade.code == 0, upgrade.out + upgrade.err
    generation = upgrade.json["generation"]
    assert generation > 1
    assert "0.7" in command_of(suite, "inference-chat")
    back = suite.run("rollback", "--json")
    assert back.code == 0, back.out + back.err
    assert (back.json["generation"], back.json["before"]) == (1, generation)
    assert back.json["seconds"] < 30
    assert "0.7" not in command_of(suite, "inference-chat")
    before = suite.services()
    assert {one["health"] for one in before.values()} == {"healthy"}
    (suite.folder / "good.yaml").write_text(BETTER)  # what was edited by hand does not stand in the way
    restart = suite.run("restart", "inference-chat", "--json")
    assert restart.code == 0, restart.out + restart.err
    assert suite.services()["inference-chat"]["pid"] != before["inference-chat"]["pid"]
    assert "0.7" not in command_of(suite, "inference-chat")
    assert suite.run("watch", "--once").code == 0
    (suite.folder / "good.yaml").write_text(GOOD)
    listed = suite.run("rollback", "--list", "--json").json
    assert listed["current"] == 1
    assert [one["number"] for one in listed["generations"] if one["good"]] == [1, generation]


def test_an_upgrade_that_is_killed_is_taken_back_by_rollback(suite: Suite) -> None:
    upgrade = suite.start("upgrade", "--profile", "broken.yaml", "--window", "60")
    wait_for(lambda: (suite.state / "upgrade.json").exists())
    kill(upgrade.pid)
    finish(upgrade, 60)
    back = suite.run("rollback", "--json")
    assert back.code == 0, back.out + back.err
    assert back.json["generation"] == 1
    assert {one["health"] for one in suite.services().values()} == {"healthy"}
    assert not (suite.state / "upgrade.json").exists()
    again = suite.run("up", "--profile", "good.yaml", "--json")
    assert (again.code, again.json["changed"]) == (0, False), again.out


def test_a_rollback_over_a_changed_schema_says_what_it_costs_and_brings_the_backup_back(running: Suite) -> None:
    (running.folder / "topk.yaml").write_text("extends: demo\nservices: {rag: {topk: 6}}\n")
    before, generation = running.services(), running.run("rollback", "--list", "--json").json["current"]
    upgrade = running.run("upgrade", "--profile", "topk.yaml", "--window", "0", "--json")
    assert upgrade.code == 0, upgrade.out + upgrade.err
    file = running.state / "data" / "rag" / "rag.db"
    with closing(sqlite3.connect(file)) as database:  # as a newer RAG would do at its start
        (schema,) = database.execute("PRAGMA user_version").fetchone()
        database.execute(f"PRAGMA user_version = {schema + 1}")
    refused = running.run("rollback")
    assert refused.code == 7
    assert f"{file} has the schema {schema + 1}, and had {schema}" in refused.err
    assert f"all that was written since the backup {upgrade.json['bundle']} would be lost" in refused.err
    assert f"aisuite rollback {generation} --yes" in refused.err

    back = running.run("rollback", "--yes", "--json")
    assert back.code == 0, back.out + back.err
    assert (back.json["generation"], back.json["restored"]) == (generation, upgrade.json["bundle"])
    with closing(sqlite3.connect(file)) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (schema,)
    after = running.services()
    assert {one["health"] for one in after.values()} == {"healthy"}
    kept = {"inference-chat", "inference-code", "api-gateway", "embedding"}
    assert {name for name in kept if after[name]["pid"] != before[name]["pid"]} == set()
