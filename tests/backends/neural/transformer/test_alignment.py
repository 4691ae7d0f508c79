"""The alignment of pairs: the attention that is shown, and that of a language pair whose alignment is known."""

import numpy as np
import pytest
import torch

from lmbench.backends.neural.transformer.alignment import attend_to_source, choose_head, first_pairs
from lmbench.backends.neural.transformer.networks import EncoderDecoder, Shape
from lmbench.backends.neural.transformer.sequences import sequences_of
from lmbench.corpora.synthetic.sources import generate_corpus, make_source
from lmbench.registry import build
from tests.backends.neural.transformer.small_models import fitted

SHAPE = Shape(ids=12, context=8, layers=2, width=12, heads=3, dropout=0.1)

pytestmark = pytest.mark.usefixtures("one_thread")


def pairs_network():
    """Return a network for which 7 is the mark."""
    torch.manual_seed(0)
    return EncoderDecoder(SHAPE, mark=(7,)).eval()


def test_the_shown_attention_is_what_the_decoder_computes():
    """Without their values' differences nothing changes, and with one-hot values the output is the attention."""
    network = pairs_network()
    sequence = np.array([11, 1, 2, 3, 7, 4, 5])
    weights = attend_to_source(network, sequence)
    assert weights.shape == (2, 3, 2, 4)  # layers, heads, 4 and 5, BOS 1 2 3
    np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-6)
    cross, read = network.blocks[1].cross, []
    cross.register_forward_hook(lambda module, given, output: read.append((given, output)))
    with torch.no_grad():
        network(torch.from_numpy(sequence[:-1])[None], 2)
        [((_, memory, seen), output)] = read
        assert seen is None
        values = cross.keys_values(memory)[0, :, 12:].unflatten(-1, (3, 4)).numpy()  # (S, H, D)
        mixed = np.einsum("hts,shd->thd", weights[1], values).reshape(2, 12)
        expected = cross.out(torch.from_numpy(mixed).float())
    np.testing.assert_allclose(output[0].numpy(), expected.numpy(), atol=1e-5)


def test_only_lines_with_a_source_and_a_target_are_pairs():
    lines = [[11, 1, 7, 2], [11, 1, 2, 3], [11, 7, 1, 2], [11, 1, 7], [11, 1, 7, 7, 2], [11]]
    assert first_pairs(pairs_network(), map(np.array, lines)) == ((11, 1, 7, 2), (11, 1, 7, 7, 2))


def test_short_pairs_are_shown_before_long_ones():
    lines = [[11, *[1] * 50, 7, 2], [11, 1, 7, 2], [11, 2, 7, 2], [11, 3, 7, 2]]
    assert [pair[1] for pair in first_pairs(pairs_network(), map(np.array, lines))] == [1, 2, 3]
    assert all(len(pair) == 4 for pair in first_pairs(pairs_network(), map(np.array, lines)))
    long = first_pairs(pairs_network(), map(np.array, lines[:1]))
    assert attend_to_source(pairs_network(), np.array(long[0])).shape == (2, 3, 1, 8)  # the source's last events


def test_the_head_that_covers_the_source_is_chosen():
    """One head reads BOS, one the same word each time, and one each word once."""
    attention = np.zeros((2, 3, 3, 4))
    attention[:, :, :, 0] = 1  # BOS
    attention[0, 1] = np.eye(4)[[1, 1, 1]]
    attention[1, 2] = np.eye(4)[[3, 1, 2]]
    assert choose_head([attention, attention]) == (1, 2)
    attention[1, 2] = np.eye(4)[[2, 2, 0]]
    attention[0, 0] = np.eye(4)[[1, 0, 3]]
    assert choose_head([attention]) == (0, 0)


def test_a_context_of_one_event_leaves_one_event_to_cover():
    attention = np.ones((1, 2, 3, 1))
    attention[0, 0] = 0.5
    assert choose_head([attention]) == (0, 1)


def test_the_title_is_the_source_without_the_events_of_the_mark():
    pairs = ("a b => b a\n",) * 3
    options = ",architecture=encoder-decoder,segments=pairs,tokenizer=bytes,layers=1,width=16,steps=1"
    *_, alignment = fitted(options, train=pairs, valid=pairs).exhibits()
    assert alignment.title == "Alignment of a ␣ b"
    assert alignment.columns[1:] == ("<|endoftext|>", "a", "␣", "b", "␣", "=")  # the decoder begins with >
    assert [row[0] for row in alignment.rows] == ["␣", "b", "␣", "a", "\\n"]


def test_the_alignment_of_a_language_pair_is_learned():
    """A noun's translation follows from the noun alone; a word that agrees with one may attend to either.

    A head that reads at random is right for one noun of six. Over seeds, the chosen head is right for 94 % or more.
    """
    name = "translation:nouns=6,verbs=3,modifiers=2,adjective=0.3,phrase=0,lines=600"
    source, corpus = make_source(name), generate_corpus(name)
    options = "layers=1,width=64,heads=2,steps=80,learning_rate=0.02,batch_tokens=1536"
    model = build(f"transformer:architecture=encoder-decoder,segments=pairs,{options}")
    model.fit(corpus.training)
    lexicon, network = model._fitted.lexicon, model._fitted.network
    layer, head = choose_head([attend_to_source(network, np.array(pair)) for pair in model._fitted.pairs])
    right = []
    for line in corpus.test.documents[:40]:
        (sequence,) = sequences_of(lexicon, lexicon.encode(line).ids, by_line=True)
        attended = attend_to_source(network, sequence)[layer, head].argmax(axis=1) - 1  # BOS comes first
        words = source.align(line.split(" => ")[0])
        right += [attended[place] == word.source for place, word in enumerate(words) if word.text.endswith(("k", "ks"))]
    assert np.mean(right) > 0.85
