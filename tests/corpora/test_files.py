import bz2
import gzip
import io
import json
import lzma
import sys

import pytest
from backports import zstd

from lmbench.corpora.documents import read_in_memory
from lmbench.corpora.files import read_path, read_standard_input
from lmbench.corpora.formats import TextFormat
from lmbench.corpora.on_disk import JoinedDocuments, StoredDocuments
from lmbench.corpora.options import Selection
from lmbench.corpora.selection import select_scored
from lmbench.errors import CorpusError
from tests.recording import Recorded

LINES = "".join(f"line {i}\n" for i in range(20))
COMPRESSIONS = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zst": zstd.compress}


def test_a_single_file_is_divided_80_10_10_in_order(tmp_path):
    file = tmp_path / "text.txt"
    file.write_text("".join(f"line {i}\n" for i in range(20)))
    corpus = read_path(file)
    assert [len(split.documents) for split in (corpus.train, corpus.valid, corpus.test)] == [16, 2, 2]
    assert "".join(corpus.train.documents + corpus.valid.documents + corpus.test.documents) == file.read_text()
    assert corpus.provenance == "lines,split=80/10/10-contiguous"


@pytest.mark.parametrize("names", [("train.txt", "valid.txt", "test.txt"), ("x.train.raw", "x.dev.raw", "x.test.raw")])
def test_a_folder_with_three_files(tmp_path, names):
    for name in names:
        (tmp_path / name).write_text(f"{name}\n")
    corpus = read_path(tmp_path)
    found = [split.documents for split in (corpus.train, corpus.valid, corpus.test)]
    assert found == [(f"{name}\n",) for name in names]


def test_a_folder_without_validation_holds_out_the_end_of_training(tmp_path):
    (tmp_path / "train.txt").write_text("".join(f"{i}\n" for i in range(10)))
    (tmp_path / "test.txt").write_text("t\n")
    corpus = read_path(tmp_path)
    assert corpus.valid.documents == ("9\n",)
    assert "valid=last-10%-of-train" in corpus.provenance


def test_carriage_returns_are_kept(tmp_path):
    file = tmp_path / "text.txt"
    file.write_bytes(b"a\r\nb\r\nc\r\n")
    assert read_path(file).test.documents == ("c\r\n",)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"ab\xff", "not UTF-8: byte 0xff at offset 2"),
        ("é\0".encode(), "NUL byte at offset 2"),
        (b"one line", "has 1 document .*need at least 3"),
        (b"two\nlines\n", "has 2 documents"),
    ],
)
def test_unusable_files_are_refused(tmp_path, data, message):
    file = tmp_path / "text.txt"
    file.write_bytes(data)
    with pytest.raises(CorpusError, match=message):
        read_path(file)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"test.txt": "t\n"}, "lacks a train file; it needs train.txt, test.txt and preferably valid.txt"),
        ({"train.txt": "a\nb\n"}, "lacks a test file"),
        (
            {"train.txt": "a\n", "test.txt": "t\n"},
            "lacks a validation file, and its only training document cannot be divided; add valid.txt",
        ),
        ({"train-test.txt": "a\nb\n"}, "train-test.txt is named like two splits"),
        (
            {"train.txt": "a\nb\n", "test.txt": "a\nb\n", "dev.txt": "c\n"},
            "the train and test files of .* hold the same",
        ),
        ({"train.txt": "a\nb\n", "test.txt": "c\n", "dev.txt": "c\n"}, "the valid and test files of .* hold the same"),
        ({"train.txt": "a\n", "my.train.txt": "b\n", "test.txt": "t\n"}, "more than one train file"),
    ],
)
def test_unusable_folders_are_refused(tmp_path, files, message):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(CorpusError, match=message):
        read_path(tmp_path)


