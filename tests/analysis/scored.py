"""Texts with the events of models, as a test wants them."""

import numpy as np

from lmbench.analysis.alignment import align
from lmbench.analysis.events import ScoredDocument
from lmbench.corpus import Corpus, Split


def corpus(*documents, train=(), **fields):
    """Return a corpus with these test documents, whose words are separated by white space."""
    fields = {"provenance": "", "tokenized": True} | fields
    return Corpus("c", Split(tuple(train)), Split(()), Split(documents), **fields)


def scored(text, events):
    """Return each document with its events: a list of (bytes, bits) for each document."""
    return [
        ScoredDocument(
            number=number,
            text=document,
            ends=np.cumsum([size for size, _ in events[number]], dtype=np.int64),
            bits=np.array([float(bits) for _, bits in events[number]]),
            spelling_bits=np.zeros(len(events[number])),
        )
        for number, document in enumerate(text.test.documents)
    ]


def align_events(text, **models):
    """Return the aligned text of models, each with a list of (bytes, bits) for each document."""
    return align({label: scored(text, events) for label, events in models.items()}, text)
