"""Looking around in collections, and deleting."""

from __future__ import annotations

from tests.services.rag.harness import Stack

GUIDE = {"source": "guide/시작 하기.md", "text": "# 시작\n설치합니다.\n# 끝\n지웁니다."}
NOTE = {"id": "note", "text": "메모입니다."}


def test_a_collection_tells_its_documents_its_chunks_and_its_model(stack: Stack) -> None:
    stack.index(GUIDE, NOTE)
    summary = {"name": "docs", "documents": 2, "chunks": 3, "embedding_model": "hash-384", "dim": 384}
    assert stack.client.get("/collections/docs").json() == summary
    assert stack.client.get("/collections").json() == {"collections": [summary]}


def test_documents_are_listed_by_id_in_pages(stack: Stack) -> None:
    stack.index(NOTE, GUIDE)
    listed = stack.client.get("/collections/docs/documents").json()
    assert [(one["document_id"], one["title"], one["chunks"]) for one in listed["documents"]] == [
        ("guide/시작 하기.md", "시작", 2),
        ("note", "note", 1),
    ]
    page = stack.client.get("/collections/docs/documents", params={"offset": 1, "limit": 1}).json()
    assert page == {"documents": listed["documents"][1:], "total": 2}


def test_a_document_is_deleted_with_all_its_chunks(stack: Stack) -> None:
    stack.index(GUIDE, NOTE)
    response = stack.client.delete("/collections/docs/documents/guide/시작 하기.md")
    assert response.json() == {"deleted": {"document_id": GUIDE["source"], "chunks": 2}}
    assert stack.client.get("/collections/docs").json()["chunks"] == 1
    assert GUIDE["source"] not in {hit["document_id"] for hit in stack.retrieve("시작 설치합니다")}
    assert stack.client.delete("/collections/docs/documents/guide/시작 하기.md").status_code == 404


def test_a_deleted_document_can_be_indexed_again(stack: Stack) -> None:
    stack.index(NOTE)
    stack.client.delete("/collections/docs/documents/note")
    assert stack.index(NOTE)["chunks"] == 1


def test_a_collection_is_deleted_whole(stack: Stack) -> None:
    stack.index(NOTE)
    assert stack.client.delete("/collections/docs").json()["deleted"]["chunks"] == 1
    for response in (
        stack.client.get("/collections/docs"),
        stack.client.delete("/collections/docs"),
        stack.client.get("/collections/docs/documents"),
    ):
        assert response.status_code == 404
        assert response.json()["error"]["code"] == "no_such_collection"


def test_a_name_that_is_no_collection_name_is_refused(stack: Stack) -> None:
    assert stack.client.get("/collections/..%2Fdocs").status_code in (404, 422)
    assert stack.client.get("/collections/a%20b").status_code == 422


def test_a_collection_may_have_a_korean_name(stack: Stack) -> None:
    stack.index(NOTE, collection="회사_문서")
    assert stack.client.get("/collections/회사_문서").json()["documents"] == 1
    assert stack.retrieve("메모", "회사_문서")[0]["document_id"] == "note"