@pytest.mark.parametrize(
    ("link", "message"),
    [
        ("symlink_to", "the train and test files of .* are the same file: test.txt is a symbolic link"),
        ("hardlink_to", "the train and test files of .* are the same file: train.txt and test.txt are hard links"),
    ],
)
@pytest.mark.parametrize("way", ["train.txt", "../{folder}/train.txt"])
def test_splits_that_are_links_to_one_file_are_refused(tmp_path, link, message, way):
    (tmp_path / "train.txt").write_text("a\nb\nc\n")
    (tmp_path / "valid.txt").write_text("d\n")
    target = way.format(folder=tmp_path.name)
    getattr(tmp_path / "test.txt", link)(target if link == "symlink_to" else tmp_path / target)
    with pytest.raises(CorpusError, match=message):
        read_path(tmp_path)


def test_splits_may_be_links_to_different_files(tmp_path):
    (tmp_path / "corpus").mkdir()
    for split in ("train", "valid", "test"):
        (tmp_path / split).write_text(f"{split}\n")
        (tmp_path / f"corpus/{split}.txt").symlink_to(tmp_path / split)
    assert read_path(tmp_path / "corpus").test.documents == ("test\n",)


@pytest.mark.parametrize("ending", COMPRESSIONS)
def test_compressed_files_are_decompressed(tmp_path, ending):
    (tmp_path / "plain.txt").write_text(LINES)
    file = tmp_path / f"text.{ending}"
    file.write_bytes(COMPRESSIONS[ending](LINES.encode()))
    assert read_path(file).test == read_path(tmp_path / "plain.txt").test
    assert "".join(read_in_memory(file).split.documents) == LINES


@pytest.mark.parametrize("ending", COMPRESSIONS)
@pytest.mark.parametrize("damage", ["truncated", "corrupt"])
def test_damaged_compression_is_a_single_error(tmp_path, ending, damage):
    data = COMPRESSIONS[ending](bytes(range(1, 128)) * 40)
    middle = len(data) // 2
    data = data[:middle] if damage == "truncated" else data[:12] + b"\xff" * 200
    (tmp_path / "text.txt").write_bytes(data)
    with pytest.raises(CorpusError, match=r"text.txt(,| is truncated or corrupt:)|cannot read .*text.txt"):
        read_path(tmp_path / "text.txt")


@pytest.mark.parametrize("encoding", ["gb18030", "utf-16", "big5"])
def test_encodings_can_be_named(tmp_path, encoding):
    text = "我是一个程序员\n你好\n再见\n" if encoding != "big5" else "我是程式\n你好\n再見\n"
    (tmp_path / "text.txt").write_bytes(text.encode(encoding))
    corpus = read_path(tmp_path / "text.txt", TextFormat(encoding=encoding))
    assert "".join((*corpus.train.documents, *corpus.valid.documents, *corpus.test.documents)) == text
    assert corpus.provenance == f"lines,encoding={encoding},split=80/10/10-contiguous"
    with pytest.raises(CorpusError, match=r"text.txt is not UTF-8: byte 0x.. at offset 0"):
        read_path(tmp_path / "text.txt")


def json_lines(*records):
    return "".join(json.dumps(record) + "\n" for record in records)


def test_each_record_of_json_lines_is_a_document(tmp_path):
    file = tmp_path / "text.jsonl.gz"
    file.write_bytes(gzip.compress(json_lines(*({"id": i, "text": f"a\n\nb{i}"} for i in range(4))).encode()))
    corpus = read_path(file)
    assert corpus.train.documents == ("a\n\nb0\n", "a\n\nb1\n")
    assert corpus.provenance == "records,json=text,line-ends-added,split=80/10/10-contiguous"
    assert read_path(file, TextFormat(unit="block")).train.documents[:2] == ("a\n\n", "b0\na\n\n")


