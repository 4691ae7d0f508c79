"""Scores of sequences: independent of batches and of what follows, and equal to the predictions event by event."""

import numpy as np
import pytest
import torch

from lmbench.backends.neural.transformer.model import Transformer
from tests.backends.neural.transformer.small_models import TRAIN, fitted

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("length", [1, 20, 100])
def test_scores_do_not_depend_on_what_follows(model, length):
    prefix = "the cat sat on the log.\n" * length
    suffixes = ("", "it was sad.\n", "it was glad.\n" * 50)
    events = len(model.score([prefix])[0].ends)
    first, *others = (score.logprobs[:events] for score in model.score([prefix + suffix for suffix in suffixes]))
    for other in others:
        np.testing.assert_allclose(other, first, atol=1e-5)


def test_the_stride_changes_nothing_if_the_text_fits_the_context():
    models = [fitted(f",steps=5,stride={stride}") for stride in (1, 7, 32)]
    scores = [model.score(TRAIN[:2]) for model in models]
    for one, other in zip(scores[0] * 2, scores[1] + scores[2], strict=True):
        np.testing.assert_allclose(one.logprobs, other.logprobs, atol=1e-5)


@pytest.mark.parametrize("text", ["", "the", "the cat", "the cat sat on the mat.\n", "the cat sat.\n" * 30])
def test_next_events_are_what_is_scored(model, text):
    after = model.next_events(text)
    assert len(after.names) == len(after.logprobs) == len(after.spellings) == len(model._fitted.lexicon) + 1
    assert (after.names[-1], after.spellings[-1]) == ("<|endoftext|>", None)
    assert np.exp(after.logprobs).sum() == pytest.approx(1, abs=1e-9)
    score = model.score([text + "\n"])[0]
    assert after.logprobs[after.names.index("\n")] == pytest.approx(score.logprobs[-1], abs=1e-5)


def test_an_encoder_decoder_predicts_each_segment_from_the_one_before(encoder_decoder):
    """Segment by segment, by hand: the network reads the segment before and this one, and nothing else."""
    lexicon, network = encoder_decoder._fitted.lexicon, encoder_decoder._fitted.network
    text = "the cat sat on the mat.\n" * 6
    encoded = lexicon.encode(text)
    sequence = torch.tensor([len(lexicon), *encoded.ids.tolist()])
    inputs, targets = sequence[:-1].split(12), sequence[1:].split(12)
    assert len(inputs) > 3
    expected = []
    for before, current, wanted in zip((inputs[0][:0], *inputs), inputs, targets, strict=False):
        with torch.inference_mode():
            logprobs = network(torch.cat([before, current])[None], len(current))[0].log_softmax(-1)
        expected += logprobs[torch.arange(len(wanted)), wanted].tolist()
    score = encoder_decoder.score([text])[0]
    np.testing.assert_allclose(score.logprobs - score.spelling, expected, atol=1e-5)


def test_an_encoder_decoder_looks_back_one_segment_and_never_ahead(encoder_decoder):
    text = "the cat sat on the mat.\n" * 6
    whole = encoder_decoder.score([text])[0].logprobs
    longer = encoder_decoder.score([text + "it was sad.\n"])[0].logprobs
    np.testing.assert_allclose(longer[: len(whole)], whole, atol=1e-5)
    other = encoder_decoder.score(["the hen" + text[7:]])[0].logprobs  # differs in the first segment
    assert len(other) == len(whole) > 3 * 12
    assert np.abs(other - whole)[12:24].max() > 1e-4
    np.testing.assert_allclose(other[24:], whole[24:], atol=1e-5)


@pytest.mark.parametrize("text", ["", "the", "the cat sat on the mat.\n", "the cat sat.\n" * 30])
def test_an_encoder_decoders_next_events_are_what_is_scored(encoder_decoder, text):
    after = encoder_decoder.next_events(text)
    assert np.exp(after.logprobs).sum() == pytest.approx(1, abs=1e-9)
    score = encoder_decoder.score([text + "\n"])[0]
    assert after.logprobs[after.names.index("\n")] == pytest.approx(score.logprobs[-1], abs=1e-5)


@pytest.mark.parametrize("history", [1, 3, 32])
def test_a_history_is_all_that_the_network_reads(model, history):
    """Event by event, by hand: the last events before it, of which BOS is one at the beginning."""
    lexicon, network = model._fitted.lexicon, model._fitted.network
    text = "the cat sat on the mat.\n" * 6
    sequence = torch.tensor([len(lexicon), *lexicon.encode(text).ids.tolist()])
    expected, read = [], min(history, network.shape.context)  # training texts may be shorter than the context
    for place in range(1, len(sequence)):
        with torch.inference_mode():
            logits = network(sequence[max(0, place - read) : place][None], 1)[0, -1]
        expected.append(logits.log_softmax(-1)[sequence[place]].item())
    cut = cut_history(model, history)
    [score] = cut.score([text])
    np.testing.assert_allclose(score.logprobs - score.spelling, expected, atol=1e-5)
    assert cut.next_events(text[:-1]).logprobs[lexicon.encode(text).ids[-1]] == pytest.approx(expected[-1], abs=1e-5)
    assert ("history", str(history)) in cut.signature().parts
    assert "stride" not in dict(cut.signature().parts)


def cut_history(model, history):
    """Return the same fitted model with another history."""
    other = Transformer(model.options.model_copy(update={"history": history}))
    other._fitted = model._fitted
    return other


def test_a_saved_model_can_have_another_history(model, tmp_path):
    for number, saved in enumerate((model, cut_history(model, 2))):
        folder = tmp_path / str(number)
        folder.mkdir()
        saved.save(folder)
        restored = Transformer(model.options.model_copy(update={"history": 3}))
        restored.restore(folder)
        expected = cut_history(model, 3).score(TRAIN[:1])[0].logprobs
        np.testing.assert_allclose(restored.score(TRAIN[:1])[0].logprobs, expected, atol=1e-5)
