"""Sampling against transformers' own filters, and text out of every family of models."""

import math
from collections import Counter

import numpy as np
import pytest

from lmbench import LanguageModel, ModelState, NextEvents, Sampler, Split, TrainingText, build, generate
from lmbench.errors import LmbenchError
from lmbench.generation import whole_characters
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


def text_of(model, prompt="", length=30, number=0, **how):
    return "".join(generate(model, prompt, length, Sampler(**how), number))


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
@pytest.mark.parametrize("top_k", [0, 1, 5, 99])
@pytest.mark.parametrize("top_p", [1.0, 0.9, 0.3, 1e-9])
def test_the_filters_are_those_of_transformers(temperature, top_k, top_p):
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
def test_a_temperature_next_to_0_draws_the_likeliest():
    assert Sampler(1e-310).probabilities(np.log([0.2, 0.5, 0.3])).tolist() == [0, 1, 0]


@pytest.mark.parametrize("filters", [{"top_k": 5}, {"top_p": 0.9}])
def test_filters_without_a_temperature_draw_at_1(filters):
    logprobs = np.log(np.arange(1, 11) / 55)
    assert not Sampler(**filters).is_greedy
    assert (
        Sampler(**filters).probabilities(logprobs).tolist() == Sampler(1.0, **filters).probabilities(logprobs).tolist()
    )
    with pytest.raises(LmbenchError, match="at temperature 0 nothing is drawn"):
        Sampler(0.0, **filters)
    assert Sampler().is_greedy


def test_draws_are_as_frequent_as_they_are_likely():
    probabilities = np.array([0.5, 0.3, 0.15, 0.05, 0.0])
    with np.errstate(divide="ignore"):
        logprobs = np.log(probabilities)
    generator = np.random.default_rng(0)
    draws = [Sampler(1.0).choose(logprobs, generator) for _ in range(10_000)]
    shares = np.bincount(draws, minlength=5) / len(draws)
    assert (np.abs(shares - probabilities) <= 4 * np.sqrt(probabilities * (1 - probabilities) / len(draws))).all()


def test_without_a_temperature_the_likeliest_is_chosen():
    assert Sampler().choose(np.log([0.2, 0.4, 0.4]), np.random.default_rng(0)) == 1


@pytest.mark.parametrize(
    "wrong",
    [{"temperature": -1}, {"temperature": np.nan}, {"temperature": np.inf}, {"top_k": -1}, {"top_p": 0}, {"top_p": 2},
     {"seed": -1}],
)  # fmt: skip
def test_values_that_cannot_be_are_refused(wrong):
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
def test_characters_come_out_whole(parts, texts):
    assert list(whole_characters(parts)) == texts


@pytest.mark.parametrize("spec", FAMILIES)
@pytest.mark.parametrize(("train", "prompt"), [(ENGLISH, "the cat"), (CHINESE, "我是一个程序员")])
def test_every_family_writes_on(spec, train, prompt):
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
    """What is written on is scored as text; at the edges of temperature, top-k and top-p as elsewhere."""
    model = fitted(build(spec), ENGLISH)
    for prompt in ODD_PROMPTS:
        greedy = text_of(model, prompt, 4)
        model.score([prompt + greedy])[0].check(prompt + greedy)
        likeliest = likeliest_texts(model.state_after(prompt))
        for how in ({"temperature": 1e-300}, {"temperature": 1.0, "top_p": 1e-12}, {"temperature": 1e6, "top_k": 1}):
            assert text_of(model, prompt, 1, **how) in likeliest, (prompt, how)
        anything = text_of(model, prompt, 4, temperature=1e9)
        model.score([prompt + anything])[0].check(prompt + anything)


def likeliest_texts(state):
    chances = first(state)
    return [shown(state.next_events().spellings[i]) for i, p in chances.items() if p == max(chances.values())]


def shown(spelling):
    return spelling.decode(errors="replace")


def first(state):
    """The log-probabilities of the next events that are certain text."""
    after = state.next_events()
    return {i: p for i, p in enumerate(after.logprobs.tolist()) if after.spellings[i] is not None}


