import gzip
import io
import json
import lzma
import os
import sys
from pathlib import Path

import pytest

from lmbench.corpora import memory
from lmbench.corpora.documents import read_file, read_in_memory, read_standard_input
from lmbench.corpora.files import read_path
from lmbench.corpora.formats import TextFormat
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
