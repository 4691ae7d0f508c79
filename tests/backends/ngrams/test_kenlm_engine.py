import re
import subprocess
import sys
from itertools import product

import numpy as np
import pytest

from lmbench import build
from lmbench.backends.ngrams.kenlm_engine import KenlmEngine
from lmbench.errors import UnavailableError
from tests.backends.ngrams.files import needs_kenlm, opened

TRIGRAMS = """\\data\\
ngram 1=5
ngram 2=4
ngram 3=2

\\1-grams:
-1.0\t<unk>\t-0.7
-99\t<s>\t-0.5
-0.6\t</s>
-0.4\ta\t-0.2
-0.7\tb

\\2-grams:
-0.25\t<s> a\t-0.3
-0.15\ta b\t-0.1
-0.9\t<unk> <unk>
-0.35\ta </s>

\\3-grams:
-0.05\t<s> a b
-0.08\ta b a

\\end\\
"""
"""In this file 'b a', the end of a trigram, was pruned, as SRILM may do."""

VARIANTS = ("order=1", "order=2,tokenizer=bytes", "order=3,prune=0-1", "order=3,prune=1-1-2", "order=6,min_count=1",
            "order=3,interpolate_unigrams=false", "order=4,limit_vocab=words.txt", "order=4,memory=1M")  # fmt: skip


def fitted(spec, data):
    model = build(spec)
    model.fit(data)
    return model


@needs_kenlm
def test_a_binary_that_kenlm_cannot_read_is_one_line(tmp_path):
    path = tmp_path / "x.bin"
    path.write_bytes(b"mmap lm http://kheafield.com/code format version 5\n\0")
    with pytest.raises(UnavailableError, match="looks like a binary file") as caught:
        opened(path)
    assert str(caught.value).startswith(f"KenLM cannot read '{path}': ")
    assert not re.search(r"\n|threw|\.cc:", str(caught.value))


@needs_kenlm
def test_kenlm_reads_the_same(tmp_path):
    """All lines of up to four words, unknown and pruned ones included."""
    (tmp_path / "x.arpa").write_text(TRIGRAMS)
    kenlm = KenlmEngine(tmp_path / "x.arpa")
    words = ["<unk>", "</s>", "a", "b"]
    texts = [" ".join(line) for n in range(1, 5) for line in product(("a", "b", "zzz"), repeat=n)]
    ids = {"a": 2, "b": 3, "zzz": 0}
    lines = [np.array([*(ids[word] for word in text.split()), 1]) for text in texts]
    scores = opened(tmp_path / "x.arpa").score([text + "\n" for text in texts])
    assert len(texts) == 3 + 9 + 27 + 81
    for score, expected in zip(scores, kenlm.score_lines(lines, words), strict=True):
        np.testing.assert_allclose(score.logprobs - score.spelling, expected, rtol=0, atol=1e-6)


@needs_kenlm
@pytest.mark.parametrize("options", VARIANTS)
def test_arrays_and_kenlm_agree(english, options, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "words.txt").write_text("the cat\n\tmat <unk>")
    own, kenlm = (fitted(f"kenlm:{options},engine={engine}", english) for engine in ("arrays", "kenlm"))
    texts = [*english.train.documents, "the log zzz the cat sat\n\n on  zzz zzz mat\nthe cat", "", "\n", "zzz"]
    for one, other in zip(own.score(texts), kenlm.score(texts), strict=True):
        assert one.ends.tolist() == other.ends.tolist()
        np.testing.assert_allclose(one.logprobs, other.logprobs, rtol=0, atol=1e-5)
    for text in ("", "the", "the cat sat on", "zzz", "zzz the", "a cat\nthe dog"):
        one, other = own.next_events(text), kenlm.next_events(text)
        assert one.names == other.names
        np.testing.assert_allclose(one.logprobs, other.logprobs, rtol=0, atol=1e-5)
        assert np.exp(one.logprobs).sum() == pytest.approx(1, abs=1e-6)


def test_without_the_package_only_its_engine_is_unavailable(english, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "kenlm", None)
    model = fitted("kenlm:order=2", english)
    model.export(tmp_path / "x.arpa")
    [own], [read] = model.score(["the cat\n"]), opened(tmp_path / "x.arpa").score(["the cat\n"])
    np.testing.assert_allclose(own.logprobs, read.logprobs, rtol=0, atol=1e-5)
    with pytest.raises(UnavailableError) as caught:
        fitted("kenlm:order=2,engine=kenlm", english)
    assert re.fullmatch(
        r"the package kenlm cannot be imported \(.*\): pip install 'lmbench-suite\[kenlm\]'", str(caught.value)
    )


def test_the_package_is_not_imported_before_it_is_asked_for():
    code = """
import sys
import lmbench.backends.ngrams.arpa
import lmbench.backends.ngrams.kenlm
from lmbench import Split, TrainingText, build
assert "kenlm" not in sys.modules
model = build("kenlm:order=2,min_count=1")
model.fit(TrainingText(Split(("a b\\n",)), Split(())))
model.score(["a b\\n"])
assert "kenlm" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
