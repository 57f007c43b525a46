"""The main job: `aisuite up --phase 2 --demo`, and everything a person does next."""

from __future__ import annotations

import base64
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import openai
import psutil
import pytest
from qdrant_client import QdrantClient, models

from tests.e2e.suite import CHAT_SAYS, CODE_SAYS, PORTS, Suite, kill, wait_for

pytestmark = pytest.mark.e2e
DOCS = Path(__file__).parents[2] / "docs"
SIX = {"inference-chat", "inference-code", "api-gateway", "rag", "embedding", "qdrant"}


def _curl(suite: Suite) -> str:
    """The line that `up` prints, as a person copies it."""
    text = suite.run("up", "--phase", "2", "--demo").out
    return next(line.strip() for line in text.splitlines() if line.strip().startswith("curl "))


def _client(suite: Suite) -> openai.OpenAI:
    printed = suite.shell('eval "$(aisuite env)"; echo "$OPENAI_BASE_URL $OPENAI_API_KEY"').out.split()
    return openai.OpenAI(base_url=printed[0], api_key=printed[1], max_retries=0)


def _ask(client: openai.OpenAI, model: str = "chat-7b") -> str:
    answer = client.chat.completions.create(model=model, messages=[{"role": "user", "content": "안녕하세요, hi"}])
    return answer.choices[0].message.content or ""


def test_six_services_are_healthy(running: Suite) -> None:
    services = running.services()
    assert set(services) == SIX
    assert {one["health"] for one in services.values()} == {"healthy"}
    assert all(one["seconds_to_healthy"] > 0 and one["restarts"] == 0 for one in services.values())


def test_the_first_line_says_which_engine_which_profile_and_why(running: Suite) -> None:
    first = running.run("up", "--phase", "2", "--demo").out.splitlines()[0]
    assert re.match(r"engine process \(.+\), profile demo \(--demo\), phase 2, 6 services", first)


def test_the_printed_curl_line_works_when_pasted_and_shows_no_key(running: Suite) -> None:
    line = _curl(running)
    key = (running.state / "secrets" / "gateway_key").read_text()
    assert key not in line
    answer = running.shell(line)
    assert answer.code == 0, answer.err
    assert CHAT_SAYS in answer.out


def test_any_openai_client_works_after_eval_aisuite_env(running: Suite) -> None:
    client = _client(running)
    assert {model.id for model in client.models.list()} == {"chat-7b", "code-7b"}
    assert CHAT_SAYS in _ask(client)
    assert CODE_SAYS in _ask(client, "code-7b")


