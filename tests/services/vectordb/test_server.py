"""The real server, driven over HTTP by an unmodified qdrant-client."""

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import UUID, uuid5

import httpx
import pytest
import qdrant_client
from qdrant_client import models
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from tests.free_ports import free_port

pytestmark = [
    pytest.mark.process,
    # The client's advice about TLS: the server listens on this machine only.
    pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection:UserWarning"),
]

KEY = "a-key-for-tests"


class Server:
    """The server as a process on a free port."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.port = free_port()
        key_file = folder / "key"
        key_file.write_text(KEY)
        self._environment = {
            "PATH": os.environ["PATH"],
            "SERVICE_API_KEY_FILE": str(key_file),
            "VECTORDB_DATA_DIR": str(self.data),
            "VECTORDB_MIN_FREE_MIB": "1",
        }
        self._log = folder / "log"
        self.process = self.launch(self.port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def launch(self, port: int) -> "subprocess.Popen[str]":
        with self._log.open("a") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "aisuite.services.vectordb"],
                env=self._environment | {"SERVICE_PORT": str(port)},
                stdout=log,
                stderr=subprocess.PIPE,
                text=True,
            )

    def wait_until_ready(self) -> None:
        while not self._is_ready():
            assert self.process.poll() is None, self._log.read_text()
            time.sleep(0.02)

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz").status_code == 200
        except httpx.ConnectError:
            return False

    def restart_after(self, signal_number: int) -> int:
        code = self.end(signal_number)
        self.process = self.launch(self.port)
        self.wait_until_ready()
        return code

    def end(self, signal_number: int) -> int:
        self.process.send_signal(signal_number)
        self.process.communicate(timeout=30)
        return self.process.returncode


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("server"))
    server.wait_until_ready()
    yield server
    server.end(signal.SIGKILL)


@pytest.fixture
def client(server: Server) -> Iterator[Any]:
    client = qdrant_client.QdrantClient(url=server.url, api_key=KEY)
    yield client
    client.close()


@pytest.fixture
def books(client: Any) -> Iterator[str]:
    """Six books with dense and sparse vectors."""
    name = "책 books"
    client.create_collection(
        name,
        vectors_config={"d": models.VectorParams(size=2, distance=models.Distance.COSINE)},
        sparse_vectors_config={"s": models.SparseVectorParams(modifier=models.Modifier.IDF)},
    )
    points = [
        models.PointStruct(
            id=number if number % 2 else str(book_id(number)),
            vector={"d": [6 - number, number], "s": models.SparseVector(indices=[number % 3], values=[1.0])},
            payload={"number": number, "author": f"a{number % 2}", "lent": number > 3},
        )
        for number in range(6)
    ]
    client.upsert(name, points, wait=True)
    yield name
    client.delete_collection(name)


def book_id(number: int) -> UUID:
    return uuid5(UUID(int=0), str(number))


def numbers(points: Any) -> list[int]:
    return [point.payload["number"] for point in points]


def field(key: str, value: Any) -> Any:
    return models.Filter(must=[models.FieldCondition(key=key, match=models.MatchValue(value=value))])


def refused(call: Callable[[], Any]) -> tuple[int, str]:
    with pytest.raises(UnexpectedResponse) as caught:
        call()
    return caught.value.status_code, caught.value.content.decode()


def test_the_client_accepts_the_version(client: Any) -> None:
    assert "embedded" in client.info().version


def test_the_client_reads_the_collection(client: Any, books: str) -> None:
    info = client.get_collection(books)
    assert (info.status, info.points_count) == (models.CollectionStatus.GREEN, 6)
    assert info.config.params.sparse_vectors["s"].modifier == models.Modifier.IDF
    assert client.collection_exists(books)
    assert books in [collection.name for collection in client.get_collections().collections]
    assert refused(lambda: client.create_collection(books, models.VectorParams(size=1, distance="Dot")))[0] == 409
    assert refused(lambda: client.get_collection("nowhere"))[0] == 404


def test_the_client_searches(client: Any, books: str) -> None:
    sparse = models.SparseVector(indices=[2], values=[1.0])
    assert numbers(client.query_points(books, query=[0, 1], using="d", limit=2).points) == [5, 4]
    assert sorted(numbers(client.query_points(books, query=sparse, using="s").points)) == [2, 5]
    assert numbers(client.query_points(books, query=5, using="d", limit=1).points) == [4]
    lent = client.query_points(books, query=[1, 0], using="d", query_filter=field("lent", True)).points
    assert numbers(lent) == [4, 5]
    fused = client.query_points(
        books,
        prefetch=[
            models.Prefetch(query=[0, 1], using="d", limit=3),
            models.Prefetch(query=sparse, using="s", limit=3),
        ],
        query=models.FusionQuery(fusion=models.Fusion.RRF),
        with_payload=models.PayloadSelectorExclude(exclude=["author"]),
        with_vectors=["d"],
    ).points
    assert fused[0].payload == {"number": 5, "lent": True}
    assert fused[0].vector.keys() == {"d"}
    requests = [models.QueryRequest(query=[0, 1], using="d", limit=limit, with_payload=True) for limit in (1, 2)]
    assert [numbers(found.points) for found in client.query_batch_points(books, requests)] == [[5], [5, 4]]
    groups = client.query_points_groups(books, "author", query=[0, 1], using="d", group_size=1).groups
    assert [(group.id, numbers(group.hits)) for group in groups] == [("a1", [5]), ("a0", [4])]


def test_the_client_scrolls_counts_and_retrieves(client: Any, books: str) -> None:
    seen, offset = [], None
    while True:
        page, offset = client.scroll(books, limit=4, offset=offset)
        seen += numbers(page)
        if offset is None:
            break
    assert sorted(seen) == [0, 1, 2, 3, 4, 5]
    assert client.count(books, field("author", "a1")).count == 3
    (found,) = client.retrieve(books, [str(book_id(4)), 77], with_vectors=True)
    assert found.vector["s"] == models.SparseVector(indices=[1], values=[1.0])
    client.create_payload_index(books, "number", models.PayloadSchemaType.INTEGER)
    client.create_payload_index(books, "author", models.KeywordIndexParams(type="keyword", is_tenant=True))
    ordered, _ = client.scroll(books, order_by=models.OrderBy(key="number", direction="desc"), limit=2)
    assert numbers(ordered) == [5, 4]
    assert sorted((hit.value, hit.count) for hit in client.facet(books, "author").hits) == [("a0", 3), ("a1", 3)]
    assert client.get_collection(books).payload_schema["author"].params.is_tenant is True
    client.delete_payload_index(books, "author")


def test_the_client_changes_points(client: Any, books: str) -> None:
    client.set_payload(books, {"read": True}, points=[1, 3])
    client.overwrite_payload(books, {"number": 3}, points=[3])
    client.delete_payload(books, ["lent"], points=field("read", True))
    assert [record.payload for record in client.retrieve(books, [1, 3])] == [
        {"number": 1, "author": "a1", "read": True},
        {"number": 3},
    ]
    client.update_vectors(books, [models.PointVectors(id=1, vector={"d": [0, 9]})])
    client.delete_vectors(books, ["s"], points=[1])
    assert client.retrieve(books, [1], with_vectors=True)[0].vector == {"d": pytest.approx([0, 1])}
    client.batch_update_points(
        books,
        [
            models.ClearPayloadOperation(clear_payload=models.PointIdsList(points=[1])),
            models.DeleteOperation(delete=models.PointIdsList(points=[3])),
        ],
    )
    client.delete(books, field("number", 5))
    batch = models.Batch(ids=[9], vectors={"d": [[1, 1]]}, payloads=[{"number": 9}])
    client.upsert(books, batch)
    assert client.count(books).count == 5
    assert refused(lambda: client.upsert(books, models.Batch(ids=[9], vectors={"d": [[1]]})))[0] == 400
    assert refused(lambda: client.set_payload(books, {"a": 1}, points=[404]))[0] == 404


def test_the_client_moves_aliases(client: Any, books: str) -> None:
    create = models.CreateAlias(collection_name=books, alias_name="live")
    rename = models.RenameAlias(old_alias_name="live", new_alias_name="current")
    client.update_collection_aliases([models.CreateAliasOperation(create_alias=create)])
    client.update_collection_aliases([models.RenameAliasOperation(rename_alias=rename)])
    assert client.count("current").count == 6
    assert [alias.alias_name for alias in client.get_collection_aliases(books).aliases] == ["current"]
    delete = models.DeleteAlias(alias_name="current")
    client.update_collection_aliases([models.DeleteAliasOperation(delete_alias=delete)])
    assert client.get_aliases().aliases == []


def test_the_client_goes_back_to_a_snapshot(client: Any, books: str, server: Server) -> None:
    snapshot = client.create_snapshot(books)
    client.delete(books, models.FilterSelector(filter=field("author", "a1")))
    assert client.count(books).count == 3
    assert client.recover_snapshot(books, snapshot.name, checksum=snapshot.checksum) is True
    assert client.count(books).count == 6
    assert [listed.name for listed in client.list_snapshots(books)] == [snapshot.name]
    assert client.delete_snapshot(books, snapshot.name) is True


def test_what_is_not_supported_is_said_to_the_client(client: Any, books: str) -> None:
    quantized = models.ScalarQuantization(scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8))
    vectors = models.VectorParams(size=2, distance="Dot")
    for call in (
        lambda: client.create_collection("q", vectors, quantization_config=quantized),
        lambda: client.create_collection("q", vectors, shard_number=2),
        client.create_full_snapshot,
    ):
        code, message = refused(call)
        assert code == 501
        assert "Not supported by the embedded store" in message


def test_a_wrong_key_is_refused(server: Server) -> None:
    client = qdrant_client.QdrantClient(url=server.url, api_key="wrong")
    assert refused(client.get_collections)[0] == 401
    client.close()


def write_until_killed(client: Any, server: Server) -> tuple[set[int], set[int]]:
    """Write and delete while the server is killed; give what stands, and what may or may not."""
    standing: set[int] = set()
    underway: set[int] = set()
    killer = Thread(target=server.process.send_signal, args=[signal.SIGKILL])
    try:
        for number in range(100_000):
            underway = {number}
            client.upsert("log", [models.PointStruct(id=number, vector=[number, 1], payload={"n": number})])
            standing.add(number)
            if number % 10 == 9:
                underway = {number - 5}
                client.delete("log", [number - 5])
                standing.remove(number - 5)
            if number == 60:
                killer.start()
    except ResponseHandlingException:
        killer.join()
    return standing - underway, underway


def test_a_killed_server_has_lost_nothing_it_had_acknowledged(server: Server, client: Any) -> None:
    client.create_collection("log", models.VectorParams(size=2, distance="Dot"))
    standing, underway = write_until_killed(client, server)
    assert server.restart_after(signal.SIGKILL) == -signal.SIGKILL
    records, _ = client.scroll("log", limit=100_000, with_vectors=True)
    found = {record.id: (record.payload["n"], record.vector[0]) for record in records}
    assert len(standing) > 50
    assert {number: found.get(number) for number in standing} == {number: (number, number) for number in standing}
    assert found.keys() - standing <= underway
    client.delete_collection("log")


def test_a_second_server_on_the_folder_is_refused_and_told_who_has_it(server: Server) -> None:
    second = server.launch(free_port())
    _, complaint = second.communicate(timeout=30)
    assert second.returncode == 1
    assert complaint == f"error: the data folder {server.data} is in use by process {server.process.pid}\n"


def test_the_data_is_its_owners_only(server: Server, client: Any, books: str) -> None:
    for path in [server.data, *server.data.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_a_stopped_server_exits_with_0_and_starts_with_its_data(server: Server, client: Any, books: str) -> None:
    assert server.restart_after(signal.SIGTERM) == 0
    assert client.count(books).count == 6