def brute_force(state, temperature, top_k, top_p):
    """P of each next event, filtered one by one."""
    weights = {i: math.exp(logprob / temperature) for i, logprob in first(state).items()}
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
def test_two_events_are_drawn_as_often_as_by_brute_force(spec, train, prompt, tmp_path):
    """Of 1,500 draws of two events each, against all pairs' probabilities, within 4.5 standard deviations."""
    model = fitted(build("kenlm:order=3,min_count=1" if spec == "arpa" else spec), train)
    if spec == "arpa":
        model.export(tmp_path / "x.arpa")
        model = build(f"arpa:{tmp_path}/x.arpa,escaped=true,tokenizer=pieces")
    how = {"temperature": 1.3, "top_k": 6, "top_p": 0.9}
    expected = Counter()
    for one, p in brute_force(model.state_after(prompt), **how).items():
        state = model.state_after(prompt)
        start = shown(state.next_events().spellings[one])
        state.advance(one)
        for other, q in brute_force(state, **how).items():
            expected[start + shown(state.next_events().spellings[other])] += p * q
    draws = Counter(text_of(model, prompt, 2, number, seed=5, **how) for number in range(1500))
    assert sum(expected.values()) == pytest.approx(1)
    assert set(draws) <= set(expected)
    assert len(expected) > 3
    for text, p in expected.items():
        assert abs(draws[text] - 1500 * p) <= 4.5 * math.sqrt(1500 * p * (1 - p)) + 1


@pytest.mark.parametrize("spec", ["kenlm:order=3", "nltk:order=3", "hmm:states=4"])
def test_greedy_text_is_the_likeliest_at_each_event(spec):
    model = fitted(build(f"{spec},tokenizer=words"), ENGLISH)
    text = "the dog"
    for _ in range(12):
        nexts = model.next_events(text)
        known = np.where([name == "<unk>" for name in nexts.names], -np.inf, nexts.logprobs)
        word = nexts.names[int(np.argmax(known))]
        text += word if word == "\n" or text.endswith("\n") else " " + word
    assert text == "the dog" + text_of(model, "the dog", length=12)


def test_a_unigram_draws_texts_as_often_as_it_scores_them():
    class Fair(Bigram):
        def fit(self, data, progress=None):
            self.table = np.log(np.full((257, 256), 1e-9 / 255))
            self.table[:, [ord("a"), ord("b")]] = np.log([0.75 - 5e-10, 0.25 - 5e-10])

    model = fitted(Fair(), ENGLISH)
    texts = [text_of(model, length=2, temperature=1.0, number=number) for number in range(1500)]
    for text, probability in {"aa": 9 / 16, "ab": 3 / 16, "ba": 3 / 16, "bb": 1 / 16}.items():
        assert texts.count(text) / len(texts) == pytest.approx(probability, abs=0.05)


class Fixed(LanguageModel):
    """Four events, always equally likely but for the weight of each."""

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


def test_a_model_without_a_distribution_says_so():
    with pytest.raises(LmbenchError, match=r"^Log10WithoutDistribution generates no text: the model offers no next-ev"):
        text_of(fitted(Log10WithoutDistribution(), ENGLISH))


def test_a_model_that_spells_nothing_says_so():
    class Nameless(Fixed):
        spellings = ()

    class Unknown(Fixed):
        spellings = (None,) * 4

    with pytest.raises(LmbenchError, match=r"^Nameless generates no text: it does not say how"):
        text_of(Nameless())
    with pytest.raises(LmbenchError, match=r"^Unknown generates no text here"):
        text_of(Unknown())


def test_a_reading_made_of_next_events_keeps_characters_whole():
    """Half a character cannot be handed to `next_events`, so no event that ends in one is chosen."""
    model = fitted(Bigram(), CHINESE)
    assert text_of(model, "我", length=20, temperature=1.0).isascii()


def test_either_way_of_giving_a_distribution_gives_the_other():
    class Read(ModelState):
        def next_events(self):
            return NextEvents.of_bytes(np.full(256, -np.log(256)))

        def advance(self, event):
            pass

    class ByReading(Fixed):
        next_events = LanguageModel.next_events

        def state_after(self, text):
            return Read()

    assert ByReading().next_events("").names[65] == "A"
    assert Fixed().state_after("").next_events().spellings == Fixed.spellings
    with pytest.raises(ValueError, match="has no spelling"):
        Fixed().state_after("").advance(0)
