"""What callers of the RAG service send."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    StrictBool,
    StrictInt,
    model_validator,
)

from aisuite.services.rag.documents import Document
from aisuite.services.rag.question import Question, Turn
from aisuite.services.rag.retriever import Method, Search
from aisuite.services.rag.store import Filter, all_of
from aisuite.services.rag.text import Text

COLLECTION_PATTERN = r"^\w[\w.-]{0,99}$"
_QUESTION_CHARS = 8000
_DOCUMENTS = 1000
_NAME_BYTES = 170  # the store takes 200, and what stands behind the name is longer


def check_name(name: str) -> str:
    """Refuse a collection's name that the store would not take. Raises `ValueError`."""
    if len(name.encode()) > _NAME_BYTES:
        raise ValueError(f"is longer than {_NAME_BYTES} bytes")
    return name


CollectionName = Annotated[Text, Field(pattern=COLLECTION_PATTERN), AfterValidator(check_name)]
DocumentId = Annotated[Text, Field(min_length=1, max_length=1024)]
Scalar = Text | StrictBool | Annotated[StrictInt, Field(ge=-(2**63), lt=2**63)] | FiniteFloat | None
MetadataKey = Annotated[Text, Field(pattern=r"^[\w-]{1,64}$")]
Metadata = Annotated[dict[MetadataKey, Scalar | list[Scalar]], Field(max_length=64)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class GivenDocument(_Request):
    """A document in the request itself."""

    text: Text
    id: DocumentId | None = None
    source: DocumentId | None = Field(default=None, validation_alias=AliasChoices("source", "path"))
    title: Annotated[Text, Field(min_length=1, max_length=500)] | None = None
    metadata: Metadata = {}

    def as_document(self) -> Document:
        """Give the document as the indexer takes it."""
        return Document(self.text, self.id, self.source, self.title, self.metadata)


class IndexRequest(_Request):
    """Documents to index: in the request, below RAG_DOCUMENTS_DIR, or both."""

    collection: CollectionName
    documents: list[GivenDocument] = Field(default=[], max_length=_DOCUMENTS)
    path: Annotated[Text, Field(min_length=1, max_length=4096)] | None = None

    @model_validator(mode="after")
    def _check_not_empty(self) -> Self:
        if not self.documents and self.path is None:
            raise ValueError("send documents, or a path below RAG_DOCUMENTS_DIR")
        return self


class Range(_Request):
    """Numbers within bounds."""

    gt: FiniteFloat | None = None
    gte: FiniteFloat | None = None
    lt: FiniteFloat | None = None
    lte: FiniteFloat | None = None


Wanted = Text | StrictBool | StrictInt | list[Text] | list[StrictInt] | Range


class Fields(_Request):
    """Properties of documents; a list means any of its values."""

    document_id: DocumentId | list[DocumentId] | None = None
    source: DocumentId | list[DocumentId] | None = None
    language: Literal["ko", "en", "und"] | None = None
    metadata: dict[MetadataKey, Wanted] = {}

    def as_filter(self) -> Filter:
        """Give the filter as the store takes it."""
        given = {"document_id": self.document_id, "source": self.source, "language": self.language}
        fields: dict[str, object] = {key: value for key, value in given.items() if value is not None}
        for key, value in self.metadata.items():
            wanted = value.model_dump(exclude_none=True) if isinstance(value, Range) else value
            fields[f"metadata.{key}"] = wanted
        return all_of(**fields)


class SearchFilter(Fields):
    """Which documents may be found: those with all of these properties, and none of the excluded ones."""

    exclude: Fields | None = None

    def as_filter(self) -> Filter:
        """Give the filter as the store takes it."""
        excluded = self.exclude.as_filter()["must"] if self.exclude else []
        return super().as_filter() | ({"must_not": excluded} if excluded else {})


class SearchRequest(_Request):
    """What is searched for."""

    query: Annotated[Text, Field(min_length=1, max_length=_QUESTION_CHARS, pattern=r"\S")]
    collection: CollectionName
    topk: Annotated[int, Field(ge=1, le=50)] | None = None
    method: Method = "hybrid"
    filter: SearchFilter = SearchFilter()
    diversity: Annotated[float, Field(ge=0, le=1, description="0: the best; 1: the most unlike each other.")] = 0
    rerank: Annotated[bool | None, Field(description="null: if there is a reranker.")] = None

    def as_search(self, topk: int) -> Search:
        """Give the search, with `topk` where none is asked for."""
        return Search(
            self.collection,
            self.query,
            self.topk or topk,
            self.filter.as_filter(),
            self.method,
            self.diversity,
            self.rerank,
        )


class RetrieveRequest(SearchRequest):
    """A search without an answer."""

    judge: Annotated[bool, Field(description="Tell, too, whether /query would answer from what is found.")] = False


class GivenTurn(_Request):
    """Something said before."""

    role: Literal["user", "assistant"]
    content: Annotated[Text, Field(min_length=1, max_length=_QUESTION_CHARS)]


class QueryRequest(SearchRequest):
    """A question to answer from documents."""

    stream: bool = False
    model: Annotated[Text, Field(min_length=1, max_length=200)] | None = None
    max_tokens: Annotated[int, Field(ge=1, le=2**20)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    history: Annotated[list[GivenTurn], Field(max_length=50, description="The conversation so far.")] = []
    cache: Annotated[bool, Field(description="false: answer anew, and keep that answer.")] = True

    def as_question(self, topk: int) -> Question:
        """Give the question, with `topk` where none is asked for."""
        history = tuple(Turn(turn.role, turn.content) for turn in self.history)
        return Question(self.as_search(topk), self.model, self.max_tokens, self.temperature, history)
