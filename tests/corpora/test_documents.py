import gzip
import io
import json
import lzma
import os
import sys
from pathlib import Path

import pytest

from lmbench.corpora import memory
from lmbench.corpora.documents import announce, read_file, read_in_memory, read_standard_input
from lmbench.corpora.files import read_path
from lmbench.corpora.formats import TextFormat
from lmbench.corpora.on_disk import StoredDocuments
from lmbench.errors import CorpusError
from tests.recording import Recorded

RECORDS = "".join(json.dumps({"id": i, "text": f"line {i}"}) + "\n" for i in range(5))
LIST = json.dumps([{"id": i, "text": f"line {i}"} for i in range(5)], indent=1)
CSV = "id,text\n" + "".join(f"{i},line {i}\n" for i in range(5))
TREEBANK = "".join(f"1\tline\t_\tX\t_\t_\t0\t_\t_\t_\n2\t{i}\t_\tX\t_\t_\t0\t_\t_\t_\n\n" for i in range(5))
PLUS = "# global.columns = ID FORM\n" + "".join(f"1\tline\n2\t{i}\n\n" for i in range(5))
EXPECTED = "".join(f"line {i}\n" for i in range(5))


def joined(text):
    """Return all documents of a text, joined."""
    return "".join(text.split.documents)


@pytest.mark.parametrize(
    ("name", "text", "shown", "by_content"),
    [
        ("a.txt", EXPECTED, "", False),
        ("A.JSONL", RECORDS, "JSON lines, field 'text'", False),
        ("a.json", RECORDS, "JSON lines, field 'text'", False),
        ("a.json", LIST, "JSON, field 'text'", False),
        ("a.csv", CSV, "CSV, column 'text'", False),
        ("A.TSV", CSV.replace(",", "\t"), "tab-separated values, column 'text'", False),
        ("a.conllup", PLUS, "a treebank (CoNLL-U)", False),
        ("a.txt", RECORDS, "JSON lines, field 'text'", True),
        ("a", LIST, "JSON, field 'text'", True),
        ("a.txt", TREEBANK, "a treebank (CoNLL-U)", True),
    ],
)
@pytest.mark.parametrize("compress", [lambda data: data, gzip.compress])
def test_run_and_score_read_a_file_in_the_same_way_and_say_how(tmp_path, name, text, shown, by_content, compress):
    file = tmp_path / name
    file.write_bytes(compress(text.encode()))
    for read in (
        lambda progress: joined(read_file(file, progress=progress)),
        lambda progress: joined(read_in_memory(file, progress=progress)),
    ):
        progress = Recorded()
        assert read(progress) == EXPECTED
        said = [message for message, _ in progress.messages]
        if by_content:
            assert progress.notices == [
                f"{file}: read as {shown}, because of its content; --format text reads it as plain text"
            ]
            assert said == []
        else:
            assert said == ([f"{file}: read as {shown}"] if shown else [])
            assert progress.notices == []


def test_standard_input_is_read_as_a_file_is(monkeypatch):
    for read in (
        lambda progress: joined(read_standard_input(progress=progress)),
        lambda progress: joined(read_in_memory(None, progress=progress)),
    ):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(RECORDS.encode())))
        progress = Recorded()
        assert read(progress) == EXPECTED
        assert progress.notices[0].startswith(
            "standard input: read as JSON lines, field 'text', because of its content"
        )


def test_the_user_may_read_any_file_as_plain_text(tmp_path):
    (tmp_path / "a.jsonl").write_text(RECORDS)
    progress = Recorded()
    found = read_file(tmp_path / "a.jsonl", TextFormat(layout="text"), progress)
    assert (joined(found), found.provenance) == (RECORDS, "lines")
    assert progress.messages == progress.notices == []
    assert joined(read_in_memory(tmp_path / "a.jsonl", TextFormat(layout="text"))) == RECORDS


def test_plain_text_is_returned_as_it_is(tmp_path):
    for text in ("", " \n", "a\r\nb", "\r"):
        (tmp_path / "a.txt").write_bytes(text.encode())
        assert joined(read_in_memory(tmp_path / "a.txt")) == text


def test_bytes_after_compressed_data_are_announced(tmp_path):
    (tmp_path / "a.gz").write_bytes(gzip.compress(EXPECTED.encode()) + b"garbage\n")
    progress = Recorded()
    assert joined(read_in_memory(tmp_path / "a.gz", progress=progress)) == EXPECTED
    assert progress.notices == [f"{tmp_path}/a.gz: the bytes that follow the gzip data are ignored"]


@pytest.mark.parametrize("read", [read_path, read_in_memory])
def test_bombs_are_refused(tmp_path, read):
    (tmp_path / "a.xz").write_bytes(lzma.compress(b"a b\n" * (17 << 20)))
    with pytest.raises(
        CorpusError, match=r"a.xz is refused: it expands to more than 200 times its size; .*MAX_EXPANSION"
    ):
        read(tmp_path / "a.xz")


