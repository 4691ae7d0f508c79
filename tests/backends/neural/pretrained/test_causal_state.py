"""Conditioning on bytes, proved by brute force over small vocabularies of random models."""

import math

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from lmbench import build
from lmbench.backends.neural.pretrained.hub_tokenizer import HubTokenizer
from lmbench.generation import Sampler
from tests.backends.neural.pretrained.test_hub_tokenizer import bart, unigram
from tests.backends.neural.pretrained.test_hub_tokenizer import llama as llama_tokenizer
from tests.backends.neural.pretrained.test_seam import covers_by_brute_force, gemma, gpt4
from tests.checkpoints import BOS, gpt2, llama, save

pytestmark = pytest.mark.usefixtures("one_thread")

KINDS = {"BART": bart, "GPT-4": gpt4, "Llama": llama_tokenizer, "Gemma": gemma, "unigram": unigram}
CONTEXTS = ("the c", "a\n\n", "the cat sat ", "a 我")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    made = {}
    for kind, tokenizer in KINDS.items():
        backend = tokenizer().backend_tokenizer
        if "<unk>" not in backend.get_vocab():
            backend.add_special_tokens([BOS])
        network = llama(backend) if "<unk>" in backend.get_vocab() else gpt2(backend.get_vocab_size())
        bos = "<unk>" if "<unk>" in backend.get_vocab() else BOS
        made[kind] = save(tmp_path_factory.mktemp("model"), network, backend, bos_token=bos, unk_token=bos)
    return made


class Library:
    """Probabilities of token sequences, by the library alone."""

    def __init__(self, folder, model):
        self.network = AutoModelForCausalLM.from_pretrained(folder).eval()
        self.bos = model._load_scorer().bos.tolist()

    def next(self, ids):
        with torch.inference_mode():
            return self.network(torch.tensor([self.bos + list(ids)])).logits[0, -1].double().log_softmax(-1).numpy()

    def logprob(self, ids):
        return sum(float(self.next(ids[:number])[token]) for number, token in enumerate(ids))


def spelled_covers(library, tokenizer, text):
    """Return every way in which a longer text begins with these bytes, with its log-probability."""
    return {cover: library.logprob(cover.ids) for cover in covers_by_brute_force(tokenizer, text)}


@pytest.fixture(scope="module", params=KINDS)
def kind(request, folders):
    model = build(f"hf:{folders[request.param]}")
    return model, Library(folders[request.param], model), HubTokenizer(model._load_scorer().tokenizer.tokenizer)


def require_complete(model, context, covers):
    """Skip the test unless the alphabet of the brute force has all that may follow the context."""
    branches = getattr(model.state_after(context), "_branches", covers)
    if len(branches) != len(covers):
        pytest.skip("tokens go on with letters that the brute force does not try")


@pytest.mark.parametrize("context", CONTEXTS)
def test_a_continuation_is_conditioned_on_all_ways_to_spell_the_context(kind, context):
    model, library, tokenizer = kind
    covers = spelled_covers(library, tokenizer, context)
    require_complete(model, context, covers)
    given = np.logaddexp.reduce(list(covers.values()))
    for rest in ("at", "he", " cat", "\na", "我", "t"):
        ids = tokenizer.encode(context + rest).ids.tolist()
        assert model.score_continuation(context, rest) == pytest.approx(library.logprob(ids) - given, abs=1e-3)


@pytest.mark.parametrize("context", ["the cat", "the ", "at"])
def test_tokens_that_decoding_alone_proves_count_by_their_places(folders, context):
    model = build(f"hf:{folders['unigram']}")
    tokenizer = model._load_scorer().tokenizer
    tokenizer.spellings[tokenizer.names.index("at")] = None
    whole = model.score([context + "at at"])[0]
    after = whole.logprobs[whole.ends > len(context)].sum()
    assert tokenizer.split([context + "at at"]) == [None]
    assert model.score_continuation(context, "at at") == pytest.approx(after, abs=1e-6)


