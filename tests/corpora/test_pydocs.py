from lmbench.corpora.pydocs import pydocs


def paragraphs(split):
    return {p.strip() for document in split.documents for p in document.split("\n\n") if len(p.strip()) >= 60}


def test_no_paragraph_stands_in_two_splits():
    corpus = pydocs()
    train, valid, test = map(paragraphs, (corpus.train, corpus.valid, corpus.test))
    assert train
    assert (train & valid) | (train & test) | (valid & test) == set()


def test_the_splits_have_sensible_sizes():
    corpus = pydocs()
    total = corpus.train.size + corpus.valid.size + corpus.test.size
    assert total > 300_000
    assert 0.05 < corpus.valid.size / total < 0.15
    assert 0.08 < corpus.test.size / total < 0.2
    assert len(corpus.test.documents) >= 8


def test_it_names_the_python_it_came_from():
    import platform

    assert f"cpython={platform.python_version()}" in pydocs().provenance