@pytest.mark.parametrize("read", [read_path, read_in_memory])
def test_only_regular_files_are_read(tmp_path, read):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(CorpusError, match=f"cannot read {path}: it is a device or a pipe, not a regular file; '-'"):
            read(path)


def test_folders_and_files_that_never_end_are_one_line(tmp_path):
    with pytest.raises(CorpusError, match=r"cannot read .*: Is a directory"):
        read_in_memory(tmp_path)
    with pytest.raises(CorpusError, match="/proc/self/status is empty"):
        read_path(Path("/proc/self/status"))
    for split in ("train.txt", "test.txt"):
        os.mkfifo(tmp_path / split)
    with pytest.raises(CorpusError, match=r"cannot read .*/train.txt: it is a device or a pipe"):
        read_path(tmp_path)


@pytest.mark.parametrize(
    ("name", "read", "message"),
    [
        ("a.txt", read_path, "is not text: it has a NUL byte at offset 0"),
        ("a.txt", read_in_memory, "has at least 1024.0 GiB, and this machine's memory allows"),
        ("a.jsonl", read_path, "has at least 1024.0 GiB, and this machine's memory allows"),
    ],
)
def test_a_huge_file_is_refused_at_once(tmp_path, name, read, message):
    """It is a sparse file of 1 TiB, which is not read to its end."""
    (tmp_path / name).touch()
    os.truncate(tmp_path / name, 1 << 40)
    with pytest.raises(CorpusError, match=message):
        read(tmp_path / name)


@pytest.mark.parametrize("read", [read_path, read_in_memory])
def test_a_text_larger_than_memory_is_refused_with_its_size(tmp_path, monkeypatch, read):
    monkeypatch.setattr("lmbench.corpora.on_disk.IN_MEMORY", 1000)
    monkeypatch.setattr(memory, "largest_text", lambda: 2000)
    (tmp_path / "a.jsonl").write_text(RECORDS * 20)
    with pytest.raises(
        CorpusError, match=r"a.jsonl has at least 2.* KiB, and this machine's memory allows 2.0 KiB at once"
    ):
        read(tmp_path / "a.jsonl")
    (tmp_path / "a.txt").write_text("a b " * 1000)
    with pytest.raises(
        CorpusError, match=r"(the longest line of )?.*a.txt has at least 3.9 KiB, and this machine's memory allows"
    ):
        read(tmp_path / "a.txt")
    (tmp_path / "a.txt").write_text("a b\n" * 1000)
    assert len(read_path(tmp_path / "a.txt").test.documents) == 100
    with pytest.raises(CorpusError, match=r"the longest document of .*a.txt has at least 3.9 KiB"):
        read_path(tmp_path / "a.txt", TextFormat("file"))


@pytest.mark.parametrize("read", [read_path, read_in_memory])
def test_a_text_that_does_not_fit_in_memory_is_one_line(tmp_path, monkeypatch, read):
    (tmp_path / "a.txt").write_text("a\nb\nc\n")

    def fail(*arguments):
        raise MemoryError

    monkeypatch.setattr("lmbench.corpora.documents.decode_pieces", fail)
    with pytest.raises(CorpusError, match=r"a.txt \(6 bytes\) does not fit in memory; divide it into smaller files"):
        read(tmp_path / "a.txt")


