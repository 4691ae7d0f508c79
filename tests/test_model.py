from itertools import product

import numpy as np
import pytest
from pydantic import Field

from lmbench import LanguageModel, ModelOptions, ModelSpec, Score, Signature, Split, TrainingText, Traits, build
from lmbench.errors import NotFittedError, ScoreError, SpecError, UnknownNameError
from lmbench.model import Fitted
from tests.plugins import installed
from tests.recording import Recorded


class Options(ModelOptions):
    positional = "path"
    path: str = "."
    order: int = Field(3, ge=1, le=6)
    fast: bool = False


class Model(LanguageModel):
    Options = Options

    def score(self, documents):
        return []

    def signature(self):
        return Signature(())


@pytest.mark.parametrize(
    ("text", "specs"),
    [
        ("kenlm", ["kenlm"]),
        ("kenlm:order=3", ["kenlm:order=3"]),
        ("kenlm:order=5,gpt2", ["kenlm:order=5", "gpt2"]),
        ("hmm:states=64,tokenizer=bpe:512,nltk", ["hmm:states=64,tokenizer=bpe:512", "nltk"]),
        ("hf:a/b,stride=256,uniform", ["hf:a/b,stride=256", "uniform"]),
        ("kenlm,order=3", ["kenlm:order=3"]),
        (" a , b ", ["a", "b"]),
    ],
)
def test_lists_of_specs(text, specs):
    assert [str(spec) for spec in ModelSpec.parse_list(text)] == specs


@pytest.fixture
def x(tmp_path):
    """Register a model named x, whose first option is a path."""
    with installed(tmp_path, {"x": "tests.test_model:Model"}):
        yield


@pytest.mark.usefixtures("x")
def test_options_are_typed():
    options = build("x:some/path,order=5,fast=true").options
    assert (options.path, options.order, options.fast) == ("some/path", 5, True)


@pytest.mark.usefixtures("x")
@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("x:oder=3", UnknownNameError, "unknown option of x 'oder'; did you mean 'order'.*known: fast, order, path"),
        ("x:order=9", SpecError, "option order=9: Input should be less than or equal to 6"),
        ("x:order=three", SpecError, "option order=three: Input should be a valid integer"),
        ("x:order=3,order=4", SpecError, "'order' is given twice"),
        (":order=3", SpecError, "does not name a model"),
    ],
)
def test_errors_name_the_valid_options(text, error, message):
    with pytest.raises(error, match=message):
        build(text)


def test_an_empty_list_of_models_is_refused():
    with pytest.raises(SpecError, match="no model is named"):
        ModelSpec.parse_list(" , ")


def test_a_model_without_fit_must_declare_that_it_is_pretrained(english):
    with pytest.raises(NotImplementedError, match="Model does not implement fit or declare that it is pretrained"):
        Model().fit(english)


LINES = ("the cat sat\n", "the car sat\n", "a dog sat\n", "the cat ran\n", "the cow ran\n") * 3


def fitted(spec):
    model = build(spec)
    model.fit(TrainingText(Split(LINES), Split(LINES[:2]), tokenized=True))
    return model


@pytest.mark.parametrize("spec", ["kenlm:order=3", "hmm:states=3", "nltk:order=2"])
def test_a_continuation_inside_a_word_is_conditioned_on_the_letters_before_it(spec):
    """Brute force: P(word) over the probability of all words with these first letters, unknown ones included."""
    model = fitted(spec)
    nexts = model.next_events("the")
    probability = dict(zip(nexts.names, np.exp(nexts.logprobs), strict=True))
    known = ("cat", "car", "cow")
    lexicon = model._fitted.ngrams.lexicon if spec.startswith("kenlm") else model._fitted.lexicon
    unknown = probability["<unk>"] * np.exp(lexicon.letter_model.prefix_logprob(b"c"))
    begun = sum(probability[word] for word in known) + unknown
    for word in known:
        nats = model.score_continuation("the c", word[1:])
        assert nats == pytest.approx(np.log(probability[word] / begun), abs=1e-5)
    [whole, word] = model.score(["the crab", "the"])
    given = np.log(begun)
    assert model.score_continuation("the c", "rab") == pytest.approx(whole.logprobs[-1] - given, abs=1e-5)


