import numpy as np
import pandas as pd
import pytest

from lmbench import Score, build
from lmbench.corpora.formats import AUTO
from lmbench.errors import CorpusError, ScoreError, SpecError, UnknownNameError
from lmbench.metrics import bits
from lmbench.model import Traits
from lmbench.words.items import Columns, read_items
from lmbench.words.measures import Settings, measure_words

TEXTS = ["the cat saw a zebra", "the dog\tsat  on\nthe mat\n"]


@pytest.fixture
def kenlm(english):
    model = build("kenlm:order=3")
    model.prepare(english)
    return model


def items_of(source, **columns):
    return read_items(source, Columns(**columns), AUTO)


def measure(models, source, settings=None, **columns):
    return measure_words(models, items_of(source, **columns), settings or Settings())


@pytest.mark.parametrize(
    "spec", ["kenlm:order=3", "kenlm:tokenizer=pieces", "hmm:states=2,iterations=1", "ppm", "cache"]
)
def test_the_bits_of_words_add_up_to_those_of_the_item(english, spec):
    model = build(spec)
    model.prepare(english)
    table = measure({"m": model}, TEXTS)
    scores = model.score(TEXTS)

    sums = table.groupby("item")[["bits", "spelling_bits", "events"]].sum()
    assert sums["bits"].tolist() == pytest.approx([bits(score.logprobs).sum() for score in scores])
    assert sums["spelling_bits"].tolist() == pytest.approx([bits(score.spelling).sum() for score in scores])
    assert sums["events"].tolist() == [len(score.ends) for score in scores]
    assert table["word"].tolist() == [word for text in TEXTS for word in text.split()]


def test_a_row_says_which_word_of_which_item_it_is(kenlm):
    table = measure({"trigram": kenlm}, ["the Kätzchen sat", "cat"])

    assert table["model"].tolist() == ["trigram"] * 4
    assert table[["item", "word_index", "word", "start", "end", "events", "words"]].to_numpy().tolist() == [
        [1, 1, "the", 0, 3, 1, 1],
        [1, 2, "Kätzchen", 4, 13, 1, 1],
        [1, 3, "sat", 14, 17, 1, 1],
        [2, 1, "cat", 0, 3, 1, 1],
    ]
    assert (table["spelling_bits"] > 0).tolist() == [False, True, False, False]


def test_other_columns_are_kept_and_items_keep_their_names(kenlm):
    frame = pd.DataFrame({"item": ["x", "y"], "sentence": ["the cat", "a dog"], "condition": [1, 2]}, index=[5, 5])
    table = measure({"m": kenlm}, frame)

    assert list(table.columns)[:4] == ["model", "item", "condition", "word_index"]
    assert table[["item", "condition", "word"]].to_numpy().tolist() == [
        ["x", 1, "the"], ["x", 1, "cat"], ["y", 2, "a"], ["y", 2, "dog"],
    ]  # fmt: skip


def test_regions_are_rows(kenlm):
    frame = pd.DataFrame({"text": ["the cat sat on the mat"], "r": ["the cat|sat on|the mat"]})
    words, regions = measure({"m": kenlm}, frame.drop(columns="r")), measure({"m": kenlm}, frame, regions="r")

    assert regions["word"].tolist() == ["the cat", "sat on", "the mat"]
    assert regions["bits"].tolist() == pytest.approx(words["bits"].to_numpy().reshape(3, 2).sum(axis=1).tolist())


def test_columns_on_request(kenlm, english):
    other = build("ppm")
    other.prepare(english)
    settings = Settings(measures=("entropy", "rank", "difference"))
    table = measure({"kenlm": kenlm, "ppm": other}, ["the cat", "the"], settings)
    following = kenlm.next_events("the")
    probabilities = np.exp(following.logprobs)

    assert table["entropy"][1] == pytest.approx(-(probabilities * np.log2(probabilities)).sum())
    better = following.logprobs > following.logprobs[following.spellings.index(b" cat")]
    assert table["rank"][1] == 1 + better.sum()
    assert table["difference"][:3].tolist() == [0, 0, 0]
    assert table["difference"][3:].tolist() == pytest.approx(
        (table["bits"][3:].to_numpy() - table["bits"][:3]).tolist()
    )


def test_differences_are_those_to_the_same_word_whatever_the_columns_of_the_items(kenlm):
    frame = pd.DataFrame({"item": ["x", "x"], "item_number": [3, 3], "text": ["the cat", "the cat sat"]})
    table = measure({"kenlm": kenlm, "same": kenlm}, frame, Settings(measures=("difference",)))

    assert table["difference"].tolist() == [0] * 10
    assert table["item_number"].tolist() == [3] * 10


def test_a_difference_needs_the_same_words(kenlm):
    class Pairs(type(kenlm)):
        def score(self, documents):
            return [Score(np.array([7]), np.array([-1.0]), np.zeros(1)) for _ in documents]

    table = measure({"kenlm": kenlm, "pairs": Pairs()}, ["the cat"], Settings(measures=("difference",)))
    joined = table.iloc[2]

    assert (joined["word"], joined["word_index"], joined["words"], joined["events"]) == ("the cat", 1, 2, 1)
    assert np.isnan(joined["difference"])


def test_the_boundary_moves_bits_from_word_to_word(english):
    model = build("ppm")
    model.prepare(english)
    leading, trailing = (measure({"m": model}, TEXTS, Settings(kind)) for kind in ("leading", "trailing"))
    state = model.state_after(TEXTS[0])
    change = trailing["bits"] - leading["bits"]

    assert abs(change).min() > 1e-3
    assert change[trailing["item"] == 1].sum() == pytest.approx(-state.boundary_logprob() / np.log(2))
    assert change[trailing["item"] == 2].sum() == pytest.approx(0)  # a line end has ended the last word
    assert trailing.drop(columns="bits").equals(leading.drop(columns="bits"))


def test_scores_that_are_not_probabilities_are_refused(kenlm):
    kenlm.traits = Traits(normalized=False)
    with pytest.raises(ScoreError, match="the scores of m are not probabilities of a text"):
        measure({"m": kenlm}, ["a"])


def test_a_column_that_the_result_has_too_is_refused(kenlm):
    frame = pd.DataFrame({"text": ["a"], "bits": [1]})
    with pytest.raises(CorpusError, match="the items have a column 'bits', which the result has too"):
        measure({"m": kenlm}, frame)


@pytest.mark.parametrize("measures", ["rank, entropy", ("rank", "entropy"), "rank,entropy,"])
def test_measures_are_named_in_one_string_or_several(measures):
    assert Settings.parse("leading", measures, "spaces").measures == ("rank", "entropy")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"boundary": "middle"}, UnknownNameError, "unknown boundary 'middle'"),
        ({"measures": ("rnak",)}, UnknownNameError, "unknown measure 'rnak'; did you mean 'rank'"),
        ({"words": "mecab"}, UnknownNameError, "unknown kind of words 'mecab'"),
        ({"boundary": "trailing", "words": "jieba"}, SpecError, "the words of jieba do not end at white space"),
    ],
)
def test_settings_that_do_not_exist_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        Settings(**arguments)
