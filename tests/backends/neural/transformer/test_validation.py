"""The validation text: what an evaluation reads, and what it costs."""

import math

import pytest

from tests.backends.neural.transformer.small_models import fitted

pytestmark = pytest.mark.usefixtures("one_thread")


def test_evaluation_reads_the_first_events_of_the_validation_text_and_pays_for_spelling(monkeypatch):
    """The best evaluation is what the best weights score on these events, unknown words' letters included."""
    monkeypatch.setattr("lmbench.backends.neural.transformer.validation.VALIDATION_EVENTS", 9)
    valid = ("zebra sat on\n", "the mat quagga sat.\n", "the dog sat on the log.\n" * 5)
    model = fitted(",steps=20,tokenizer=words,stride=32", valid=valid)
    nats, size, left = 0.0, 0, 9
    for document, score in zip(valid, model.score(valid), strict=True):
        events = min(left, len(score.ends))
        nats, left = nats - score.logprobs[:events].sum(), left - events
        size += int(score.ends[events - 1]) if events else 0
        assert events < len(document)
    assert (left, size) == (0, len("zebra sat on\nthe mat quagga sat.\n"))
    assert model._fitted.history.best.bits_per_byte == pytest.approx(nats / size / math.log(2), rel=1e-4)