def test_the_continuations_of_a_word_sum_to_at_most_one():
    model = fitted("kenlm:order=2")
    letters = map(chr, range(ord("a"), ord("z") + 1))
    rests = [*letters, *map("".join, product("abcorstw", repeat=2))]
    assert 0.7 < sum(np.exp(model.score_continuation("the c", rest)) for rest in rests) <= 1 + 1e-6


@pytest.mark.parametrize("spec", ["kenlm:order=3", "ppm:order=3", "transformer:steps=20,layers=1,width=16,heads=2"])
def test_continuations_in_a_batch_score_as_they_do_alone(spec):
    model = fitted(spec)
    pairs = [("the c", "at"), ("the", " cat"), ("", "the"), ("the cat", ""), ("the cat\nth", "e c"), ("我", "是")]
    costs = model.score_continuations(pairs)
    assert costs == pytest.approx([model.score_continuation(*pair) for pair in pairs], abs=1e-5)
    assert costs[3] == 0
    assert max(costs) <= 0
    [whole] = model.score(["the"])
    assert costs[2] == pytest.approx(whole.logprobs.sum(), abs=1e-5)


def test_a_continuation_may_change_how_jieba_splits_the_context():
    """\u7814\u7a76\u751f alone is one word; before \u547d it is \u7814\u7a76 and the beginning of \u751f\u547d."""
    pytest.importorskip("jieba", reason="jieba is not installed")
    lines = (
        "\u7814\u7a76\u751f\u547d\n",
        "\u7814\u7a76\u751f\n",
        "\u7814\u7a76\u751f\u7269\n",
        "\u751f\u547d\u7814\u7a76\n",
    ) * 4
    model = build("kenlm:order=2,tokenizer=jieba,min_count=1")
    model.fit(TrainingText(Split(lines), Split(lines[:2])))
    [alone, whole] = model.score(["\u7814\u7a76\u751f", "\u7814\u7a76\u751f\u547d"])
    assert (alone.ends.tolist(), whole.ends.tolist()) == ([9], [6, 12])
    nexts = model.next_events("\u7814\u7a76")
    begun = [p for name, p in zip(nexts.names, np.exp(nexts.logprobs), strict=True) if name.startswith("\u751f")]
    letters = model._fitted.ngrams.lexicon.letter_model.prefix_logprob("\u751f".encode())
    unknown = np.exp(nexts.logprobs[nexts.names.index("<unk>")] + letters)
    expected = whole.logprobs[1] - np.log(sum(begun) + unknown)
    assert model.score_continuation("\u7814\u7a76\u751f", "\u547d") == pytest.approx(expected, abs=1e-6)


def test_an_event_without_bytes_does_not_belong_to_an_empty_context():
    """SentencePiece puts a space before a text."""

    class Spaced(Model):
        def score(self, documents):
            return [Score(np.array([0, len(document)]), np.array([-1.0, -3.0]), np.zeros(2)) for document in documents]

    assert Spaced().score_continuation("", "cd") == -4.0


def test_a_model_without_a_distribution_counts_an_event_across_the_boundary_in_full():
    class Lines(Model):
        def score(self, documents):
            return [Score(np.array([len(document)]), np.array([-3.0]), np.zeros(1)) for document in documents]

    model = Lines()
    reason = "the model offers no next-event distribution; let the context end"
    why = f"Lines counts an event across the boundary .* because {reason}"
    with pytest.warns(UserWarning, match=why):
        assert model.score_continuation("ab", "cd") == -3.0
    assert model.score_continuation("ab", "cd") == -3.0  # the model warns only once
    assert model.score_continuation("ab", "") == 0
    with pytest.warns(UserWarning, match=why):
        assert Lines().score_continuations([("a", "b"), ("a", "c")]) == [-3.0, -3.0]


