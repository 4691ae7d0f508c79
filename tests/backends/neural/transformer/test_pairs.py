"""An encoder-decoder on pairs: a line is a probability, whose target is predicted from the encoded source."""

from dataclasses import replace
from functools import cached_property
from itertools import product

import numpy as np
import pytest
import torch

from lmbench.backends.neural.transformer.alignment import attend_to_source, choose_head
from lmbench.backends.neural.transformer.batches import Example, pad_examples
from lmbench.backends.neural.transformer.model import Transformer
from lmbench.backends.neural.transformer.networks import EncoderDecoder, Shape
from lmbench.backends.neural.transformer.optimizer import Optimizer
from lmbench.backends.neural.transformer.sampled_softmax import SampledSoftmax
from lmbench.backends.neural.transformer.sequences import mark_ids, sequences_of
from lmbench.checks.subject import Subject
from lmbench.checks.suite import CHECKS
from lmbench.corpus import Split
from lmbench.errors import SpecError
from lmbench.registry import build
from tests.backends.neural.transformer.small_models import fitted, unfitted

PAIRS = tuple(f"{one} {two} => {two} {one}\n" for one, two in product("abc", repeat=2)) * 3
OPTIONS = ",architecture=encoder-decoder,segments=pairs,context=12,tokenizer=words,layers=1,steps=80"
LINES = (
    "", "\n", "a", "a b", "a b =>", "a b => b", "a b => b a\n", "=> a", "=>\n", "a =>", "a => b => c => a\n",
    "=> => =>", "zz => yy a\n",
    "a b c a b c a b c a b c a b c a b c => a b c a b c a b c a b c a b c a b c a b c a b c\n",
)  # fmt: skip

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def model():
    return fitted(OPTIONS, train=PAIRS, valid=PAIRS[:4])


def logprob(model, text):
    return model.score([text])[0].logprobs.sum()


def test_the_target_is_predicted_from_the_encoded_source_by_hand(model):
    """The encoder reads BOS and the source, and the decoder reads => and the target."""
    lexicon, network = model._fitted.lexicon, model._fitted.network
    ids = torch.tensor([len(lexicon), *lexicon.encode("a b => c c\n").ids.tolist()])
    memory = network._encode(ids[None, :3])  # BOS a b
    x = network._embed(ids[None, 3:-1], network.positions)  # => c c
    for block in network.blocks:
        x = block(x, memory=memory)
    logits = (network.norm(x) @ network.tokens.weight.T)[0]
    expected = logits.log_softmax(-1)[torch.arange(3), ids[4:]].detach().numpy()
    np.testing.assert_allclose(model.score(["a b => c c\n"])[0].logprobs[3:], expected, atol=1e-5)


def test_the_source_is_predicted_as_at_the_start_of_a_document_by_hand(model):
    """The encoder reads BOS alone, and the decoder reads BOS and the source."""
    lexicon, network = model._fitted.lexicon, model._fitted.network
    ids = torch.tensor([len(lexicon), *lexicon.encode("a b =>").ids.tolist()])
    expected = network(ids[None, :-1], 3)[0].log_softmax(-1)[torch.arange(3), ids[1:]].detach().numpy()
    for text in ("a b =>", "a b => c c\n", "a b => => a b => c"):
        np.testing.assert_allclose(model.score([text])[0].logprobs[:3], expected, atol=1e-5)


@pytest.mark.parametrize("tokenizer", ["words", "bytes"])
def test_the_continuations_of_any_beginning_sum_to_one(tokenizer):
    """Brute force: each continuation is scored as a text, apart from unknown words and BOS, which no text shows."""
    model = fitted(f"{OPTIONS},steps=10,min_count=1,tokenizer={tokenizer}", train=PAIRS, valid=PAIRS[:4])
    for beginning in (" ".join(words) for length in range(4) for words in product(("a", "=>"), repeat=length)):
        after = model.next_events(beginning)
        likely = [n for n, spelling in enumerate(after.spellings) if spelling is not None and spelling.isascii()]
        texts = [beginning + after.spellings[number].decode() for number in likely]
        before, *costs = (score.logprobs.sum() for score in model.score([beginning, *texts]))
        rest = np.exp(np.delete(after.logprobs, likely)).sum()
        assert np.exp(np.array(costs) - before).sum() + rest == pytest.approx(1, abs=1e-5)


