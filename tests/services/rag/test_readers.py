"""What is read from files of every kind, and that none can stop the others."""

from __future__ import annotations

from io import BytesIO
from zipfile import ZipFile

import docx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader, PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from aisuite.services.rag.readers import Unreadable, read_text
from tests.services.rag.harness import Stack


def pdf(*pages: str) -> bytes:
    writer = PdfWriter()
    font = {"/Type": "/Font", "/Subtype": "/Type1", "/BaseFont": "/Helvetica"}
    fonts = DictionaryObject({NameObject("/F1"): _names(font)})
    for text in pages:
        page = writer.add_blank_page(200, 200)
        stream = DecodedStreamObject()
        stream.set_data(f"BT /F1 12 Tf 10 100 Td ({text}) Tj ET".encode())
        page[NameObject("/Contents")] = writer._add_object(stream)
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
    return _saved(writer)


def _names(values: dict[str, str]) -> DictionaryObject:
    return DictionaryObject({NameObject(key): NameObject(value) for key, value in values.items()})


def _saved(writer: PdfWriter) -> bytes:
    file = BytesIO()
    writer.write(file)
    return file.getvalue()


def word() -> bytes:
    document = docx.Document()
    document.add_heading("설치", 1)
    document.add_paragraph("문서를 설치합니다.")
    table = document.add_table(1, 2)
    table.cell(0, 0).text, table.cell(0, 1).text = "포트", "8002"
    document.add_paragraph("끝")
    file = BytesIO()
    document.save(file)
    return file.getvalue()


def outcome(name: str, content: bytes) -> str:
    try:
        return read_text(name, content)
    except Unreadable as err:
        return str(err)


PDF = pdf("first page", "second page")
WORD = word()


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("한글 문서입니다. 백업은 매일 합니다.", "cp949"),
        ("한글", "utf-16"),
        ("한글", "utf-8-sig"),
        ("가", "utf-32"),
        ("Grüße aus München, schöne Straße, größer", "latin-1"),
    ],
)
def test_text_is_read_in_the_encoding_it_was_written_in(text: str, encoding: str) -> None:
    assert read_text("a.txt", text.encode(encoding)) == text


def test_headings_and_code_of_rst_become_markdown_and_nothing_is_included() -> None:
    text = "Title\n=====\n\nText *here*.\n\n::\n\n   x = 1\n\nSub\n---\n\n- item\n\n.. include:: /etc/hostname\n"
    assert read_text("a.rst", text.encode()) == "# Title\n\nText here.\n\n```\nx = 1\n```\n\n## Sub\n\n- item"


def test_html_gives_what_a_reader_sees() -> None:
    page = (
        "<title>제목</title><style>p{}</style><nav>menu</nav><h2>위</h2>loose <i>text</i>"
        "<p>Hello <b>big</b> world<script>x</script></p><ul><li>one<li>two</ul>"
        "<table><tr><th>a</th><td>b</td></tr></table><pre>x\n  y</pre>"
    )
    blocks = read_text("a.html", page.encode()).split("\n\n")
    assert blocks == [
        "# 제목", "## 위", "loose text", "Hello big world", "- one", "- two", "a | b", "```\nx\n  y\n```",
    ]  # fmt: skip


def test_html_is_read_in_the_encoding_it_declares() -> None:
    page = '<meta charset="euc-kr"><p>한글</p>'
    assert read_text("a.htm", page.encode("euc-kr")) == "한글"


def test_the_pages_of_a_pdf_are_found_again_in_its_hits(stack: Stack) -> None:
    assert read_text("a.pdf", PDF).split("\f") == ["first page", "second page"]
    files = [("files", ("guide.pdf", pdf("first " * 100, "zebra crossing " * 100), "application/pdf"))]
    status = stack.client.post("/upload", data={"collection": "docs"}, files=files).json()
    assert (status["documents"], status["skipped"]) == (1, [])
    assert stack.retrieve("zebra")[0]["page"] == 2


def test_a_locked_pdf_and_one_without_text_say_so() -> None:
    writer = PdfWriter(clone_from=PdfReader(BytesIO(PDF)))
    writer.encrypt("secret", algorithm="RC4-128")
    with pytest.raises(Unreadable, match="password"):
        read_text("a.pdf", _saved(writer))
    with pytest.raises(Unreadable, match="no text"):
        read_text("a.pdf", pdf(""))


def test_headings_and_tables_of_a_word_document_keep_their_order() -> None:
    assert read_text("a.docx", WORD) == "# 설치\n\n문서를 설치합니다.\n\n포트 | 8002\n\n끝"


def test_a_word_document_that_unpacks_to_gigabytes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aisuite.services.rag.readers.docx._UNPACKED_AT_MOST", 2**20)
    file = BytesIO()
    with ZipFile(file, "w", compression=8) as archive:
        archive.writestr("word/document.xml", b" " * 2**21)
    with pytest.raises(Unreadable, match="unpacks to more"):
        read_text("a.docx", file.getvalue())


def test_rows_of_a_table_name_their_columns() -> None:
    text = "이름;나이\n김;3\n이;\n"
    assert read_text("a.csv", text.encode("cp949")) == "이름: 김; 나이: 3\n이름: 이"


def test_values_of_json_name_their_path_and_what_is_no_json_stays() -> None:
    assert read_text("a.json", b'{"a": [1, {"b": "c"}], "d": null}') == "a[0]: 1\na[1].b: c\nd: null"
    assert read_text("a.jsonl", b'{"a": 1}\n{"a": 2}\n') == "a: 1\n\na: 2"
    assert read_text("a.json", b"{ not json") == "{ not json"
    assert read_text("a.json", b"[" * 100_000) == "[" * 100_000


@pytest.mark.parametrize("name", ["a.exe", "a", "photo.png"])
def test_other_files_are_not_read(name: str) -> None:
    with pytest.raises(Unreadable, match="not read"):
        read_text(name, b"x")


@settings(deadline=None)  # the first example loads a library
@given(
    st.sampled_from(["md", "rst", "html", "pdf", "docx", "csv", "json", "py"]),
    st.sampled_from([b"", PDF, WORD, b"<p>x<table>", b"a,b\n1,2", b"A\n=\n\n.. x::\n"]),
    st.lists(st.tuples(st.integers(0, 4000), st.binary(min_size=1, max_size=4)), max_size=4),
)
def test_a_damaged_file_is_read_or_refused_and_never_more(
    suffix: str, content: bytes, damage: list[tuple[int, bytes]]
) -> None:
    for at, put in damage:
        content = content[:at] + put + content[at + len(put) :]
    assert isinstance(outcome(f"a.{suffix}", content), str)


def test_uploaded_files_that_cannot_be_read_are_named_and_the_others_are_indexed(stack: Stack) -> None:
    files = [("files", ("a.docx", b"no zip")), ("files", ("b.docx", WORD)), ("files", ("c.xyz", b"x"))]
    status = stack.client.post("/upload", data={"collection": "docs"}, files=files).json()
    assert status["documents"] == 1
    assert [one["source"] for one in status["skipped"]] == ["a.docx", "c.xyz"]
    assert stack.retrieve("설치")[0]["source"] == "b.docx"


@pytest.mark.parametrize(
    ("data", "files"), [({"collection": "docs"}, []), ({"collection": "../x"}, ["a.md"]), ({}, ["a.md"])]
)
def test_an_upload_without_files_or_with_a_bad_name_is_refused(
    stack: Stack, data: dict[str, str], files: list[str]
) -> None:
    sent = [("files", (name, b"x")) for name in files]
    assert stack.client.post("/upload", data=data, files=sent).status_code == 422
