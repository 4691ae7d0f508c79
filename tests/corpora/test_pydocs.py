import platform
from itertools import chain

import pytest

from lmbench.corpora.pydocs import load_pydocs

PARAGRAPH = "A paragraph of the topic, which is long enough that two topics with it go to the same split.\n\n"


@pytest.fixture
def topics(monkeypatch):
    """Return the topics that `load_pydocs` reads, to be filled by the test."""
    import pydoc_data.topics

    made = {}
    monkeypatch.setattr(pydoc_data.topics, "topics", made)
    return made


def splits_of(corpus):
    return corpus.train, corpus.valid, corpus.test


def paragraphs(split):
    return {p.strip() for document in split.documents for p in document.split("\n\n") if len(p.strip()) >= 60}


def effective_number(documents):
    """Return the number of documents of equal size whose mean would vary as much (Kish 1965)."""
    sizes = [len(document.encode()) for document in documents]
    return sum(sizes) ** 2 / sum(size**2 for size in sizes)


def test_splits_do_not_share_paragraphs():
    train, valid, test = map(paragraphs, splits_of(load_pydocs()))
    assert train
    assert (train & valid) | (train & test) | (valid & test) == set()


def test_splits_have_sensible_sizes():
    corpus = load_pydocs()
    total = corpus.train.size + corpus.valid.size + corpus.test.size
    assert total > 300_000
    assert 0.05 < corpus.valid.size / total < 0.15
    assert 0.08 < corpus.test.size / total < 0.2


def test_no_document_dominates_the_test_split():
    corpus = load_pydocs()
    assert effective_number(corpus.test.documents) > 30
    assert max(map(len, corpus.test.documents)) < 0.1 * corpus.test.size
    assert max(map(len, chain.from_iterable(split.documents for split in splits_of(corpus)))) < 10_000


def test_the_sections_of_a_topic_are_consecutive_and_whole(topics):
    topics |= {name: "\n\n".join(f"{name} {i:3} {PARAGRAPH[:-2]}" for i in range(50)) + "\n" for name in "abcdef"}
    texts = ["\n".join(split.documents) for split in splits_of(load_pydocs())]
    assert len(load_pydocs().train.documents) > 10
    assert [sum(topic in text for text in texts) for topic in topics.values()] == [1] * 6


def test_a_section_ends_before_a_paragraph_that_is_not_indented(topics):
    entries = [f"str.m{i}()\n\n   Explain it{' well' * 140}.\n\n   More.\n\n" for i in range(6)]
    topics["methods"] = "".join(entries)
    documents = load_pydocs().train.documents
    assert [document.count("str.") for document in documents] == [3, 3]
    assert all(document.startswith("str.") and document.endswith("   More.\n") for document in documents)


@pytest.mark.parametrize(("indentation", "sizes"), [(0, [2, 2, 2]), (3, [4, 2]), (6, [6])])
def test_indented_paragraphs_are_divided_only_if_a_section_gets_long(topics, indentation, sizes):
    topics["long"] = "\n\n".join([" " * indentation + "x" * 760] * 6) + "\n"
    assert [document.count("x" * 760) for document in load_pydocs().train.documents] == sizes


def test_no_section_ends_with_a_heading(topics):
    topics["t"] = f"{'x' * 1490}\n\nA heading\n=========\n\n{'y' * 1490}\n\nThe next\n"
    assert [document.split("\n")[0][:9] for document in load_pydocs().train.documents] == ["x" * 9, "The next"]


def test_long_topics_are_for_training(topics):
    """Of 100 topics, one has a third of the text. The others are of one length."""
    topics |= {f"topic {i}": f"{i:3} {PARAGRAPH[:-2]}{i:3}\n" * 3 for i in range(100)}
    topics["long"] = "".join(f"Paragraph {i:3} {PARAGRAPH}" for i in range(150))
    corpus = load_pydocs()
    assert "Paragraph   0" in "".join(corpus.train.documents)
    assert len(corpus.test.documents) > len(corpus.valid.documents) > 5


def test_the_provenance_names_the_version_of_python():
    assert f"cpython={platform.python_version()}" in load_pydocs().provenance
