"""The section of a corpus: facts about the text, the ranked table, and the differences of all pairs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lmbench.analysis.ranking import Ranking
from lmbench.report.contents import Contents
from lmbench.report.literature import build_literature_table, read_entries
from lmbench.report.page.figures import Figure, make_figure
from lmbench.report.page.forests import draw_forest
from lmbench.report.page.matrices import Matrix, build_pair_matrix
from lmbench.report.ranked_run import RankedRun
from lmbench.report.ranked_tables import build_ranked_table
from lmbench.runs.records import CorpusRecord

_MOST_BASELINES = 12


@dataclass(frozen=True, slots=True)
class CorpusSection:
    """A corpus on the page.

    Attributes:
        anchor: The name of the section in links.
        name: The name of the corpus.
        description: A few words about the text.
        facts: Names and values.
        table: The ranked table, with warnings as its notes.
        forests: The differences to a baseline, by its label: that of the run, if it has numbers, and the best models.
        pairs: The differences of all pairs; None if there are none.
        literature: Published figures; None if there are none.
    """

    anchor: str
    name: str
    description: str
    facts: Sequence[tuple[str, str]]
    table: Contents
    forests: Sequence[tuple[str, Figure]]
    pairs: Matrix | None
    literature: Contents | None


def describe_corpora(results: RankedRun) -> list[CorpusSection]:
    """Return the section of each corpus."""
    entries = read_entries()
    return [
        _describe(results, ranking, f"corpus-{number}", build_literature_table(ranking.corpus, entries))
        for number, ranking in enumerate(results.rankings, start=1)
    ]


def _describe(results: RankedRun, ranking: Ranking, anchor: str, literature: Contents | None) -> CorpusSection:
    return CorpusSection(
        anchor=anchor,
        name=ranking.corpus.name,
        description=ranking.corpus.description,
        facts=list(_list_facts(ranking.corpus)),
        table=build_ranked_table(results, ranking),
        forests=list(_draw_forests(ranking, results.baseline)),
        pairs=build_pair_matrix(ranking) if ranking.comparisons else None,
        literature=literature,
    )


def _draw_forests(ranking: Ranking, baseline: str | None) -> Iterator[tuple[str, Figure]]:
    """Yield the differences to each baseline that readers can choose, first that of the run."""
    labels = [entry.label for entry in ranking.entries]
    if baseline in labels:
        labels = [baseline, *(label for label in labels if label != baseline)]
    for label in labels[:_MOST_BASELINES]:
        if forest := draw_forest(ranking, label):
            yield label, make_figure(forest)


def _list_facts(corpus: CorpusRecord) -> Iterator[tuple[str, str]]:
    documents = f"{corpus.test_documents:,} document{'s' * (corpus.test_documents != 1)}"
    yield "Test text", f"{corpus.test_bytes:,} bytes, {documents}"
    yield "Training text", f"{corpus.train_bytes:,} bytes"
    yield "Validation text", f"{corpus.valid_bytes:,} bytes"
    yield "Words", _describe_words(corpus)
    yield "How it was read", corpus.provenance
    yield "SHA-256 of the test text", corpus.test_fingerprint


def _describe_words(corpus: CorpusRecord) -> str:
    if not corpus.spaced:
        return "not separated by spaces"
    return "separated by spaces, punctuation too" if corpus.tokenized else "separated by spaces"
