import bz2
import random
import shutil
import subprocess
import zlib
from itertools import pairwise

import pytest

from lmbench import Corpus, Split, load_corpus
from lmbench.corpora import anchors
from lmbench.corpora.anchors import measure_anchors


def corpus_of(train, test):
    return Corpus("c", Split(tuple(train)), Split(()), Split(tuple(test)), provenance="")


def rates(train, test):
    """Return the bits per byte of the test documents under each compressor."""
    size = sum(len(document.encode()) for document in test)
    return {anchor.name: anchor.bits / size for anchor in measure_anchors(corpus_of(train, test))}


def letters(count, seed):
    """Return independent characters of equal probability."""
    return "".join(map(chr, random.Random(seed).choices(range(128, 384), k=count)))


@pytest.fixture(scope="module")
def fables():
    return load_corpus("fables-en")


@pytest.fixture
def command(tmp_path):
    """Return a function that gives the size of what a command-line tool writes."""

    def run(*words):
        if shutil.which(words[0]) is None:
            pytest.skip(f"{words[0]} is not installed")
        return len(subprocess.run(words, cwd=tmp_path, check=True, capture_output=True).stdout)

    return run


@pytest.fixture
def files(fables, tmp_path):
    """Write the training text, the test text and both together into files."""
    train, test = ("".join(split.documents) for split in (fables.train, fables.test))
    for name, text in (("train", train), ("test", test), ("both", train + test)):
        (tmp_path / name).write_bytes(text.encode())


@pytest.mark.parametrize(("name", "words"), [("xz", ("xz", "-9e", "-c")), ("bzip2", ("bzip2", "-9", "-c"))])
def test_the_command_line_tools_need_as_much_with_the_training_text_as_prefix(fables, files, command, name, words):
    """Their files also have an index and are padded, which makes a few bytes of difference."""
    [anchor] = [anchor for anchor in measure_anchors(fables) if anchor.name == name]
    assert anchor.how == f"{' '.join(words[:2])} with the training text as prefix"
    assert anchor.bits / 8 == pytest.approx(command(*words, "both") - command(*words, "train"), abs=8)


def test_zstd_needs_as_much_with_the_training_text_as_dictionary(fables, files, command):
    [anchor] = [anchor for anchor in measure_anchors(fables) if anchor.name == "zstd"]
    assert anchor.how == "zstd -19 with the training text as dictionary"
    assert anchor.bits / 8 == pytest.approx(command("zstd", "-19", "--patch-from=train", "-c", "test"), rel=0.01)


def test_bits_are_those_of_the_test_text_alone_if_there_is_no_training_text(fables):
    """An empty bzip2 file has 14 bytes."""
    [*others, bzip2] = measure_anchors(corpus_of([], fables.test.documents))
    assert bzip2.bits / 8 == len(bz2.compress("".join(fables.test.documents).encode())) - 14
    assert [anchor.how for anchor in (*others, bzip2)] == ["xz -9e", "zstd -19", "bzip2 -9"]


def test_all_need_less_than_deflate_with_its_window_of_32_kib(fables):
    train, test = ("".join(split.documents).encode() for split in (fables.train, fables.test))
    deflate = zlib.compressobj(9, zdict=train[-32768:])
    size = len(deflate.compress(test) + deflate.flush())
    assert max(anchor.bits for anchor in measure_anchors(fables)) < 8 * size


@pytest.mark.parametrize("compressor", anchors._COMPRESSORS, ids=lambda compressor: compressor.name)
def test_random_bytes_cost_eight_bits_each_whatever_is_known(compressor):
    known, test = (random.Random(seed).randbytes(20_000) for seed in (0, 1))
    for training in (b"", known):
        assert compressor.measure(training, test) / len(test) == pytest.approx(1, abs=0.03)


def test_independent_letters_cost_their_entropy():
    """There are 16 letters: 4 bits."""
    letters = "".join(random.Random(0).choices("abcdefghijklmnop", k=50_000))
    for rate in rates([letters[:25_000]], [letters[25_000:]]).values():
        assert 4 <= rate < 4.4


def test_a_known_text_is_almost_free():
    """bzip2 only sorts a known text next to itself."""
    found = rates([letters(5000, 0)], [letters(5000, 0)])
    assert max(found["xz"], found["zstd"]) < 0.1
    assert min(found.values()) >= 0
    assert found["bzip2"] < 4


def test_no_text_costs_less_than_nothing():
    negative = anchors._Compressor("x", "-1", "prefix", lambda training, test: -3)
    assert anchors._measure(negative, Split(("a",)), b"b").bits == 0


def test_more_of_the_same_training_text_helps(fables):
    documents = fables.train.documents
    shares = [rates(documents[len(documents) // part :], fables.test.documents) for part in (1, 2)]
    shares.append(rates(documents, fables.test.documents))
    for more, less in pairwise(reversed(shares)):
        assert all(more[name] < less[name] for name in more)


def test_only_the_end_of_a_long_training_text_is_used(monkeypatch):
    """The test text is known from the beginning of the training text, or from its end."""
    monkeypatch.setattr(anchors, "_LONGEST", 20_000)
    known, other = letters(5000, 0), [letters(2500, seed) for seed in range(1, 6)]
    start, end = (
        measure_anchors(corpus_of([known, *other], [known])),
        measure_anchors(corpus_of([*other, known], [known])),
    )
    assert start[0].how == "xz -9e with the last 19.5 KiB of the training text as prefix"
    for early, late in zip(start[:2], end[:2], strict=True):
        assert late.bits < 0.1 * early.bits


def test_bzip2_gets_as_much_training_text_as_fits_into_its_block(monkeypatch):
    monkeypatch.setattr(anchors, "_BZIP2_BLOCK", 30_000)
    train = [letters(1000, seed) for seed in range(50)]
    short, long = (measure_anchors(corpus_of(train, ["x\n" * size]))[2] for size in (5000, 20_000))
    assert short.how == "bzip2 -9 with the last 19.5 KiB of the training text as prefix"
    assert long.how == "bzip2 -9 with the last 14.6 KiB of the training text as prefix"


@pytest.mark.parametrize("size", [999, 20_001])
def test_very_short_and_very_long_texts_are_not_measured(monkeypatch, size):
    monkeypatch.setattr(anchors, "_LONGEST", 20_000)
    assert measure_anchors(corpus_of(["b"], ["a" * size])) == ()
