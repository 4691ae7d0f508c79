import numpy as np
import pytest

from lmbench.backends.uniform import Uniform
from lmbench.metrics import summarize, tally


def test_every_text_costs_eight_bits_per_byte():
    documents = ["the cat\n", "汉字\n", ""]
    metrics = summarize(tally(documents, Uniform().score(documents)))
    assert metrics.bits_per_byte == 8
    assert metrics.token_perplexity == pytest.approx(256, rel=1e-12)


def test_next_events_sum_to_one():
    assert np.exp(Uniform().next_events("").logprobs).sum() == pytest.approx(1)
