import hashlib

import pytest
from pydantic import Field

from lmbench import Corpus, ModelOptions, Split
from lmbench.backends.uniform import Uniform
from lmbench.cli import descriptions
from lmbench.cli.descriptions import (
    describe_corpus,
    describe_entry,
    describe_options,
    docstring,
    list_corpora,
    summarize_model,
)
from lmbench.corpora.catalog import CatalogEntry, CatalogFile, PublishedFigure, PublishedTable
from lmbench.corpora.plugins import RegisteredCorpus
from lmbench.registry import find

CORPUS = Corpus(
    "toy", Split(("a\n",) * 1000), Split(("b\n",)), Split(("c\n",)), "lines", description="A toy", floor_note="known"
)
DATA = b"a b\na\n"


@pytest.fixture
def entry(tmp_path, monkeypatch):
    """An entry with one file in the mirror and one that is not downloaded."""
    monkeypatch.setenv("LMBENCH_MIRROR", str(tmp_path))
    monkeypatch.setenv("LMBENCH_CACHE", str(tmp_path / "cache"))
    (tmp_path / "here.txt").write_bytes(DATA)
    return CatalogEntry(
        description="Two files",
        language="en",
        license="CC0",
        citation="Nobody 2020",
        base="https://example.org/",
        files=(
            CatalogFile(path="here.txt", sha256=hashlib.sha256(DATA).hexdigest(), bytes=6),
            CatalogFile(path="there.txt", sha256="0" * 64, bytes=2_000_000),
        ),
        published=(PublishedFigure(model="5-gram", value=141.2, measure="ppl", convention="closed", source="X"),),
    )


class Options(ModelOptions):
    order: int = Field(default=3, description="longest n-gram")
    path: str = Field(description="the file")


class Documented:
    """Summary.

    More.
    """


class Undocumented:
    pass


def test_options_are_described_with_their_defaults():
    assert list(describe_options(Options)) == [
        "  order           longest n-gram (default 3)",
        "  path            the file (required)",
    ]


def test_an_option_of_a_grid_says_what_auto_tries():
    [order, _] = describe_options(Options, (("order", ("2", "3")),))
    assert order == "  order           longest n-gram (default 3; auto tries 2, 3)"


def test_models_without_a_docstring_are_described_by_their_name():
    assert docstring(Documented) == "Summary.\n\nMore."
    assert docstring(Undocumented) == "Undocumented"


def test_a_built_in_model_whose_source_is_not_there_is_imported(monkeypatch):
    monkeypatch.setattr(descriptions, "find_spec", lambda module: None)
    assert summarize_model(find("uniform")) == docstring(Uniform).splitlines()[0]


def test_corpora_are_listed_with_their_license_and_whether_they_are_here(entry, monkeypatch):
    both, here = entry, entry.model_copy(update={"files": entry.files[:1]})
    unknown = entry.model_copy(update={"files": (entry.files[1].model_copy(update={"bytes": None}),)})
    own = here.model_copy(update={"license": ""})
    plugins = {name: RegisteredCorpus(name, "pack 1.2", None) for name in ("both", "plugged")}
    monkeypatch.setattr(RegisteredCorpus, "summarize", lambda corpus: "Tweets.")
    entries = {"both": both, "here": here, "unknown": unknown, "own": own}
    assert list(list_corpora({"toy": CORPUS}, entries, plugins)) == [
        "toy                  A toy [embedded]",
        "both                 Two files [CC0; not downloaded, 2.0 MB]",
        "here                 Two files [CC0; on this machine]",
        "unknown              Two files [CC0; not downloaded]",
        "own                  Two files [on this machine]",
        "plugged              Tweets. [pack 1.2]",
    ]


def test_a_corpus_is_described_by_its_splits_and_its_floor():
    lines = list(describe_corpus(CORPUS))
    assert lines[:3] == ["toy: A toy", "", "  read as   lines"]
    assert lines[3] == f"  train     1,000 documents, 2,000 bytes, sha256 {CORPUS.train.fingerprint[:12]}…"
    assert [line.split()[0] for line in lines[4:]] == ["valid", "test", "floor", *["document"] * 3]
    assert lines[7] == "  document  2 bytes, 1 line: a"


def test_the_first_documents_are_shown_with_their_sizes():
    texts = ("é\n\n  b\tc\n", "x" * 61, f"{'y' * 60}\n", "never shown\n")
    corpus = Corpus("toy", Split(()), Split(()), Split(texts), "blocks")
    assert list(describe_corpus(corpus))[-3:] == [
        "  document  10 bytes, 3 lines: é b c",
        f"  document  61 bytes, 1 line: {'x' * 60}…",
        f"  document  61 bytes, 1 line: {'y' * 60}",
    ]


def test_an_entry_is_described_by_its_files_and_published_figures(entry):
    lines = list(describe_entry("both", entry, None))
    assert "  holds     text" in lines
    assert "  file      here.txt: 6 bytes, 2 lines, 3 words, 2 of them distinct; on this machine" in lines
    assert "  file      there.txt: 2,000,000 bytes; not downloaded" in lines
    assert "            https://example.org/there.txt" in lines
    assert lines[-1] == "  published 141.2 ppl (test): 5-gram (closed) [X]"


def test_the_means_of_a_published_table_are_described(entry):
    table = PublishedTable(
        group="paradigm", measure="%", convention="pairs", source="Y", models=("LSTM",), values={"a": (50,), "b": (60,)}
    )
    described = list(describe_entry("both", entry.model_copy(update={"published_by": table}), None))
    assert described[-1] == "  published 55.0 %: LSTM (pairs) [Y]"


def test_an_entry_that_is_here_is_described_by_its_splits(entry):
    lines = list(describe_entry("both", entry, CORPUS))
    assert "  holds     text, read as lines" in lines
    assert any(line.startswith("  test      1 document, 2 bytes") for line in lines)
