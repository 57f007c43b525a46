"""What callers of the RAG service send."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, FiniteFloat, StrictBool, StrictInt, model_validator

from aisuite.services.rag.documents import Document
from aisuite.services.rag.retriever import Method
from aisuite.services.rag.store import Filter, all_of
from aisuite.services.rag.text import Text

COLLECTION_PATTERN = r"^\w[\w.-]{0,99}$"
_QUESTION_CHARS = 8000
_DOCUMENTS = 1000

CollectionName = Annotated[Text, Field(pattern=COLLECTION_PATTERN)]
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


class SearchFilter(_Request):
    """Which documents may be found; a list means any of its values."""

    document_id: DocumentId | list[DocumentId] | None = None
    source: DocumentId | list[DocumentId] | None = None
    metadata: dict[MetadataKey, Text | StrictBool | StrictInt | list[Text] | list[StrictInt]] = {}

    def as_filter(self) -> Filter:
        """Give the filter as the store takes it."""
        given = {"document_id": self.document_id, "source": self.source}
        fields = {key: value for key, value in given.items() if value is not None}
        return all_of(**fields, **{f"metadata.{key}": value for key, value in self.metadata.items()})


class RetrieveRequest(_Request):
    """A search without an answer."""

    query: Annotated[Text, Field(min_length=1, max_length=_QUESTION_CHARS, pattern=r"\S")]
    collection: CollectionName
    topk: Annotated[int, Field(ge=1, le=50)] | None = None
    method: Method = "hybrid"
    filter: SearchFilter = SearchFilter()


class QueryRequest(RetrieveRequest):
    """A question to answer from documents."""

    stream: bool = False
    model: Annotated[Text, Field(min_length=1, max_length=200)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
