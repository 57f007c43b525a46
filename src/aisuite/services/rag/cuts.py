"""Chunks of documents on their way to the store, and what is stored of each."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from aisuite.services.rag.chunking import Chunk, split_text
from aisuite.services.rag.fitting import Limit, fit_chunks
from aisuite.services.rag.language import name_language
from aisuite.services.rag.readers import PAGE_END
from aisuite.services.rag.readers.kinds import find_kind
from aisuite.services.rag.records import Stored, Version
from aisuite.services.rag.store import Payload
from aisuite.services.rag.structure import find_first_heading


@dataclass(frozen=True)
class Cut:
    """A chunk of a document, and the titles it stands under, as far as they are searched."""

    version: Version
    number: int
    titles: str
    payload: Payload

    @property
    def passage(self) -> str:
        """What is embedded."""
        return _passage(self.titles, self.payload["text"])


@dataclass(frozen=True)
class _Titles:
    """The titles before each chunk of a document."""

    title: str
    most_chars: int

    def above(self, chunk: Chunk) -> str:
        return _title_path(self.title, chunk.titles)[: self.most_chars]

    def show(self, chunk: Chunk) -> str:
        return _passage(self.above(chunk), chunk.text)


def cut_documents(
    versions: Iterable[Version], sizes: tuple[int, int], limit: Limit, done: list[Stored]
) -> Iterator[Cut]:
    """Cut documents one after the other, and note each in `done` once its last chunk is given.

    `sizes` are those of a chunk and of the overlap, in estimated tokens.
    """
    for version in versions:
        document = version.document
        source = document.source or version.id
        program = find_kind(source) == "code"
        title = document.title or (None if program else find_first_heading(document.text)) or source
        pages = _page_ends(document.text) if find_kind(source) == "pdf" else None
        titles = _Titles(title, limit.title_chars)
        chunks = split_text(document.text, *sizes, program=program)
        number = 0
        for number, chunk in enumerate(fit_chunks(chunks, titles.show, limit), 1):
            page = bisect_right(pages, chunk.start) + 1 if pages is not None else None
            payload = _payload(version, title, number - 1, page, chunk)
            yield Cut(version, number - 1, titles.above(chunk), payload)
        done.append(Stored(version, number, title))


def _page_ends(text: str) -> list[int]:
    return [at for at, letter in enumerate(text) if letter == PAGE_END]


def _passage(titles: str, text: str) -> str:
    """Give the text that is searched: a chunk under its titles, which its own words may not repeat."""
    return f"{titles}\n{text}"


def _title_path(title: str, titles: Sequence[str]) -> str:
    """Join a document's title and the headings of a chunk."""
    return " > ".join(titles if titles and titles[0] == title else [title, *titles])


def _payload(version: Version, title: str, number: int, page: int | None, chunk: Chunk) -> Payload:
    return {
        "document_id": version.id,
        "source": version.document.source,
        "title": title,
        "title_path": _title_path(title, chunk.titles),
        "metadata": version.document.metadata,
        "checksum": version.checksum,
        "chunk": number,
        "page": page,
        "language": name_language(chunk.text),
        "start": chunk.start,
        "end": chunk.end,
        "text": chunk.text,
    }