@pytest.mark.parametrize("context", CONTEXTS)
def test_next_events_are_those_after_all_ways_to_spell_the_context(kind, context):
    """The probability of each spelling is the sum over the covers."""
    model, library, tokenizer = kind
    covers = spelled_covers(library, tokenizer, context)
    require_complete(model, context, covers)
    given, expected = np.logaddexp.reduce(list(covers.values())), {}
    spellings = model._load_scorer().events.spellings  # b"" for the end
    for cover, nats in covers.items():
        share = math.exp(nats - given)
        nexts = [(cover.beyond, 1.0)] if cover.beyond else zip(spellings, np.exp(library.next(cover.ids)), strict=False)
        for spelling, p in nexts:
            expected[spelling] = expected.get(spelling, 0.0) + share * p
    after = model.next_events(context)
    assert np.exp(after.logprobs).sum() == pytest.approx(1, abs=1e-6)
    for spelling, p in expected.items():
        if spelling:
            same = [i for i, known in enumerate(after.spellings) if known == spelling]
            assert np.exp(after.logprobs[same]).sum() == pytest.approx(p, abs=1e-5)


@pytest.mark.parametrize("context", CONTEXTS)
def test_the_probabilities_of_exclusive_continuations_sum_to_at_most_1(kind, context):
    model, _, tokenizer = kind
    rests = sorted({s.decode() for s in tokenizer.event_spellings if s and s.isascii() and len(s) == 1})
    pairs = [(context, rest + end) for rest in rests for end in ("a", "t", " ", "\n")]
    total = np.exp(model.score_continuations(pairs)).sum()
    assert 0 < total <= 1 + 1e-6


def test_reading_event_by_event_gives_the_scored_logprobs(kind):
    model, _, tokenizer = kind
    text = "at x\n\n\u2003(a) cat\r\na  the 我\n" if model.score(["x"]) else ""
    ids, state = tokenizer.encode(text).ids.tolist(), model.state_after("")
    for token, nats in zip(ids, model.score([text])[0].logprobs, strict=True):
        assert state.next_events().logprobs[token] == pytest.approx(nats, abs=1e-4)
        state.advance(token)


def test_generation_finishes_a_token_that_the_prompt_begins(kind):
    """Of many texts, as many finish it as the brute force says."""
    model, library, tokenizer = kind
    covers = spelled_covers(library, tokenizer, "a t")
    given, expected = np.logaddexp.reduce(list(covers.values())), {}
    for cover, nats in covers.items():
        expected[cover.beyond] = expected.get(cover.beyond, 0.0) + math.exp(nats - given)
    state, sampler, generator = model.state_after("a t"), Sampler(temperature=1.0), np.random.default_rng(0)
    if len(covers) == 1:
        return
    nexts = state.next_events()
    rest = len(nexts.logprobs) - sum(map(bool, [cover.beyond for cover in covers]))
    drawn = [sampler.choose(nexts.logprobs, generator) for _ in range(2000)]
    longer = [nexts.spellings[event] for event in drawn if event >= rest]
    for beyond, p in expected.items():
        if beyond:
            assert longer.count(beyond) / 2000 == pytest.approx(p, abs=4 * math.sqrt(p / 2000))


def test_states_share_what_they_read_and_stay_apart(folders):
    model = build(f"hf:{folders['GPT-4']}")
    text = "the cat sat on the mat. the c"
    alone = build(f"hf:{folders['GPT-4']}").next_events(text + "at s").logprobs
    first = model.state_after(text)
    before = first.next_events().logprobs.copy()
    second = model.state_after(text + "at s")
    np.testing.assert_allclose(second.next_events().logprobs, alone, atol=1e-5)
    second.advance(5)
    np.testing.assert_array_equal(first.next_events().logprobs, before)
    first.advance(7)
    np.testing.assert_allclose(model.state_after(text + "at s").next_events().logprobs, alone, atol=1e-5)