def test_a_field_can_be_named(tmp_path):
    file = tmp_path / "data.txt"
    file.write_text(json_lines(*({"body": ["verse 1", f"verse {i}"]} for i in range(3))) + "\r\n\n")
    assert read_path(file, TextFormat(field="body")).test.documents == ("verse 1\nverse 2\n",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"text": "a"}\n{"text": \n', r"x.jsonl, line 2, is not JSON: "),
        ('{"body": "a", "id": 3}\n', r"x.jsonl, line 1, lacks the field 'text'; it has: body, id"),
        ("{}\n", r"x.jsonl, line 1, lacks the field 'text'; it has: none"),
        ('{"text": 3}\n', r"x.jsonl, line 1, holds int in its field 'text' instead of text"),
        ('["text"]\n', r"x.jsonl, line 1, is not a JSON object with a field 'text'"),
        ('{"text": "\\ud83d x"}\n', r"x.jsonl, line 1 is not text: it has half of a surrogate pair at offset 0"),
        ('{"text": "a\\u0000"}\n', r"x.jsonl, line 1 is not text: it has a NUL byte at offset 1"),
        ("[" * 200_000 + "\n", r"x.jsonl, line 1, is nested too deeply"),
        (
            '{"text": "a"}\n',
            r"x.jsonl has 1 document \(unit: record\), and three splits need at least 3; choose a smaller",
        ),
    ],
)
def test_unusable_json_lines_are_refused(tmp_path, text, message):
    (tmp_path / "x.jsonl").write_text(text)
    with pytest.raises(CorpusError, match=message):
        read_path(tmp_path / "x.jsonl")


@pytest.mark.parametrize("compress", [lambda data: data, gzip.compress])
def test_standard_input_is_a_corpus(monkeypatch, compress):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(compress(LINES.encode()))))
    corpus = read_standard_input()
    assert (corpus.name, len(corpus.train.documents), corpus.test.documents) == (
        "stdin",
        16,
        ("line 18\n", "line 19\n"),
    )


