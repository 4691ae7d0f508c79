"""Sampling agrees with the filters of transformers, and every family of models generates text."""

import math
from collections import Counter

import numpy as np
import pytest

from lmbench import LanguageModel, ModelState, NextEvents, Sampler, Split, TrainingText, build, generate
from lmbench.errors import LmbenchError
from lmbench.generation import require_distribution, whole_characters
from tests.mutants import Bigram, Log10WithoutDistribution

FAMILIES = (
    "uniform",
    "ppm:order=3",
    "nltk:order=2,tokenizer=pieces",
    "kenlm:order=3,tokenizer=pieces",
    "kenlm:order=3,tokenizer=words",
    "ngram:order=3,tokenizer=pieces",
    "cache:tokenizer=pieces",
    "mix:kenlm:order=3;tokenizer=pieces+cache:tokenizer=pieces",
    "hmm:states=3,iterations=5,tokenizer=bytes",
    "transformer:layers=1,width=16,heads=2,context=16,steps=20,tokenizer=bpe:300",
    "transformer:layers=1,width=16,heads=2,context=16,steps=20,tokenizer=words",
)
ENGLISH = ("the cat sat on the mat\n", "the dog sat on the log\n", "a cat saw the dog\n") * 4
CHINESE = ("我是一个程序员\n", "他是一只猫\n", "我是一只狗，他不是\n") * 4

pytestmark = pytest.mark.usefixtures("one_thread")


def fitted(model, train):
    model.fit(TrainingText(Split(train), Split(train[:2])))
    return model


def text_of(model, prompt="", length=30, number=0, **settings):
    return "".join(generate(model, prompt, length, Sampler(**settings), number))


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
@pytest.mark.parametrize("top_k", [0, 1, 5, 99])
@pytest.mark.parametrize("top_p", [1.0, 0.9, 0.3, 1e-9])
def test_the_filters_agree_with_transformers(temperature, top_k, top_p):
    torch = pytest.importorskip("torch")
    from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    logprobs = np.random.default_rng(5).normal(scale=2, size=40)
    logprobs[[3, 8]] = -np.inf
    logits = TemperatureLogitsWarper(temperature)(None, torch.from_numpy(logprobs)[None])
    if top_k:
        logits = TopKLogitsWarper(top_k)(None, logits)
    if top_p < 1:
        logits = TopPLogitsWarper(top_p)(None, logits)
    sampler = Sampler(temperature, top_k, top_p)
    np.testing.assert_allclose(sampler.probabilities(logprobs), logits[0].softmax(-1).numpy(), atol=1e-12)


@pytest.mark.filterwarnings("error")
def test_a_tiny_temperature_draws_the_most_likely():
    assert Sampler(1e-310).probabilities(np.log([0.2, 0.5, 0.3])).tolist() == [0, 1, 0]


@pytest.mark.parametrize("filters", [{"top_k": 5}, {"top_p": 0.9}])
def test_filters_alone_mean_temperature_1(filters):
    logprobs = np.log(np.arange(1, 11) / 55)
    assert not Sampler(**filters).is_greedy
    assert (
        Sampler(**filters).probabilities(logprobs).tolist() == Sampler(1.0, **filters).probabilities(logprobs).tolist()
    )
    with pytest.raises(LmbenchError, match="at temperature 0 nothing is drawn"):
        Sampler(0.0, **filters)
    assert Sampler().is_greedy


def test_frequencies_of_draws_match_the_probabilities():
    probabilities = np.array([0.5, 0.3, 0.15, 0.05, 0.0])
    with np.errstate(divide="ignore"):
        logprobs = np.log(probabilities)
    generator = np.random.default_rng(0)
    draws = [Sampler(1.0).choose(logprobs, generator) for _ in range(10_000)]
    shares = np.bincount(draws, minlength=5) / len(draws)
    assert (np.abs(shares - probabilities) <= 4 * np.sqrt(probabilities * (1 - probabilities) / len(draws))).all()


def test_the_most_likely_event_is_chosen_by_default():
    assert Sampler().choose(np.log([0.2, 0.4, 0.4]), np.random.default_rng(0)) == 1


@pytest.mark.parametrize(
    "wrong",
    [{"temperature": -1}, {"temperature": np.nan}, {"temperature": np.inf}, {"top_k": -1}, {"top_p": 0}, {"top_p": 2},
     {"seed": -1}],
)  # fmt: skip
def test_values_out_of_range_are_refused(wrong):
    with pytest.raises(LmbenchError, match=r"is (not|below)"):
        Sampler(**wrong)


