from lmbench.corpora.pydocs import load_pydocs


def paragraphs(split):
    return {p.strip() for document in split.documents for p in document.split("\n\n") if len(p.strip()) >= 60}


def test_splits_do_not_share_paragraphs():
    corpus = load_pydocs()
    train, valid, test = map(paragraphs, (corpus.train, corpus.valid, corpus.test))
    assert train
    assert (train & valid) | (train & test) | (valid & test) == set()


def test_splits_have_sensible_sizes():
    corpus = load_pydocs()
    total = corpus.train.size + corpus.valid.size + corpus.test.size
    assert total > 300_000
    assert 0.05 < corpus.valid.size / total < 0.15
    assert 0.08 < corpus.test.size / total < 0.2
    assert len(corpus.test.documents) >= 8


def test_the_provenance_names_the_version_of_python():
    import platform

    assert f"cpython={platform.python_version()}" in load_pydocs().provenance
