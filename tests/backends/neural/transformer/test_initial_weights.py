"""First weights: predictions that are relative frequencies, and neighbors' statistics against a dense SVD."""

import numpy as np
import pytest
import torch

from lmbench.backends.neural.transformer.initial_weights import start_from_counts, start_from_neighbors
from lmbench.backends.neural.transformer.networks import Decoder, EncoderDecoder, Shape

SHAPE = Shape(ids=40, context=8, layers=1, width=16, heads=2, dropout=0)

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("kind", [Decoder, EncoderDecoder])
def test_first_predictions_are_relative_frequencies(kind):
    torch.manual_seed(0)
    network, counts = kind(SHAPE).eval(), np.random.default_rng(0).integers(1, 500, 40)
    start_from_counts(network, counts)
    with torch.inference_mode():
        predicted = network(torch.arange(8)[None], 8).softmax(-1).numpy()
    deviation = np.abs(np.log(predicted[0]) - np.log(counts / counts.sum()))
    assert deviation.mean() < 0.1
    assert np.log(counts).std() > 0.5


def test_blocks_do_not_see_the_frequencies():
    """The norm before a block removes the embeddings' part that stands for them."""
    torch.manual_seed(0)
    network = Decoder(SHAPE)
    start_from_counts(network, np.ones(40, dtype=int))
    flat = network.blocks[0].attention_norm(network.tokens.weight).detach()
    start_from_counts(network, np.arange(1, 41) ** 3)
    skewed = network.blocks[0].attention_norm(network.tokens.weight).detach()
    torch.testing.assert_close(flat, skewed, atol=1e-3, rtol=1e-3)


def test_embeddings_have_the_products_of_the_singular_vectors():
    """A dense computation by the formula, with numpy's SVD, gives the same products between embeddings."""
    torch.manual_seed(0)
    network, sequence = Decoder(SHAPE), np.random.default_rng(0).integers(0, 40, 900) ** 2 // 40
    network.tokens.weight.data.zero_()  # a tenth of the first weights would stay
    start_from_neighbors(network, [sequence[:500], sequence[500:]])
    pairs = np.zeros((40, 40))
    for part in (sequence[:500], sequence[500:]):
        np.add.at(pairs, (part[:-1], part[1:]), 1)
    halves = []
    for counts in (pairs, pairs.T):
        smoothed = counts.sum(0) ** 0.75
        expected = counts.sum(1, keepdims=True) * smoothed / smoothed.sum()
        with np.errstate(divide="ignore", invalid="ignore"):
            halves.append(np.nan_to_num(np.maximum(np.log(counts / expected), 0), nan=0.0, neginf=0.0))
    left, values, _ = np.linalg.svd(np.hstack(halves))
    vectors = left[:, :16] * np.sqrt(values[:16])
    products, embeddings = vectors @ vectors.T, network.tokens.weight.detach().double().numpy()
    similarity = np.corrcoef(products.ravel(), (embeddings @ embeddings.T).ravel())[0, 1]
    assert similarity > 0.98  # torch's SVD is approximate
    assert embeddings.std() == pytest.approx(0.02, rel=0.01)
