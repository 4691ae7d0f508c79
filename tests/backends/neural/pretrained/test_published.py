"""GPT-2's published perplexities of WikiText-2, and the windows of the programs that they were measured with."""

import io
import math
import re
import zipfile

import numpy as np
import pytest
import torch

from lmbench import build
from lmbench.backends.neural.pretrained.causal_network import CausalNetwork
from lmbench.backends.neural.windows import Window, score_sequences
from lmbench.corpora.catalog import read_catalog
from lmbench.errors import UnavailableError
from tests.checkpoints import byte_level, gpt2

CORPUS = "wikitext-2-raw"
CONTEXT = 1024


def published(measure):
    """Return the catalog's figure of GPT-2 for a measure."""
    return next(figure.value for figure in read_catalog()[CORPUS].published if figure.measure == measure)


def guide_windows(context):
    """Return the windowing of Hugging Face's guide without overlap, for ids without BOS.

    The first id of each window is not scored: no event ends there.
    """
    return lambda inputs: [
        Window(start, min(start + context - 1, len(inputs)), start) for start in range(0, len(inputs), context)
    ]


def harness_windows(context):
    """Return the windowing of lm-evaluation-harness, for ids that follow one BOS: the last window is moved back."""
    return lambda inputs: [
        Window(max(0, min(first + context, len(inputs)) - context), min(first + context, len(inputs)), first)
        for first in range(0, len(inputs), context)
    ]


def guide_perplexity(network, ids, context):
    (logprobs,) = score_sequences([ids], guide_windows(context), context, network.logprobs)
    scored = sum(window.end - window.first for window in guide_windows(context)(ids[:-1]))
    return math.exp(-logprobs.sum() / scored)


def raw_test_text(mirror):
    """Return the file of the test split as it is."""
    path = mirror / read_catalog()[CORPUS].files[0].path
    if not path.exists():
        pytest.skip(f"{path} does not exist")
    with zipfile.ZipFile(path) as archive:
        return archive.read("wikitext-2-raw/wiki.test.raw").decode()


@pytest.fixture(scope="module")
def scorer():
    """Return the scorer of the real GPT-2 if its weights are on this machine."""
    model = build(f"gpt2:offline=true,context={CONTEXT},stride={CONTEXT}")
    try:
        model.load()
    except UnavailableError as reason:
        pytest.skip(str(reason))
    return model._load_scorer()


def test_gpt2_has_its_published_perplexity_in_the_guides_windows(mirror, scorer):
    rows = io.StringIO(raw_test_text(mirror))
    text = "\n\n".join(row if row.strip() else "" for row in rows)  # as the dataset on the hub has them
    ids = scorer.tokenizer.encode(text).ids
    found = guide_perplexity(scorer.network, ids, CONTEXT)
    assert found == pytest.approx(published("token perplexity"), abs=0.01)


def test_gpt2_has_its_published_perplexity_in_the_harnesss_windows(mirror, scorer):
    preprocess = pytest.importorskip("lm_eval.tasks.wikitext.preprocess_wikitext", reason="lm-eval is not installed")
    pages = articles(raw_test_text(mirror))
    texts = [preprocess.wikitext_detokenizer({"page": page}) for page in pages]
    sequences = [scorer.sequence(scorer.tokenizer.encode(text)) for text in texts]
    logprobs = score_sequences(sequences, harness_windows(CONTEXT), CONTEXT, scorer.network.logprobs)
    words = sum(len(re.split(r"\s+", page)) for page in pages)
    found = math.exp(-sum(map(np.sum, logprobs)) / words)
    assert found == pytest.approx(published("word perplexity"), abs=0.01)


def articles(text):
    """Return the pages of the dataset EleutherAI/wikitext_document_level, which begin at headings of one ``=``."""
    starts = [match.start() for match in re.finditer(r"^ = [^=].* = ?$", text, re.MULTILINE)]
    return [text[start:end] for start, end in zip(starts, [*(start - 1 for start in starts[1:]), None], strict=True)]


@torch.inference_mode()
@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("length", [10, 64, 65, 150, 192])
def test_the_guides_windows_give_the_perplexity_of_its_loop(network, length):
    ids = torch.arange(length)[None] * 7 % 256
    losses, number = 0.0, 0
    for begin in range(0, length, 64):
        window = ids[:, begin : begin + 64]
        if window.shape[1] > 1:
            losses += float(network.model(window, labels=window).loss) * (window.shape[1] - 1)
            number += window.shape[1] - 1
    assert guide_perplexity(network, ids[0].numpy(), 64) == pytest.approx(math.exp(losses / number), rel=1e-5)


@pytest.fixture(scope="module")
def network():
    return CausalNetwork.prepare(gpt2(byte_level().get_vocab_size()).eval(), 64)


@pytest.mark.parametrize("length", [1, 63, 64, 65, 128, 150])
def test_the_harnesss_windows_are_its_own(length):
    utils = pytest.importorskip("lm_eval.utils", reason="lm-eval is not installed")
    tokens = list(range(1, length + 1))
    theirs = utils.get_rolling_token_windows(tokens, prefix_token=0, max_seq_len=64, context_len=1)
    sequence = [0, *tokens]
    ours = [
        (sequence[window.start : window.end], sequence[window.first + 1 : window.end + 1])
        for window in harness_windows(64)(range(length))
    ]
    assert ours == [(list(inputs), list(targets)) for inputs, targets in theirs]
