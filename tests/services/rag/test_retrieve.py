"""What a search finds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from httpx import ConnectError
from starlette.responses import JSONResponse

from aisuite.services.embedding.hashing import HashBackend
from aisuite.services.rag.app import EMBEDDING
from tests.services.rag.harness import Stack

DOCS = Path(__file__).parents[3] / "docs"
KOREAN = [
    ("세탁기 필터는 한 달에 한 번 꺼내어 흐르는 물에 씻습니다.", "세탁기 필터를 얼마나 자주 청소하나요?"),
    ("화분의 몬스테라는 겉흙이 마르면 물을 듬뿍 줍니다.", "몬스테라에 물은 언제 주나요?"),
    ("자전거 타이어의 공기압은 여름에 조금 낮추는 편이 좋다.", "여름철 타이어 공기압은 어떻게 해요?"),
    ("도서관은 매주 월요일에 쉬고 주말에는 다섯 시에 닫는다.", "도서관이 쉬는 요일"),
    ("김치찌개는 묵은지를 먼저 기름에 볶아야 맛이 깊어져요.", "김치찌개를 맛있게 끓이려면 묵은지를 어떻게 하죠?"),
    ("여권을 다시 만들 때는 사진 한 장과 신분증이 필요합니다.", "여권 재발급에 필요한 사진은 몇 장?"),
    ("강아지 예방접종은 생후 여섯 주부터 시작해 다섯 번 맞힙니다.", "강아지의 예방접종을 시작하는 시기"),
    ("지하철 막차는 평일 기준으로 자정 무렵에 종점을 떠난다.", "막차가 종점에서 떠나는 시각이 궁금해요"),
    ("겨울 산행에는 아이젠과 여벌 장갑을 꼭 챙겨야 합니다.", "겨울에 산행하려면 무엇을 챙기나요?"),
    ("전세 계약서는 확정일자를 받아 두어야 보증금이 보호된다.", "보증금을 보호받는 방법은 확정일자인가요?"),
]


def sumprod(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("min_score", [0.12, 1.0], ids=["words and vectors", "words alone"])
def test_korean_questions_find_their_document_first(make_stack: Callable[..., Stack], min_score: float) -> None:
    stack = make_stack(rag_min_score=min_score)
    stack.index(*({"id": str(number), "text": text} for number, (text, _) in enumerate(KOREAN)))
    first = [stack.retrieve(question)[0]["document_id"] for _, question in KOREAN]
    right = [found == str(number) for number, found in enumerate(first)]
    assert sum(right) >= 9, first


def test_vectors_alone_find_most_korean_documents() -> None:
    documents = HashBackend().embed([text for text, _ in KOREAN]).vectors
    questions = HashBackend().embed([question for _, question in KOREAN]).vectors
    likeness = [[sumprod(asked, stored) for stored in documents] for asked in questions]
    first = [row.index(max(row)) for row in likeness]
    assert sum(found == number for number, found in enumerate(first)) >= 9, first


def test_english_and_korean_live_in_one_collection(stack: Stack) -> None:
    stack.index(
        {"id": "en", "text": "The gateway listens on port 8000 and forwards chat requests."},
        {"id": "ko", "text": "게이트웨이는 8000번 포트에서 채팅 요청을 전달합니다."},
    )
    assert stack.retrieve("Where do chat requests go?")[0]["document_id"] == "en"
    assert stack.retrieve("채팅 요청은 어디로 가나요?")[0]["document_id"] == "ko"


@pytest.mark.parametrize("question", ["failover는 어떻게 동작하나요?", "How does failover work?"])
def test_of_our_own_pages_the_one_about_the_matter_comes_first(stack: Stack, question: str) -> None:
    pages = ["explanation/failover.md", "ko/quickstart.md", "index.md", "ops/backup.md"]
    stack.index(*({"id": page, "text": (DOCS / page).read_text(encoding="utf-8")} for page in pages))
    assert stack.retrieve(question)[0]["document_id"] == "explanation/failover.md"


def test_an_unrelated_question_finds_nothing(stack: Stack) -> None:
    stack.index({"id": "a", "text": "고양이가 매트 위에 앉아 있습니다."})
    assert stack.retrieve("quarterly revenue forecast") == []


def test_no_more_than_topk_hits_come_back_best_first(stack: Stack) -> None:
    stack.index(*({"id": str(number), "text": f"고래 이야기 {number}"} for number in range(8)))
    hits = stack.retrieve("고래 이야기", topk=3)
    assert len(hits) == 3
    assert [hit["score"] for hit in hits] == sorted((hit["score"] for hit in hits), reverse=True)


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        ({"document_id": "a"}, {"a"}),
        ({"source": ["a.md", "c.md"]}, {"a", "c"}),
        ({"metadata": {"year": 2025}}, {"b", "c"}),
        ({"metadata": {"year": 2025, "tags": "x"}}, {"b"}),
        ({"metadata": {"draft": True}}, {"c"}),
        ({"document_id": "missing"}, set()),
    ],
)
def test_a_filter_narrows_both_halves_of_the_search(stack: Stack, chosen: dict[str, object], found: set[str]) -> None:
    stack.index(
        {"id": "a", "source": "a.md", "text": "고래 이야기 하나", "metadata": {"year": 2024, "tags": ["x"]}},
        {"id": "b", "source": "b.md", "text": "고래 이야기 둘", "metadata": {"year": 2025, "tags": ["x", "y"]}},
        {"id": "c", "source": "c.md", "text": "고래 이야기 셋", "metadata": {"year": 2025, "draft": True}},
    )
    assert {hit["document_id"] for hit in stack.retrieve("고래 이야기", filter=chosen)} == found


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        ({"metadata": {"year": {"gte": 2025}}}, {"b", "c"}),
        ({"metadata": {"year": {"gt": 2023, "lt": 2025}}}, {"a"}),
        ({"exclude": {"document_id": ["a", "b"]}}, {"c"}),
        ({"language": "en"}, {"c"}),
        ({"exclude": {"language": "ko"}, "metadata": {"year": 2025}}, {"c"}),
    ],
)
def test_a_filter_takes_ranges_languages_and_exceptions(
    stack: Stack, chosen: dict[str, object], found: set[str]
) -> None:
    stack.index(
        {"id": "a", "text": "고래 whale 이야기", "metadata": {"year": 2024}},
        {"id": "b", "text": "고래 whale 이야기", "metadata": {"year": 2025}},
        {"id": "c", "text": "A whale of a tale", "metadata": {"year": 2025}},
    )
    assert {hit["document_id"] for hit in stack.retrieve("고래 whale", filter=chosen)} == found


def test_a_chunk_that_shares_hardly_a_word_with_the_question_is_not_found(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(rag_min_words=0.4, rag_min_score=1)
    stack.index({"id": "a", "text": "The gateway listens on port 8000."})
    assert stack.retrieve("gateway port") != []
    assert stack.retrieve("Which harbour master grants a port licence?") == []


def test_copies_make_room_for_others_where_diversity_is_asked_for(stack: Stack) -> None:
    same = "고래는 바다에 사는 큰 짐승입니다."
    stack.index(
        {"id": "a", "text": same},
        {"id": "b", "text": same + " "},
        {"id": "c", "text": "고래 박물관은 월요일에 쉽니다."},
    )
    assert {hit["document_id"] for hit in stack.retrieve("고래는 바다에 사나요", topk=2)} == {"a", "b"}
    diverse = {hit["document_id"] for hit in stack.retrieve("고래는 바다에 사나요", topk=2, diversity=0.8)}
    assert "c" in diverse


def test_a_reranker_has_the_last_word_and_is_missed_without_harm(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(reranker_url="http://reranker:8006")
    stack.index({"id": "a", "text": "고래 고래 고래 이야기"}, {"id": "b", "text": "고래 박물관"})
    for word, first in [("박물관", "b"), ("이야기", "a"), (None, "a")]:
        stack.rerank_by(word)
        assert stack.retrieve("고래 이야기")[0]["document_id"] == first
    stack.rerank_by("박물관")
    assert stack.retrieve("고래 이야기", rerank=False)[0]["document_id"] == "a"


def test_a_search_says_whether_the_reranker_ordered_it(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(reranker_url="http://reranker:8006")
    stack.index({"id": "a", "text": "고래 고래 고래 이야기"}, {"id": "b", "text": "고래 박물관"})
    body = {"query": "고래 이야기", "collection": "docs"}

    def said(path: str, **more: object) -> bool | None:
        answer = stack.client.post(path, json=body | more)
        assert answer.status_code == 200, answer.text
        reranked: bool | None = answer.json()["reranked"]
        return reranked

    stack.rerank_by(None)
    assert (said("/retrieve"), said("/query"), said("/retrieve", rerank=False)) == (False, False, None)
    stack.rerank_by("박물관")
    # What was answered without it is not kept for when it is back.
    assert (said("/retrieve"), said("/query")) == (True, True)
    events = stack.client.post("/query", json=body | {"stream": True, "cache": False}).text
    assert '"reranked":true' in events.replace(" ", "")


def test_a_reranker_that_is_not_there_cannot_be_asked_for(stack: Stack) -> None:
    stack.index({"id": "a", "text": "고래"})
    body = {"query": "고래", "collection": "docs", "rerank": True}
    response = stack.client.post("/retrieve", json=body)
    assert (response.status_code, response.json()["error"]["param"]) == (422, "rerank")


@pytest.mark.parametrize("method", ["dense", "sparse", "hybrid"])
def test_a_search_can_be_held_to_one_method(stack: Stack, method: str) -> None:
    stack.index({"id": "a", "text": "고래는 바다에 산다"}, {"id": "b", "text": "참새는 처마에 산다"})
    assert stack.retrieve("고래는 어디에 사나요?", method=method)[0]["document_id"] == "a"


def test_a_search_of_everything_asks_for_no_filter(stack: Stack) -> None:
    stack.index({"text": "고래 whale"})
    assert stack.retrieve("whale")
    searches = json.loads(stack.wires["qdrant"].requests[-1].content)["searches"]
    assert [one["using"] for one in searches] == ["dense", "sparse"]
    assert all("filter" not in one for one in searches)


def test_a_search_by_words_needs_no_embedding(stack: Stack) -> None:
    stack.index({"id": "a", "text": "고래 이야기"})
    stack.wires[EMBEDDING].failure = ConnectError("no route")
    assert stack.retrieve("고래", method="sparse")[0]["document_id"] == "a"
    assert stack.retrieve("참새", method="sparse") == []
    assert stack.retrieve("???", method="sparse") == []


def test_a_search_by_meaning_ignores_words(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(rag_min_score=1.0)
    stack.index({"id": "a", "text": "고래 이야기"})
    assert stack.retrieve("고래", method="dense") == []
    assert stack.retrieve("고래", method="hybrid")[0]["document_id"] == "a"


def test_a_question_of_signs_alone_is_searched_too(stack: Stack) -> None:
    stack.index({"id": "a", "text": "고양이"})
    assert isinstance(stack.retrieve("???"), list)


def test_a_question_that_the_model_does_not_take_is_the_callers_to_change(stack: Stack) -> None:
    stack.index({"id": "a", "text": "고양이"})
    refusal = JSONResponse({"error": {"message": "texts[0] has 9 characters"}}, status_code=422)
    stack.wires[EMBEDDING].app = refusal
    response = stack.client.post("/retrieve", json={"query": "고양이", "collection": "docs"})
    assert response.status_code == 422
    assert response.json()["error"]["param"] == "query"
    assert "texts[0] has 9 characters" in response.json()["error"]["message"]


def test_an_unknown_collection_is_not_found(stack: Stack) -> None:
    response = stack.client.post("/retrieve", json={"query": "a", "collection": "none"})
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "no_such_collection"


@pytest.mark.parametrize(
    "change",
    [
        {"query": ""},
        {"query": "  "},
        {"topk": 0},
        {"topk": 51},
        {"filter": {"x": 1}},
        {"query": "a" * 8001},
        {"top_k": 3},
        {"method": "magic"},
    ],
)
def test_a_malformed_search_is_refused(stack: Stack, change: dict[str, object]) -> None:
    body = {"query": "고양이", "collection": "docs", **change}
    assert stack.client.post("/retrieve", json=body).status_code == 422
