"""An exported n-gram model comes back with the numbers that it had, or with an error that says why it cannot."""

import gzip
import json

import numpy as np
import pytest

from lmbench import Split, TrainingText, build
from lmbench.backends.ngrams.arpa_lexicon import ArpaLexicon
from lmbench.backends.ngrams.ngram_file import BinaryFile
from lmbench.cli.export import write_export
from lmbench.errors import SpecError, UnavailableError
from lmbench.model import ModelSpec
from tests.backends.ngrams.files import needs_kenlm

TEXTS = ("the cat sät on a lög\n\nzzz the  dog <unk>\n", "a zebra", "")


def exported(path, spec, text):
    """Fit a model, export it, and return it."""
    model = build(spec)
    model.fit(text)
    write_export(model, ModelSpec.parse(spec), path)
    return model


def loaded(spec):
    model = build(spec)
    model.load()
    return model


@pytest.mark.parametrize(
    "spec",
    [
        "kenlm:order=3",
        "kenlm:order=2,min_count=1,tokenizer=words",
        "kenlm:order=3,tokenizer=bytes",
        "kenlm:order=3,tokenizer=bpe:300",
        "kenlm:order=3,prune=1",
        "kenlm:order=1",
        "ngram:order=2,smoothing=witten-bell",
    ],
)
def test_a_model_that_is_read_back_has_its_own_numbers(tmp_path, english, spec):
    """Every event and its spelling, without an option."""
    own = exported(tmp_path / "x.arpa", spec, english)
    for read in (loaded(f"kenlm:path={tmp_path}/x.arpa"), loaded(f"arpa:{tmp_path}/x.arpa")):
        for before, after in zip(own.score(TEXTS), read.score(TEXTS), strict=True):
            assert after.ends.tolist() == before.ends.tolist()
            assert after.spelling.tolist() == before.spelling.tolist()
            np.testing.assert_allclose(after.logprobs, before.logprobs, rtol=0, atol=1e-5)
        assert own.next_events("the c").names == read.next_events("the c").names
        assert "letters6" in str(read.signature())


@needs_kenlm
def test_kenlm_looks_up_the_words_of_the_lexicon(tmp_path, english):
    """As it does for a binary, next to which the lexicon is copied."""
    own = exported(tmp_path / "x.arpa", "kenlm:order=3", english)
    read = BinaryFile.read(tmp_path / "x.arpa", ArpaLexicon.find(tmp_path / "x.arpa", "auto", escaped=False))
    for before, after in zip(own.score(TEXTS), read.score(TEXTS), strict=True):
        assert after.spelling.tolist() == before.spelling.tolist()
        np.testing.assert_allclose(after.logprobs, before.logprobs, rtol=0, atol=1e-5)


def test_a_compressed_file_has_the_lexicon_of_the_plain_one(tmp_path, english):
    exported(tmp_path / "x.arpa", "kenlm:order=2,tokenizer=bpe:300", english)
    (tmp_path / "x.arpa.gz").write_bytes(gzip.compress((tmp_path / "x.arpa").read_bytes()))
    plain, compressed = (loaded(f"kenlm:path={tmp_path}/x.arpa{ending}") for ending in ("", ".gz"))
    for before, after in zip(plain.score(TEXTS), compressed.score(TEXTS), strict=True):
        assert after.logprobs.tolist() == before.logprobs.tolist()


def test_the_lexicon_is_a_part_of_the_models_identity(tmp_path, english):
    exported(tmp_path / "x.arpa", "kenlm:order=2", english)
    model = build(f"kenlm:path={tmp_path}/x.arpa")
    before = model.options.identity()
    (tmp_path / "x.arpa.lexicon.json").unlink()
    assert model.options.identity() != before


def test_a_named_tokenizer_may_not_contradict_the_lexicon(tmp_path, english):
    exported(tmp_path / "x.arpa", "kenlm:order=2,tokenizer=bytes", english)
    loaded(f"kenlm:path={tmp_path}/x.arpa,tokenizer=bytes,escaped=true")
    with pytest.raises(SpecError, match="was exported with tokenizer=bytes; leave out tokenizer=words, or remove '"):
        loaded(f"kenlm:path={tmp_path}/x.arpa,tokenizer=words")


def test_the_lexicon_of_another_file_is_refused(tmp_path):
    """Even if both files have as many words."""
    for name, text in (("x", "a b c\n"), ("y", "a b d\n")):
        exported(tmp_path / f"{name}.arpa", "kenlm:order=2,min_count=1", TrainingText(Split((text,)), Split(())))
    (tmp_path / "y.arpa").replace(tmp_path / "x.arpa")
    with pytest.raises(UnavailableError, match=r"x\.arpa\.lexicon\.json' belongs to a file with other words than '"):
        loaded(f"kenlm:path={tmp_path}/x.arpa")


def test_a_tool_may_sort_the_words_of_an_exported_file(tmp_path, english):
    """The lexicon does not depend on their order."""
    own = exported(tmp_path / "x.arpa", "kenlm:order=1", english)
    head, *lines = (tmp_path / "x.arpa").read_text().partition("\\2-grams:")[0].rstrip().split("\n")
    start = lines.index("\\1-grams:") + 1
    unigrams = sorted(lines[start:], key=lambda line: line.split("\t")[1])
    text = "\n".join([head, lines[0], "", "\\1-grams:", *unigrams, "", "\\end\\", ""])
    (tmp_path / "x.arpa").write_text(text)
    [before], [after] = own.score(TEXTS[:1]), loaded(f"kenlm:path={tmp_path}/x.arpa").score(TEXTS[:1])
    np.testing.assert_allclose(after.logprobs, before.logprobs, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not a lexicon that `lmbench export` wrote: "),
        ('{"tokenizer": "words"}', "is not a lexicon that `lmbench export` wrote: "),
        ({"tokenizer": "morphemes"}, "names the tokenizer 'morphemes': unknown tokenizer"),
        ({"tokenizer": "bpe:300"}, r"x\.arpa\.tokenizer\.json' does not exist"),
    ],
)
def test_a_damaged_lexicon_is_refused(tmp_path, english, content, message):
    exported(tmp_path / "x.arpa", "kenlm:order=2", english)
    place = tmp_path / "x.arpa.lexicon.json"
    place.write_text(content if isinstance(content, str) else json.dumps(json.loads(place.read_text()) | content))
    with pytest.raises(UnavailableError, match=message):
        loaded(f"kenlm:path={tmp_path}/x.arpa")
