from lmbench.report.page.corpora import describe_corpora
from tests.report.page.conftest import HOSTILE


def test_each_corpus_has_facts_a_table_a_picture_and_all_pairs(results):
    first, second = describe_corpora(results)
    assert (first.anchor, first.name, first.description) == ("corpus-1", "plain", "about <b>")
    assert dict(first.facts) == {
        "Test text": "1,234 bytes, 2 documents",
        "Training text": "1 bytes",
        "Validation text": "1 bytes",
        "Words": "separated by spaces, punctuation too",
        "How it was read": "lines",
        "SHA-256 of the test text": "f" * 64,
    }
    assert [row[1].split()[0] for row in first.table.rows][:2] == ["mix", "ppm"]
    assert [label for label, _ in first.forests] == ["kenlm", "mix", "ppm", "uniform"]
    assert [figure.title for _, figure in first.forests][:2] == [
        "Differences to kenlm on plain",
        "Differences to mix on plain",
    ]
    assert first.pairs.columns == ["mix", "ppm", "kenlm", "uniform"]
    assert dict(second.facts)["How it was read"] == HOSTILE