@pytest.mark.parametrize(
    ("parts", "texts"),
    [
        ([b"a", "我".encode()[:1], "我".encode()[1:2], "我".encode()[2:], b"b"], ["a", "我", "b"]),
        (["🐈".encode()[:3]], ["\ufffd"]),
        ([b"\xff", b"a"], ["\ufffd", "a"]),
        (["我".encode()[:2], b"a"], ["\ufffda"]),
        ([], []),
    ],
)
def test_characters_are_yielded_whole(parts, texts):
    assert list(whole_characters(parts)) == texts


@pytest.mark.parametrize("spec", FAMILIES)
@pytest.mark.parametrize(("train", "prompt"), [(ENGLISH, "the cat"), (CHINESE, "我是一个程序员")])
def test_every_family_continues_a_prompt(spec, train, prompt):
    model = fitted(build(spec), train)
    greedy = text_of(model, prompt)
    assert greedy
    assert greedy == text_of(model, prompt, seed=3)  # nothing is drawn
    drawn = [text_of(model, prompt, temperature=1.0, seed=seed) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert text_of(model, prompt, temperature=1.0, seed=1, number=1) != drawn[0]
    assert text_of(model, "", temperature=1.0)
    assert text_of(model, prompt, length=0) == ""
    model.score([prompt + drawn[0]])[0].check(prompt + drawn[0])


ODD_PROMPTS = (
    "",
    " ",
    "   ",
    "\n\n",
    "\t",
    "the c",
    "the  cat ",
    "zzqx",
    "<unk> </s>",
    "\x00",
    "the\r\n",
    "é 😀",
    "中文",
)


@pytest.mark.parametrize("spec", [spec for spec in FAMILIES if spec.split(":")[0] not in ("transformer", "ppm")])
def test_odd_prompts_and_samplers(spec):
    """Generated text can be scored, and extreme samplers choose the most likely event."""
    model = fitted(build(spec), ENGLISH)
    for prompt in ODD_PROMPTS:
        greedy = text_of(model, prompt, 4)
        model.score([prompt + greedy])[0].check(prompt + greedy)
        most_likely = most_likely_texts(model.state_after(prompt))
        for settings in (
            {"temperature": 1e-300},
            {"temperature": 1.0, "top_p": 1e-12},
            {"temperature": 1e6, "top_k": 1},
        ):
            assert text_of(model, prompt, 1, **settings) in most_likely, (prompt, settings)
        anything = text_of(model, prompt, 4, temperature=1e9)
        model.score([prompt + anything])[0].check(prompt + anything)


def most_likely_texts(state):
    chances = next_logprobs(state)
    return [decoded(state.next_events().spellings[i]) for i, p in chances.items() if p == max(chances.values())]


def decoded(spelling):
    return spelling.decode(errors="replace")


def next_logprobs(state):
    """Return the log-probabilities of the next events that have a certain text."""
    after = state.next_events()
    return {i: p for i, p in enumerate(after.logprobs.tolist()) if after.spellings[i] is not None}


def brute_force(state, temperature, top_k, top_p):
    """Return P(event) for each next event, filtered one by one."""
    weights = {i: math.exp(logprob / temperature) for i, logprob in next_logprobs(state).items()}
    least = sorted(weights.values(), reverse=True)[:top_k][-1]
    weights = {i: weight for i, weight in weights.items() if weight >= least}
    kept, mass = {}, 0.0
    for i in sorted(weights, key=lambda i: -weights[i]):
        if mass >= top_p:
            break
        kept[i] = weights[i] / sum(weights.values())
        mass += kept[i]
    return {i: p / mass for i, p in kept.items()}


@pytest.mark.parametrize("spec", ["ngram", "kenlm", "cache", "nltk", "mix:kenlm:order=3+ngram:order=2", "arpa"])
@pytest.mark.parametrize(("train", "prompt"), [(ENGLISH, "the"), (CHINESE, "我是一")])
def test_frequencies_of_two_events_match_brute_force(spec, train, prompt, tmp_path):
    """1,500 draws of two events match the probabilities of all pairs within 4.5 standard deviations."""
    model = fitted(build("kenlm:order=3,min_count=1" if spec == "arpa" else spec), train)
    if spec == "arpa":
        model.export(tmp_path / "x.arpa")
        model = build(f"arpa:{tmp_path}/x.arpa,escaped=true,tokenizer=pieces")
        model.load()
    settings = {"temperature": 1.3, "top_k": 6, "top_p": 0.9}
    expected = Counter()
    for one, p in brute_force(model.state_after(prompt), **settings).items():
        state = model.state_after(prompt)
        start = decoded(state.next_events().spellings[one])
        state.advance(one)
        for other, q in brute_force(state, **settings).items():
            expected[start + decoded(state.next_events().spellings[other])] += p * q
    draws = Counter(text_of(model, prompt, 2, number, seed=5, **settings) for number in range(1500))
    assert sum(expected.values()) == pytest.approx(1)
    assert set(draws) <= set(expected)
    assert len(expected) > 3
    for text, p in expected.items():
        assert abs(draws[text] - 1500 * p) <= 4.5 * math.sqrt(1500 * p * (1 - p)) + 1


@pytest.mark.parametrize("spec", ["kenlm:order=3", "nltk:order=3", "hmm:states=4"])
def test_greedy_text_has_the_most_likely_event_at_each_step(spec):
    model = fitted(build(f"{spec},tokenizer=words"), ENGLISH)
    text = "the dog"
    for _ in range(12):
        nexts = model.next_events(text)
        known = np.where([name == "<unk>" for name in nexts.names], -np.inf, nexts.logprobs)
        word = nexts.names[int(np.argmax(known))]
        text += word if word == "\n" or text.endswith("\n") else " " + word
    assert text == "the dog" + text_of(model, "the dog", length=12)


def test_a_unigram_draws_texts_with_the_probability_of_their_score():
    class Fair(Bigram):
        def fit(self, data, progress=None):
            self.table = np.log(np.full((257, 256), 1e-9 / 255))
            self.table[:, [ord("a"), ord("b")]] = np.log([0.75 - 5e-10, 0.25 - 5e-10])

    model = fitted(Fair(), ENGLISH)
    texts = [text_of(model, length=2, temperature=1.0, number=number) for number in range(1500)]
    for text, probability in {"aa": 9 / 16, "ab": 3 / 16, "ba": 3 / 16, "bb": 1 / 16}.items():
        assert texts.count(text) / len(texts) == pytest.approx(probability, abs=0.05)


class Fixed(LanguageModel):
    """Four events with fixed probabilities."""

    spellings = (None, b"a", b"", b"b")
    weights = (0.9, 0.07, 0.02, 0.01)

    def fit(self, data, progress=None):
        pass

    def score(self, documents):
        return []

    def signature(self):
        raise AssertionError

    def next_events(self, text):
        return NextEvents(("<unk>", "a", "end", "b"), np.log(self.weights), self.spellings)


def test_an_unknown_word_is_never_chosen_and_the_others_share_its_probability():
    assert text_of(Fixed(), length=5) == "aaaaa"
    first = [text_of(Fixed(), length=1, temperature=1.0, number=number) for number in range(2000)]
    assert first.count("a") / 2000 == pytest.approx(0.7, abs=0.05)


def test_the_end_of_a_text_ends_it():
    class Ends(Fixed):
        def next_events(self, text):
            after = super().next_events(text)
            return after if len(text) < 3 else NextEvents(after.names, after.logprobs[[0, 2, 1, 3]], after.spellings)

    assert text_of(Ends(), "x", length=50) == "aa"


def test_a_model_without_a_distribution_is_refused():
    with pytest.raises(
        LmbenchError, match=r"^Log10WithoutDistribution cannot generate text: the model offers no next-ev"
    ):
        text_of(fitted(Log10WithoutDistribution(), ENGLISH))


def test_that_a_model_offers_no_distribution_is_known_before_it_is_fitted():
    for model in (Fixed(), *map(build, FAMILIES)):
        require_distribution(model)
    with pytest.raises(LmbenchError, match=r"^Log10WithoutDistribution cannot generate text: the model offers no"):
        require_distribution(Log10WithoutDistribution())


def test_a_model_that_spells_no_events_is_refused():
    class Nameless(Fixed):
        spellings = ()

    class Unknown(Fixed):
        spellings = (None,) * 4

    with pytest.raises(LmbenchError, match=r"^Nameless cannot generate text: it does not say how"):
        text_of(Nameless())
    with pytest.raises(LmbenchError, match=r"^Unknown cannot generate text here"):
        text_of(Unknown())


def test_a_model_with_next_events_alone_generates_whole_characters():
    """`next_events` takes a text, which cannot end inside a character."""
    model = fitted(Bigram(), CHINESE)
    assert text_of(model, "我", length=20, temperature=1.0).isascii()


def test_next_events_and_state_after_are_derived_from_each_other():
    class UniformState(ModelState):
        def next_events(self):
            return NextEvents.of_bytes(np.full(256, -np.log(256)))

        def advance(self, event):
            pass

    class Stateful(Fixed):
        next_events = LanguageModel.next_events

        def state_after(self, text):
            return UniformState()

    assert Stateful().next_events("").names[65] == "A"
    assert Fixed().state_after("").next_events().spellings == Fixed.spellings
    with pytest.raises(ValueError, match="does not have a spelling"):
        Fixed().state_after("").advance(0)