def test_a_target_costs_what_its_line_costs_beyond_the_source(model):
    for source, target in (
        ("a b =>", " b a\n"),
        ("a =>", " b => c\n"),
        ("=>", " c\n"),
        ("a b", " => c\n"),
        ("zz =>", " a\n"),
    ):
        expected = logprob(model, source + target) - logprob(model, source)
        assert model.score_continuation(source, target) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("text", LINES)
def test_a_beginning_costs_the_same_whatever_follows(model, text):
    """Which window predicts an event does not depend on what follows: neither the first => nor another one."""
    model.score([text])[0].check(text)
    before = model.score([text])[0].logprobs
    for ending in (" a", " =>", " => b a\n", " a => b\n => a\n"):
        np.testing.assert_allclose(model.score([text + ending])[0].logprobs[: len(before)], before, atol=1e-5)


@pytest.mark.parametrize("text", LINES)
def test_next_events_are_what_is_scored(model, text):
    after, score = model.next_events(text), model.score([text + "\n"])[0]
    assert np.exp(after.logprobs).sum() == pytest.approx(1, abs=1e-9)
    assert after.logprobs[after.names.index("\n")] == pytest.approx(score.logprobs[-1], abs=1e-5)


def test_a_state_advances_across_the_mark_and_the_line_end(model):
    state = model.state_after("a")
    for word, text in (("b", "a b"), ("=>", "a b =>"), ("c", "a b => c"), ("\n", "a b => c\n"), ("a", "a b => c\na")):
        state.advance(state.next_events().names.index(word))
        np.testing.assert_allclose(state.next_events().logprobs, model.next_events(text).logprobs, atol=1e-5)


def test_each_line_is_a_pair_of_its_own(model):
    text = "".join(PAIRS[:5])
    np.testing.assert_allclose(
        model.score([text])[0].logprobs, np.concatenate([score.logprobs for score in model.score(PAIRS[:5])]), atol=1e-5
    )


def test_it_learns_to_translate(model):
    """The source has nine equally likely forms, and the target follows from it."""
    assert model.score_continuation("a b =>", " b a\n") > np.log(0.9)
    assert model.score_continuation("a b =>", " a b\n") < np.log(0.05)
    assert logprob(model, "a b =>") == pytest.approx(-np.log(9), abs=0.2)


@pytest.mark.parametrize(
    ("tokenizer", "events"), [("words", ["=>"]), ("pieces", [" =", ">"]), ("bytes", ["Ġ", "=", ">"])]
)
def test_every_tokenizer_finds_the_mark(tokenizer, events):
    lexicon = fitted(f"{OPTIONS},steps=1,tokenizer={tokenizer}", train=PAIRS, valid=PAIRS[:4])._fitted.lexicon
    assert [lexicon.types[number] for number in mark_ids(lexicon)] == events
    ids = lexicon.encode("c a => b").ids.tolist()
    mark = list(mark_ids(lexicon))
    assert any(ids[place : place + len(mark)] == mark for place in range(len(ids)))


def test_a_text_without_pairs_is_read_in_fixed_segments_with_a_remark():
    text = ("the cat sat on the mat and the dog sat on the log\n",) * 4
    model = fitted(f"{OPTIONS},steps=5,context=4", train=text, valid=text[:1])
    assert model.remarks() == ("undertrained", "no pairs in the validation text")
    assert len(model.exhibits()) == 2
    fixed = fitted(f"{OPTIONS},steps=5,context=4,segments=fixed", train=text, valid=text[:1])
    fixed._fitted = model._fitted
    np.testing.assert_allclose(fixed.score(text)[0].logprobs, model.score(text)[0].logprobs, atol=1e-5)


def test_a_restored_model_is_the_same(model, tmp_path):
    model.save(tmp_path)
    restored = unfitted(OPTIONS)
    restored.restore(tmp_path)
    for one, other in zip(model.score(LINES), restored.score(LINES), strict=True):
        assert np.array_equal(one.logprobs, other.logprobs)
    assert restored.exhibits() == model.exhibits()
    assert str(restored.signature()) == str(model.signature())
    assert {"segments": "pairs", "bos": "line"}.items() <= dict(model.signature().parts).items()


def test_the_exhibits_show_what_the_target_attends_to(model):
    *_, alignment = model.exhibits()
    assert alignment.kind == "heatmap"
    assert alignment.columns[:2] == ("target", "<|endoftext|>")
    assert len(model.exhibits()) == 2 + 3
    for row in alignment.rows:
        assert sum(row[1:]) == pytest.approx(1, abs=0.005)
    assert [row[0] for row in alignment.rows][-1] == "\\n"


