"""Probabilities of paths after a shared beginning, against a pass of the library over each of them."""

import pytest
import torch
from transformers import DynamicCache

from lmbench.backends.neural.pretrained.causal_network import CausalNetwork
from lmbench.backends.neural.pretrained.token_paths import PathReader
from tests.backends.neural.pretrained.test_causal_network import OTHERS, PRODUCTS, random_model

pytestmark = pytest.mark.usefixtures("one_thread")

NETWORKS = {name: config for name, config in (PRODUCTS | OTHERS).items() if name != "mamba"}
PATHS = {
    (3, 1, 4): [(1, 5), (1, 5, 9, 2), (1, 5, 9), (6,), (6,), (), (7, 9)],
    (3, 1): [(4, 1, 5), (2, 2, 2, 2, 2, 2, 2)],
    (8, 8, 8): [(8,) * 20, (1, 5)],
    (9,): [(9, 9), ()],
    (2, 7, 1): [(8,), (2,)],
}


def expected_logprobs(model, beginning, path):
    with torch.inference_mode():
        table = model(torch.tensor([[*beginning, *path]])).logits[0].double().log_softmax(-1).numpy()
    return sum(table[len(beginning) - 1 + place, token] for place, token in enumerate(path))


@pytest.mark.parametrize(("memory", "batch_tokens"), [(512, 1024), (512, 7), (1, 1)])
@pytest.mark.parametrize("kind", NETWORKS)
def test_paths_have_the_librarys_log_probabilities(kind, memory, batch_tokens):
    model = random_model(NETWORKS[kind])
    reader = PathReader.find(CausalNetwork.prepare(model, memory), batch_tokens)
    found = reader.logprobs(PATHS)
    assert {beginning: set(paths) for beginning, paths in PATHS.items()} == {key: set(found[key]) for key in found}
    for beginning, paths in PATHS.items():
        expected = [expected_logprobs(model, beginning, path) for path in paths]
        assert [found[beginning][path] for path in paths] == pytest.approx(expected, abs=1e-4)


def test_each_beginning_is_read_once_and_the_end_of_a_path_never():
    network = CausalNetwork.prepare(random_model(PRODUCTS["llama"]), 512)
    reader, shapes = PathReader.find(network, 1024), []
    network.model.base_model.register_forward_pre_hook(lambda _, given: shapes.append(tuple(given[0].shape)))
    reader.logprobs(PATHS)
    assert shapes == [(1, 1), (1, 1), (1, 2), (1, 6), (1, 2), (3, 3), (1, 19), (1, 3), (2, 1)]


def test_few_tokens_are_read_at_once_if_the_memory_is_small(monkeypatch):
    network = CausalNetwork.prepare(random_model(PRODUCTS["llama"]), 512)
    monkeypatch.setattr(CausalNetwork, "cached_tokens", 16)
    reader, shapes = PathReader.find(network, 1024), []
    network.model.base_model.register_forward_pre_hook(lambda _, given: shapes.append(tuple(given[0].shape)))
    reader.logprobs({(8, 8, place): [(1, 5), (5, 1), (2, 2)] for place in range(3)})
    assert shapes == [(2, 3), (2, 1), (2, 1), (2, 1), (1, 3), (2, 1), (1, 1)]


def test_networks_whose_cache_cannot_be_copied_are_not_read(monkeypatch):
    assert PathReader.find(CausalNetwork.prepare(random_model(PRODUCTS["mamba"]), 512), 1024) is None
    network = CausalNetwork.prepare(random_model(PRODUCTS["gpt2"]), 512)
    reorder = DynamicCache.reorder_cache

    def lose(cache, rows):
        reorder(cache, rows)
        cache.layers[0].keys.zero_()

    monkeypatch.setattr(DynamicCache, "reorder_cache", lose)
    assert PathReader.find(network, 1024) is None
    monkeypatch.setattr(DynamicCache, "reorder_cache", reorder)
    assert PathReader.find(network, 1024)
    hidden = CausalNetwork(network.model, network.rows, None, network.budget)
    assert PathReader.find(hidden, 1024) is None