def test_empty_standard_input_is_refused(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    with pytest.raises(CorpusError, match="standard input is empty"):
        read_standard_input()


def test_a_large_plain_file_stays_on_disk(tmp_path, monkeypatch):
    monkeypatch.setattr("lmbench.corpora.on_disk.IN_MEMORY", 1000)
    (tmp_path / "text.txt").write_text("aé 汉\n" * 400)
    stored = read_path(tmp_path / "text.txt")
    assert all(isinstance(split.documents, StoredDocuments) for split in (stored.train, stored.valid, stored.test))
    monkeypatch.undo()
    held = read_path(tmp_path / "text.txt")
    for split in ("train", "valid", "test"):
        assert tuple(getattr(stored, split).documents) == getattr(held, split).documents
        assert getattr(stored, split).fingerprint == getattr(held, split).fingerprint


def test_a_byte_order_mark_is_skipped(tmp_path, monkeypatch):
    (tmp_path / "text.txt").write_bytes("\ufeffé\nb\nc\n".encode())
    held = read_path(tmp_path / "text.txt")
    assert held.train.documents == ("é\n",)
    monkeypatch.setattr("lmbench.corpora.on_disk.IN_MEMORY", 0)
    stored = read_path(tmp_path / "text.txt")
    assert [tuple(split.documents) for split in (stored.train, stored.valid, stored.test)] == [
        ("é\n",),
        ("b\n",),
        ("c\n",),
    ]
    (tmp_path / "x.jsonl").write_bytes(("\ufeff" + json_lines(*({"text": f"{i}"} for i in range(3)))).encode())
    assert read_path(tmp_path / "x.jsonl").train.documents == ("0\n",)
    assert "".join(read_in_memory(tmp_path / "text.txt").split.documents) == "é\nb\nc\n"


def test_an_encoding_has_one_name():
    assert TextFormat(encoding="UTF8") == TextFormat()
    assert TextFormat(encoding="GB18030") == TextFormat(encoding="gb18030")
    assert TextFormat(encoding="no-such").encoding == "no-such"


def test_the_provenance_of_each_split_is_given_if_they_differ(tmp_path):
    (tmp_path / "train.txt").write_text("a\nb\n")
    (tmp_path / "valid.txt").write_text("v\n")
    (tmp_path / "test.jsonl").write_text(json_lines({"text": "t"}))
    provenance = read_path(tmp_path).provenance
    assert provenance == "train=lines,valid=lines,test=records,json=text,line-ends-added,split=files"


@pytest.mark.parametrize(
    ("line", "spaced"),
    [
        ("the cat sat on the mat", True),
        ("我是一个程序员，在北京大学学习", False),
        ("同样 , 施力 的 大小 与 方向", True),
        ("吾輩は猫である。名前はまだ無い。", False),
        ("привет мир", True),
        ("12 34", True),
    ],
)
def test_unspaced_text_is_recognized(tmp_path, line, spaced):
    (tmp_path / "text.txt").write_text(f"{line}\n" * 9)
    assert read_path(tmp_path / "text.txt").spaced == spaced


def test_lines_that_end_in_carriage_returns_alone_are_explained(tmp_path):
    (tmp_path / "text.txt").write_bytes(b"a\rb\rc\rd\r")
    with pytest.raises(CorpusError, match=r"only \\n ends a line, and it has \\r alone"):
        read_path(tmp_path / "text.txt")


def test_a_blank_test_split_is_refused(tmp_path):
    (tmp_path / "text.txt").write_text("a\n" * 9 + "\n" * 9)
    with pytest.raises(CorpusError, match=r"the test split of .*text.txt is blank: there is nothing to score"):
        read_path(tmp_path / "text.txt")


def test_text_that_begins_like_bzip2_is_text(tmp_path):
    (tmp_path / "text.txt").write_text("BZhang is a name\nb\nc\n")
    assert read_path(tmp_path / "text.txt").train.documents == ("BZhang is a name\n",)


def test_half_of_a_surrogate_pair_is_refused(tmp_path):
    (tmp_path / "text.txt").write_text("a\\ud83d\nb\nc\n")
    with pytest.raises(CorpusError, match=r"text.txt is not text: it has half of a surrogate pair at offset 1"):
        read_path(tmp_path / "text.txt", TextFormat(encoding="unicode_escape"))


def treebank(*sentences):
    """CoNLL-U text with one sentence a document; words are given as form/UPOS."""
    rows = [[word.split("/") for word in sentence.split()] for sentence in sentences]
    return "".join(
        "# newdoc\n"
        + "".join(f"{i}\t{form}\t_\t{upos}\t_\t_\t_\t_\t_\t_\n" for i, (form, upos) in enumerate(row, start=1))
        + "\n"
        for row in rows
    )


def words_of(split):
    return [[[(word.form, word.upos) for word in line] for line in document] for document in split.tagged]


@pytest.mark.parametrize("name", ["x.conllu", "x.conll", "x.conllu.gz"])
def test_a_treebank_is_divided_with_its_tags(tmp_path, name):
    data = treebank(*(f"w{i}/NOUN runs/VERB" for i in range(10))).encode()
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    corpus = read_path(tmp_path / name)
    assert [len(split.documents) for split in (corpus.train, corpus.valid, corpus.test)] == [8, 1, 1]
    for split, numbers in ((corpus.train, range(8)), (corpus.valid, [8]), (corpus.test, [9])):
        assert split.documents == tuple(f"w{i} runs\n" for i in numbers)
        assert words_of(split) == [[[(f"w{i}", "NOUN"), ("runs", "VERB")]] for i in numbers]
    assert corpus.provenance == "conllu,split=80/10/10-contiguous"
    assert corpus.tokenized


@pytest.mark.parametrize("with_dev", [True, False])
def test_a_folder_of_treebanks(tmp_path, with_dev):
    (tmp_path / "en-ud-train.conllu").write_text(treebank("a/DET cat/NOUN", "a/DET dog/NOUN"))
    (tmp_path / "en-ud-test.conllu").write_text(treebank("dogs/NOUN run/VERB"))
    if with_dev:
        (tmp_path / "en-ud-dev.conllu").write_text(treebank("cats/NOUN run/VERB"))
    corpus = read_path(tmp_path)
    assert words_of(corpus.valid)[0][0][0] == (("cats", "NOUN") if with_dev else ("a", "DET"))
    assert len(corpus.train.tagged) == len(corpus.train.documents) == 1 + with_dev
    assert words_of(corpus.test) == [[[("dogs", "NOUN"), ("run", "VERB")]]]


def test_unusable_treebanks_are_refused(tmp_path):
    file = tmp_path / "x.conllu"
    file.write_text(treebank("a/DET", "b/NOUN"))
    with pytest.raises(CorpusError, match=r"x.conllu has 2 documents \(unit: document\), and three splits need"):
        read_path(file)
    with pytest.raises(CorpusError, match=r"x.conllu is a treebank, .*leave out --documents"):
        read_path(file, TextFormat(unit="line"))
    file.write_text("1\ta\n")
    with pytest.raises(CorpusError, match=r"x.conllu, line 1: 2 columns separated by tabs"):
        read_path(file)


def test_the_files_of_a_folder_have_the_same_unit(tmp_path):
    """The training file decides. The others would be lines and articles by themselves."""
    (tmp_path / "train.txt").write_text("The cat sat on\nthe mat.\n\n" * 9)
    (tmp_path / "valid.txt").write_text("a\nb\n")
    (tmp_path / "test.txt").write_text("= One =\n\na\n\n= Two =\n\nb\n\n= Three =\n\nc\n")
    progress = Recorded()
    corpus = read_path(tmp_path, progress=progress)
    assert [len(split.documents) for split in (corpus.train, corpus.valid, corpus.test)] == [9, 1, 6]
    assert corpus.provenance == "blocks,split=files"
    assert progress.messages == [(f"{tmp_path}: 16 documents (blocks); --documents line for lines", 0.0)]


def test_a_folder_without_training_text(tmp_path):
    (tmp_path / "test.jsonl").write_text(json_lines({"text": "t"}))
    corpus = read_path(tmp_path, whole=True)
    assert (corpus.train.documents, corpus.valid.documents, corpus.test.documents) == ((), (), ("t\n",))
    assert (corpus.provenance, corpus.tokenized) == ("records,json=text,line-ends-added,split=files", False)
    (tmp_path / "dev.txt").write_text("v\n")
    assert read_path(tmp_path, whole=True).valid.documents == ("v\n",)
    (tmp_path / "test.jsonl").unlink()
    with pytest.raises(CorpusError, match="lacks a test file"):
        read_path(tmp_path, whole=True)


def test_a_treebank_is_scored_as_a_whole_with_its_tags(tmp_path):
    (tmp_path / "x.conllu").write_text(treebank("a/DET", "b/NOUN"))
    corpus = read_path(tmp_path / "x.conllu", whole=True)
    assert words_of(corpus.test) == [[[("a", "DET")]], [[("b", "NOUN")]]]
    assert (corpus.provenance, corpus.tokenized) == ("conllu,scored=all", True)


def test_a_large_folder_is_joined_on_disk(tmp_path, monkeypatch):
    monkeypatch.setattr("lmbench.corpora.on_disk.IN_MEMORY", 1000)
    for name in ("train", "valid", "test"):
        (tmp_path / f"{name}.txt").write_text("".join(f"{name} {i}\n" for i in range(200)))
    corpus = select_scored(read_path(tmp_path), Selection(split="all", limit=410))
    assert isinstance(corpus.test.documents, JoinedDocuments)
    names = [f"{name} {i}\n" for name in ("train", "valid", "test") for i in range(200)]
    assert list(corpus.test.documents) == names[:410]


def test_a_folder_that_looks_as_penn_treebank_does_is_stripped_as_the_catalog_strips_it(tmp_path):
    """Mikolov's files have a space at both ends of each line."""
    for name in ("train", "valid", "test"):
        (tmp_path / f"ptb.{name}.txt").write_text(f" no it was n't {name} monday \n" * 5)
    progress = Recorded()
    read_path(tmp_path, progress=progress)
    assert [line.partition(";")[0] for line in progress.notices] == [f"{tmp_path}: most lines end in a space"]
    corpus = read_path(tmp_path, TextFormat(strip=True))
    assert corpus.test.documents == ("no it was n't test monday\n",) * 5
    assert corpus.provenance == "lines,lines-stripped,split=files"