def test_the_shown_head_attends_to_the_word_that_is_translated(model):
    """Words change places, so that the alignment is known; the models of all seeds learn it."""
    pairs = [pair for pair in PAIRS[:9] if pair[0] != pair[2]]
    lexicon, network = model._fitted.lexicon, model._fitted.network
    sequences = [sequence for pair in pairs for sequence in sequences_of(lexicon, lexicon.encode(pair).ids, True)]
    weights = [attend_to_source(network, sequence) for sequence in sequences]
    layer, head = choose_head(weights)
    for shares in weights:
        assert shares[layer, head, :2].argmax(axis=1).tolist() == [2, 1]  # BOS is 0


class PairSubject(Subject):
    """A subject whose lines are pairs."""

    @cached_property
    def corpus(self):
        corpus = Subject.corpus.func(self)
        train, valid, test = (
            Split(tuple(map(with_marks, split.documents))) for split in (corpus.train, corpus.valid, corpus.test)
        )
        return replace(corpus, train=train, valid=valid, test=test)


def with_marks(document):
    """Return a document with => in the middle of each line."""
    lines = [(line.split(), len(line.split()) // 2) for line in document.splitlines()]
    return "".join(" ".join([*words[:half], "=>", *words[half:]]) + "\n" for words, half in lines)


@pytest.fixture(scope="module")
def subject():
    return PairSubject(lambda: unfitted(f"{OPTIONS},context=4,steps=10"))


@pytest.mark.parametrize("check", ["chain-rule", "causality", "cuts", "batches", "step-by-step", "save"])
def test_the_conformance_suite_passes_on_pairs(subject, check):
    """Four lines a document, of which many have a source or a target beyond the context."""
    CHECKS[check](subject)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("segments=pairs", "segments=pairs is for architecture=encoder-decoder; a decoder reads"),
        ("segments=pairs,architecture=encoder-decoder,stride=3", "an encoder-decoder reads segment by segment; leave"),
        ("segments=pairs,architecture=encoder-decoder,history=3", "an encoder-decoder reads segment by segment; leave"),
        ("segments=lines,architecture=encoder-decoder", "segments=lines: Input should be 'fixed' or 'pairs'"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(SpecError, match=message) as error:
        build(f"transformer:{options}")
    assert "\n" not in str(error.value)


def test_a_training_on_pairs_takes_twice_as_many_steps():
    fixed, pairs = (
        build(f"transformer:architecture=encoder-decoder{more}").options for more in ("", ",segments=pairs")
    )
    for size in (100, 313_664, 10**8):
        assert pairs.count_steps(size) == 2 * fixed.count_steps(size)
    assert build("transformer:architecture=encoder-decoder,segments=pairs,steps=7").options.count_steps(10**8) == 7


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_padding_changes_nothing(precision):
    """A batch of different sources has the mean loss of its events, each computed alone."""
    network, batch = padded_batch()
    assert [example.context for example in batch] == [0, 3, 7, 1]
    alone = [loss(network, [example], precision) * example.scored for example in batch]
    together = loss(network, batch, precision)
    assert together == pytest.approx(sum(alone) / 15, rel=1e-5 if precision == torch.float32 else 2e-2)


def padded_batch():
    """Return a network without dropout, and examples whose sources have different lengths."""
    torch.manual_seed(0)
    network = EncoderDecoder(Shape(ids=20, context=12, layers=2, width=16, heads=2, dropout=0)).float()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.2)
    rng = np.random.default_rng(0)
    batch = [
        Example(rng.integers(1, 20, size=read + 1 + scored), scored)
        for read, scored in ((0, 4), (3, 2), (7, 5), (1, 4))
    ]
    return network, batch


def loss(network, batch, precision, softmax=None):
    """Return the mean cost of an event in a batch."""
    optimizer = Optimizer(network, "adamw", softmax, precision, seed=0)
    inputs, targets = map(torch.from_numpy, pad_examples(batch))
    with torch.autocast("cpu", precision, enabled=precision != torch.float32):
        return optimizer._loss(inputs, targets).item()


def test_padding_is_not_a_type_of_a_sample():
    """If all types are drawn, the sampled softmax of a padded batch is the softmax over all of them."""
    network, batch = padded_batch()
    whole = loss(network, batch, torch.float32)
    sampled = loss(network, batch, torch.float32, SampledSoftmax(np.ones(20, dtype=np.int64), draws=5000))
    assert sampled == pytest.approx(whole, rel=1e-5)


def test_a_model_of_pairs_is_not_exported(model, tmp_path):
    with pytest.raises(SpecError, match="transformers can load only decoders"):
        Transformer.export(model, tmp_path / "folder")
