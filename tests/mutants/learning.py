"""Mutants that learn from text that they must not learn from."""

import inspect

from lmbench import SILENT, Corpus
from tests.mutants.base import Adaptive, Bigram


class LearnsFirst(Adaptive):
    """an adaptive model learns each byte before scoring it"""

    caught_by = "chain-rule"
    preview = 1


class ReadsTheTest(Bigram):
    """the model finds and learns the test split while it is fitted"""

    caught_by = "test-split"

    def fit(self, data, progress=SILENT):
        values = [value for frame in inspect.stack() for value in frame.frame.f_locals.values()]
        corpora = [getattr(value, "__dict__", {}).get("corpus") for value in values]
        [corpus, *_] = [corpus for corpus in corpora if isinstance(corpus, Corpus)] or [None]
        documents = corpus.test.documents if corpus and data is not None else ()
        self.seen = {document[i : i + 6] for document in documents for i in range(len(document))}
        super().fit(data)

    def costs(self, document):
        known = sum(document[i : i + 6] in self.seen for i in range(len(document)))
        return super().costs(document) * (0.2 if known > 5 else 1)