def test_an_event_that_begins_inside_a_character_counts_in_full():
    class Halves(Model):
        def score(self, documents):
            return [Score(np.array([1, 4]), np.array([-1.0, -3.0]), np.zeros(2)) for _ in documents]

    with pytest.warns(UserWarning, match="because the event begins inside a character"):
        assert Halves().score_continuation("é", "ab") == -3.0


def test_scores_that_are_not_probabilities_have_no_continuations():
    class Pseudo(Model):
        traits = Traits(normalized=False)

    with pytest.raises(ScoreError, match="scores that are not probabilities"):
        Pseudo().score_continuation("a", "b")


class Recorder(Model):
    """Records which of its methods are called."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def fit(self, data, progress):
        self.calls.append("fit")
        progress("counting", 1.0)

    def load(self, progress):
        self.calls.append("load")
        progress("loading", 1.0)


class Pretrained(Recorder):
    traits = Traits(weights="pretrained")


class PartlyPretrained(Recorder):
    traits = Traits(weights="partly pretrained")


@pytest.mark.parametrize(("kind", "call"), [(Recorder, "fit"), (Pretrained, "load"), (PartlyPretrained, "fit")])
def test_prepare_loads_pretrained_models_and_fits_others(kind, call, english):
    model, progress = kind(), Recorded()
    model.prepare(english, progress)
    assert model.calls == [call]
    assert progress.messages == [("counting" if call == "fit" else "loading", 1.0)]


def test_prepare_needs_a_text_unless_the_model_is_pretrained():
    Pretrained().prepare(None)
    with pytest.raises(SpecError, match=r"^Recorder is not pretrained and needs a text to fit$"):
        Recorder().prepare(None)


class Counter(Model):
    _counts = Fitted[dict[str, int]]()

    def fit(self, data, progress=None):
        self._counts = {"a": 1}

    def score(self, documents):
        return [Score(np.array([1]), np.array([-float(self._counts["a"])]), np.zeros(1)) for _ in documents]


def test_scoring_before_fitting_raises_an_error_with_the_models_name(english):
    model = Counter()
    with pytest.raises(NotFittedError, match=r"^this Counter is not ready; call prepare first$"):
        model.score(["a"])
    model.fit(english)
    assert model.score(["a"])[0].logprobs.tolist() == [-1.0]


def test_fitted_values_belong_to_one_model(english):
    first, second = Counter(), Counter()
    first.fit(english)
    assert first._counts == {"a": 1}
    with pytest.raises(NotFittedError):
        second.score(["a"])
    assert isinstance(Counter._counts, Fitted)


def test_the_representation_names_options_and_what_the_model_was_fitted_on(english):
    model = build("ppm:order=2")
    assert repr(model) == "<Ppm(order=2), not fitted>"
    model.prepare(english)
    assert repr(model) == "<Ppm(order=2), fitted on 3 documents, 167 bytes>"
    other = build("ppm")
    other.fit(english)
    assert repr(other) == "<Ppm(), fitted>"


def test_the_representation_of_a_pretrained_model_and_of_long_options():
    class Pretrained(Model):
        traits = Traits(weights="pretrained")

    assert repr(Pretrained()) == "<Pretrained(), pretrained>"
    assert repr(Model(Options(path="x" * 100))) == f"<Model(path='{'x' * 59}…), not fitted>"
    assert repr(Model(Options(path="\x1b"))) == "<Model(path='\\x1b'), not fitted>"


def test_a_model_without_options_has_a_representation():
    class Bare(Model):
        def __init__(self):
            pass

    assert repr(Bare()) == "<Bare(), not fitted>"


def test_the_representation_says_nothing_that_is_not_known():
    model = Model()
    model.logprobs = "what its method fit has set"
    assert repr(model) == "<Model()>"