def test_closed_standard_input_is_one_line(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(CorpusError, match="standard input is closed"):
        read_standard_input()


def test_file_names_need_not_be_utf_8(tmp_path):
    file = tmp_path / os.fsdecode(b"caf\xe9.txt")
    file.write_text(EXPECTED)
    assert read_path(file).name == f"{tmp_path}/caf\\udce9.txt"
    assert joined(read_in_memory(file)) == EXPECTED
    file.write_bytes(b"\xff")
    with pytest.raises(CorpusError) as error:
        read_path(file)
    assert str(error.value).encode()


def test_an_error_of_a_recognized_layout_says_how_to_read_plain_text(tmp_path):
    """Only then, and nothing else is announced."""
    progress = Recorded()
    (tmp_path / "a.txt").write_text('{"body": "a"}\n')
    with pytest.raises(
        CorpusError, match=r"line 1, lacks the field 'text'; it has: body; --format text reads it as plain"
    ):
        read_file(tmp_path / "a.txt", progress=progress)
    with pytest.raises(CorpusError, match=r"line 1, lacks the field 'title'; it has: body$"):
        read_file(tmp_path / "a.txt", TextFormat(field="title"), progress)
    assert progress.notices == progress.messages == []


PROSE = "".join(f"A long paragraph number {i} that is wrapped\nat a margin of forty letters.\n\n" for i in range(9))
WIKI = "".join(f" \n = Title {i} = \n \n Some text . \n \n = = Part = = \n \n More text . \n" for i in range(4))
SENTENCES = "".join(f"The cat has {i} mats.\n" for i in range(8)) + "\n" + "The dog has none.\n" * 3


@pytest.mark.parametrize(
    ("text", "unit", "count", "line"),
    [
        (PROSE, "block", 9, "9 documents (blocks); --documents line for lines"),
        (WIKI, "article", 4, "4 documents (articles); --documents block for paragraphs"),
        (SENTENCES, "line", 12, "12 documents (lines, 1 empty); --documents block for paragraphs"),
        (EXPECTED, "line", 5, "5 documents (lines)"),
    ],
)
def test_documents_are_chosen_by_the_look_of_the_text_and_announced(tmp_path, text, unit, count, line):
    (tmp_path / "a.txt").write_text(text)
    for read in (read_file, read_in_memory):
        found = read(tmp_path / "a.txt")
        assert (found.unit, len(found.split.documents), found.provenance) == (unit, count, f"{unit}s")
        assert joined(found) == text
    progress = Recorded()
    announce("a.txt", [found], progress)
    assert progress.messages == [(f"a.txt: {line}", 0.0)]


def test_what_the_user_has_chosen_is_not_announced(tmp_path):
    (tmp_path / "a.txt").write_text(PROSE)
    found = read_file(tmp_path / "a.txt", TextFormat("line"))
    (tmp_path / "b.jsonl").write_text(RECORDS)
    (tmp_path / "c.txt").write_text("the only line\n")
    progress = Recorded()
    for text in (found, read_file(tmp_path / "b.jsonl"), read_file(tmp_path / "c.txt")):
        announce("a", [text], progress)
    assert (len(found.split.documents), progress.messages, progress.notices) == (27, [], [])


def test_a_text_of_two_articles_has_paragraphs(tmp_path):
    (tmp_path / "a.txt").write_text(WIKI[: len(WIKI) // 2])
    found = read_file(tmp_path / "a.txt")
    assert (found.unit, len(found.split.documents)) == ("block", 8)


@pytest.mark.parametrize("text", [PROSE, WIKI, SENTENCES])
def test_a_file_that_stays_on_disk_has_the_same_documents(tmp_path, monkeypatch, text):
    """Its beginning decides, whatever follows, compressed or not."""
    (tmp_path / "a.txt").write_text(text * 2000 + EXPECTED * 9000)
    (tmp_path / "a.gz").write_bytes(gzip.compress((tmp_path / "a.txt").read_bytes()))
    held = read_file(tmp_path / "a.txt")
    assert read_file(tmp_path / "a.gz") == held
    monkeypatch.setattr("lmbench.corpora.on_disk.IN_MEMORY", 1000)
    stored = read_file(tmp_path / "a.txt")
    assert isinstance(stored.split.documents, StoredDocuments)
    assert tuple(stored.split.documents) == held.split.documents
    assert (stored.unit, stored.provenance, stored.padded) == (held.unit, held.provenance, held.padded)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_the_encoding_does_not_change_the_documents(tmp_path, encoding):
    text = "汉字" * 20 + "\n" + PROSE * 300
    (tmp_path / "a.txt").write_text(text)
    (tmp_path / "b.txt").write_text(text, encoding=encoding)
    assert read_file(tmp_path / "b.txt", TextFormat(encoding=encoding)).split == read_file(tmp_path / "a.txt").split


def test_spaces_at_the_ends_of_lines_are_stripped_or_announced(tmp_path):
    padded = "".join(f" the cat {i} \n" for i in range(9))
    (tmp_path / "a.txt").write_text(padded)
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": padded}) + "\n")
    for text_format, documents, notices in (
        (TextFormat(), padded, 1),
        (TextFormat(strip=False), padded, 0),
        (TextFormat(strip=True), padded.replace(" the", "the").replace(" \n", "\n"), 0),
    ):
        progress = Recorded()
        found = read_file(tmp_path / "a.txt", text_format)
        announce("a.txt", [found], progress)
        assert joined(found) == documents
        assert ("lines-stripped" in found.provenance) == bool(text_format.strip)
        assert [line.partition(";")[0] for line in progress.notices] == ["a.txt: most lines end in a space"] * notices
        assert joined(read_file(tmp_path / "a.jsonl", text_format)) == documents


def test_stripped_text_does_not_stay_on_disk(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text(" a \n" * 400)
    monkeypatch.setattr("lmbench.corpora.on_disk.IN_MEMORY", 1000)
    assert read_file(tmp_path / "a.txt", TextFormat(strip=True)).split.documents == ("a\n",) * 400


def test_a_treebank_is_not_stripped(tmp_path):
    (tmp_path / "a.conllu").write_text(TREEBANK)
    with pytest.raises(CorpusError, match="marks its own words and documents; leave out --documents and --strip"):
        read_file(tmp_path / "a.conllu", TextFormat(strip=True))