def test_an_answer_is_streamed_in_pieces_with_real_token_counts(running: Suite) -> None:
    stream = _client(running).chat.completions.create(
        model="chat-7b",
        messages=[{"role": "user", "content": "hi"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    pieces = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]
    assert len(pieces) > 2
    assert CHAT_SAYS in "".join(pieces)
    usage = next(chunk.usage for chunk in chunks if chunk.usage)
    assert usage.completion_tokens >= len(pieces)


def test_while_nothing_is_wrong_the_first_choice_answers_everything(running: Suite) -> None:
    client = _client(running)
    hello: Any = {"model": "chat-7b", "messages": [{"role": "user", "content": "hi"}]}

    def ask(number: int) -> str:
        if number % 3:
            return client.chat.completions.create(**hello).choices[0].message.content or ""
        pieces = client.chat.completions.create(**hello, stream=True)
        return "".join(one.choices[0].delta.content or "" for one in pieces if one.choices)

    with ThreadPoolExecutor(16) as crowd:
        said = list(crowd.map(ask, range(400)))
    assert [answer for answer in said if CHAT_SAYS not in answer] == []


def test_ask_takes_a_model_and_names_a_wrong_one(running: Suite) -> None:
    assert CODE_SAYS in running.run("ask", "--model", "code-7b", "hi").out
    wrong = running.run("ask", "--model", "code7b", "hi")
    assert wrong.code == 2
    assert "chat-7b, code-7b" in wrong.err


def test_documents_are_indexed_and_answers_name_their_sources(running: Suite) -> None:
    counted = running.run("rag", "index", str(DOCS), "--collection", "docs", "--json").json
    assert counted["documents"] > 0
    again = running.run("rag", "index", str(DOCS), "--collection", "docs", "--json").json
    assert again["unchanged"] == counted["documents"]
    answer = running.run("ask", "--rag", "docs", "What does exit code 3 mean?", "--json").json
    assert answer["answer"].strip()
    assert answer["sources"]
    for source in answer["sources"]:
        assert (DOCS / source["source"]).is_file()
    korean = running.run("ask", "--rag", "docs", "데모 모델은 무엇을 말하나요?").out
    assert "sources:" in korean
    assert "ko/quickstart.md" in korean
    mixed = running.run("rag", "ask", "failover는 어떻게 동작하나요?", "--collection", "docs", "--json").json
    assert any("failover" in source["text"].lower() for source in mixed["sources"])
    assert {"explanation/failover.md", "SERVICE_RELIABILITY.md"} & {source["source"] for source in mixed["sources"]}
    unknown = running.run("ask", "--rag", "docs", "zxqv wkjh", "--json").json
    assert unknown["sources"] == []


def test_a_second_up_finds_nothing_to_do_and_touches_nothing(running: Suite) -> None:
    before = {name: one["pid"] for name, one in running.services().items()}
    again = running.run("up", "--phase", "2", "--demo", "--json")
    assert again.code == 0
    assert again.json["changed"] is False
    assert again.json["plan"] == []
    assert {name: one["pid"] for name, one in running.services().items()} == before


def test_chat_goes_on_when_its_server_is_killed_and_comes_back_to_it(running: Suite) -> None:
    client = _client(running)
    assert CHAT_SAYS in _ask(client)
    kill(running.services()["inference-chat"]["pid"])
    # Not one request is lost, whoever answers.
    assert all(CHAT_SAYS in (text := _ask(client)) or CODE_SAYS in text for _ in range(10))
    wait_for(lambda: running.services()["inference-chat"]["health"] == "healthy")
    wait_for(lambda: CHAT_SAYS in _ask(client))
    assert running.services()["inference-chat"]["restarts"] == 1


def test_while_the_chat_server_hangs_the_code_server_answers_and_it_is_started_again(running: Suite) -> None:
    line = _curl(running)
    hung = running.services()["inference-chat"]["pid"]
    psutil.Process(hung).suspend()
    # Nobody resumes it: what gives no answer is ended, and its requests move to the other server.
    wait_for(lambda: CODE_SAYS in running.shell(f"timeout 5 {line} || true").out, seconds=60)
    wait_for(lambda: CHAT_SAYS in running.shell(line).out)
    assert running.services()["inference-chat"]["pid"] != hung


def test_an_unmodified_qdrant_client_works(running: Suite) -> None:
    key = (running.state / "secrets" / "service_key").read_text()
    url = f"http://127.0.0.1:{running.ports['QDRANT_PORT']}"
    with pytest.warns(UserWarning, match="insecure connection"):
        client = QdrantClient(url=url, api_key=key, check_compatibility=False)
    vectors = models.VectorParams(size=4, distance=models.Distance.COSINE)
    client.create_collection("probe", vectors_config=vectors)
    client.upsert("probe", [models.PointStruct(id=1, vector=[1, 0, 0, 0], payload={"lang": "ko"})])
    found = client.query_points("probe", query=[0.9, 0.1, 0, 0], limit=1).points
    assert [point.id for point in found] == [1]
    client.delete_collection("probe")
    client.close()


def test_embeddings_come_in_the_openai_form(running: Suite) -> None:
    key = (running.state / "secrets" / "service_key").read_text()
    client = openai.OpenAI(base_url=f"http://127.0.0.1:{running.ports['EMBEDDING_PORT']}/v1", api_key=key)
    answer = client.embeddings.create(model="hash-384", input=["스택은", "스택을"])
    assert [len(one.embedding) for one in answer.data] == [384, 384]


@pytest.mark.parametrize(
    ("variable", "path"),
    [
        ("API_GATEWAY_PORT", "/v1/models"),
        ("INFERENCE_PORT", "/v1/models"),
        ("INFERENCE_CODE_PORT", "/props"),
        ("RAG_PORT", "/collections"),
        ("EMBEDDING_PORT", "/models"),
        ("QDRANT_PORT", "/collections"),
        ("RAG_PORT", "/metrics"),
    ],
)
def test_every_port_asks_for_a_key(running: Suite, variable: str, path: str) -> None:
    url = f"http://127.0.0.1:{running.ports[variable]}{path}"
    assert httpx.get(url).status_code == 401
    assert httpx.get(url, headers={"Authorization": "Bearer wrong"}).status_code in {400, 401, 403}


def test_every_listener_is_on_loopback(running: Suite) -> None:
    pids = {process.pid for process in running.processes()}
    listeners = [one for one in psutil.net_connections("inet") if one.pid in pids and one.status == "LISTEN"]
    assert {one.laddr.ip for one in listeners} == {"127.0.0.1"}
    assert {str(one.laddr.port) for one in listeners} == {running.ports[name] for name in PORTS}


def test_secrets_stand_in_no_argument_list_no_log_and_no_rendered_file(running: Suite) -> None:
    secrets = [path.read_text().split()[-1] for path in (running.state / "secrets").iterdir()]
    forms = [text for key in secrets for text in (key, base64.b64encode(key.encode()).decode())]
    arguments = [word for process in running.processes() for word in process.cmdline()]
    assert not [word for word in arguments for form in forms if form in word]
    texts = {
        p: p.read_text(errors="replace") for p in running.state.rglob("*") if p.is_file() and p.stat().st_size < 2**20
    }
    leaks = [str(p) for p, text in texts.items() for form in forms if form in text and p.parent.name != "secrets"]
    assert leaks == []
    for words in (("status", "--json"), ("env", "--json"), ("up", "--demo", "--json"), ("config", "show", "--demo")):
        printed = running.run(*words).out
        assert not [form for form in forms if form in printed]


def test_what_lies_in_the_project_folder_is_for_its_owner_alone(running: Suite) -> None:
    for path in [running.state, *running.state.rglob("*")]:
        if not path.is_symlink() and "demo-models" not in path.parts:
            assert path.stat().st_mode & 0o077 == 0, path


def test_logs_shows_a_service_and_follows_it(running: Suite) -> None:
    assert running.run("logs", "api-gateway", "-n", "5").out.strip()
    follower = running.start("logs", "rag", "--follow", "-n", "0")
    try:
        time.sleep(1)
        httpx.get(f"http://127.0.0.1:{running.ports['RAG_PORT']}/collections")
        assert follower.stdout is not None
        os.set_blocking(follower.stdout.fileno(), True)
        assert "/collections" in follower.stdout.readline()
    finally:
        follower.terminate()
        follower.communicate(timeout=10)
    wrong = running.run("logs", "ragg")
    assert wrong.code == 2
    assert "aisuite logs rag" in wrong.err
