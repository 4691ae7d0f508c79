"""Properties of every source."""

import math
import re
import tracemalloc
from collections import Counter

import numpy as np
import pytest

from lmbench import LanguageModel, Signature, build, evaluate, load_corpus
from lmbench.corpora.synthetic.base import line_starts, make_words
from lmbench.corpora.synthetic.sources import SOURCES, generate_corpus
from lmbench.errors import CorpusError, LmbenchError, SpecError
from lmbench.metrics import summarize
from lmbench.model import Traits
from lmbench.spec import Spec
from lmbench.text.tokenizers import Words
from tests.running import run

SMALL = (
    "markov:order=1,words=3,stop=0.3,concentration=1",
    "markov:order=2,words=3,stop=0.3,concentration=1",
    "markov:order=3,words=2,stop=0.2,concentration=0.5",
    "markov:order=2,words=1,stop=0.5",
    "hidden-markov:states=3,words=3,stop=0.4,stay=0.5",
    "hidden-markov:states=2,words=3,stop=0.4,stay=0",
    "grammar:nouns=2,verbs=1,relative=0.3",
    "recall:distance=2,words=3,stop=0.4,repeat=0.7",
    "recall:distance=1,words=70,stop=0.4,repeat=0",
    "translation:nouns=1,verbs=1,modifiers=1,adjective=0.2,adverb=0.2,phrase=0.1",
)
"""Sources of short lines over few words."""


def options(spec):
    parsed = Spec.parse(spec)
    return parsed.options(SOURCES[parsed.name])


def draw(spec, lines, seed=0):
    source = options(spec).source()
    return source, source.draw(lines, np.random.default_rng(seed))


def next_probabilities(source, beginning):
    """P(symbol | the beginning of a line), for each symbol, each scored on its own."""
    lines = [np.array([*beginning, symbol]) for symbol in range(source.end + 1)]
    return np.exp([source.logprobs(line)[-1] for line in lines])


class Oracle(LanguageModel):
    """The source itself as a model."""

    traits = Traits(weights="pretrained")

    def __init__(self, source):
        super().__init__()
        self.source = source

    def score(self, documents):
        return list(map(self.source.score, documents))

    def signature(self):
        return Signature.of(oracle="yes")


@pytest.mark.parametrize("spec", [*SOURCES, *SMALL])
def test_an_oracle_reaches_the_floor(spec):
    spec += ",lines=300" if ":" in spec else ":lines=300"
    corpus = generate_corpus(spec)
    counts = evaluate(Oracle(options(spec).source()), corpus).counts
    metrics = summarize(counts, corpus.floor)
    assert metrics.excess == pytest.approx(0, abs=1e-12)
    assert metrics.kenlm_including_oovs == pytest.approx(metrics.word_perplexity)
    assert counts.bits * math.log(2) == pytest.approx(corpus.floor)


@pytest.mark.parametrize("spec", SMALL)
def test_lines_are_drawn_with_their_probabilities(spec):
    """The counts of the 20 most frequent of 30,000 lines are within 5 standard deviations of their expectations."""
    source, symbols = draw(spec, 30_000)
    texts = source.texts(symbols)
    assert len(texts) == 30_000
    for text, times in Counter(texts).most_common(20):
        probability = math.exp(source.score(text).logprobs.sum())
        assert abs(times - 3e4 * probability) < 5 * math.sqrt(3e4 * probability * (1 - probability)) + 1e-6


@pytest.mark.parametrize("spec", SMALL)
def test_next_symbols_sum_to_one_and_are_charged_accordingly(spec):
    """A symbol costs the same in a text of many lines as alone after the beginning of its line."""
    source, symbols = draw(spec, 20)
    symbols = symbols[:150]
    logprobs = source.logprobs(symbols)
    starts = line_starts(symbols, source.end)
    for start, end in zip(starts, [*starts[1:], len(symbols)], strict=True):
        for place in range(start, end):
            probabilities = next_probabilities(source, symbols[start:place])
            assert probabilities.sum() == pytest.approx(1)
            assert logprobs[place] == pytest.approx(math.log(probabilities[symbols[place]]))
    assert next_probabilities(source, symbols[:0])[source.end] == 0  # no line is empty


@pytest.mark.parametrize("spec", SMALL)
def test_symbols_are_drawn_only_if_they_are_possible(spec):
    """Among the second symbols of lines that begin alike, impossible ones never occur, and likely ones do."""
    source, symbols = draw(spec, 10_000)
    starts = line_starts(symbols, source.end)
    starts = starts[symbols[starts] == symbols[0]]
    expected = len(starts) * next_probabilities(source, symbols[:1])
    counts = np.bincount(symbols[starts + 1], minlength=source.end + 1)
    assert (counts[expected == 0] == 0).all()
    assert (counts[expected > 30] > 0).all()
    assert source.score("\n").logprobs.tolist() == [-np.inf]  # no line is empty


@pytest.mark.parametrize("spec", SMALL)
def test_the_beginning_of_a_line_costs_the_same_alone(spec):
    source, symbols = draw(spec, 10)
    whole = source.logprobs(symbols)
    for cut in range(min(len(symbols), 60)):
        assert source.logprobs(symbols[:cut]).tolist() == pytest.approx(whole[:cut].tolist())


@pytest.mark.parametrize("spec", [*(spec for spec in SMALL if "hidden" not in spec), "markov", "grammar", "recall"])
def test_long_texts_cost_the_entropy_rate(spec):
    """Within 4 standard errors of 30,000 lines, by the delta method for a ratio of means."""
    source, symbols = draw(spec, 30_000, seed=1)
    bits = source.costs(symbols) / math.log(2)
    sizes = np.array([len(text.encode()) for text in source.texts(symbols)])
    rate = source.entropy_rate()
    error = np.std(bits - rate * sizes) / math.sqrt(len(bits)) / sizes.mean()
    assert bits.sum() / sizes.sum() == pytest.approx(rate, abs=4 * error + 1e-12)


@pytest.mark.parametrize("spec", [*SOURCES, *SMALL])
def test_texts_are_spelled_and_parsed_again(spec):
    source, symbols = draw(spec, 50)
    texts = source.texts(symbols)
    assert source.symbols("".join(texts)).tolist() == symbols.tolist()
    for text in ("".join(texts), texts[0], texts[0][:-1], ""):
        score = source.score(text).check(text)
        assert score.ends.tolist() == Words().tokenize_with_ends(text)[1].tolist()


@pytest.mark.parametrize("name", SOURCES)
def test_the_seed_decides_the_text(name):
    first, again, other = (generate_corpus(f"{name}:lines=200,seed={seed}") for seed in (1, 1, 2))
    assert first.train.documents == again.train.documents
    assert first.floor == again.floor
    texts = [first.train.documents, first.valid.documents, first.test.documents, other.train.documents]
    assert len(set(texts)) == 4
    assert not {split[:20] for split in texts[:3]} & {other.train.documents[:20]}


@pytest.mark.parametrize("name", SOURCES)
def test_a_longer_text_begins_with_the_shorter_one(name):
    short, long = (generate_corpus(f"{name}:lines={lines}") for lines in (200, 9000))
    assert long.train.documents[:200] == short.train.documents
    assert long.test.documents[: len(short.test.documents)] == short.test.documents
    assert long.floor[: len(short.floor)] == pytest.approx(short.floor)


def test_lines_are_drawn_in_blocks_of_bounded_size(monkeypatch):
    """Blocks of long lines have fewer of them; the last block ends with the last line that was requested."""
    source = options("recall:distance=50,stop=0.1").source()
    monkeypatch.setattr("lmbench.corpora.synthetic.base._EVENTS_AT_ONCE", 6000)
    blocks = list(source.draw_blocks(250, np.random.default_rng(0)))
    assert [int((symbols == source.end).sum()) for symbols in blocks] == [100, 100, 50]
    assert np.concatenate(blocks).tolist() == source.draw(250, np.random.default_rng(0)).tolist()
    assert all(symbols[-1] == source.end for symbols in blocks)


def peak(spec):
    """Peak memory of generating a corpus, in bytes."""
    tracemalloc.start()
    generate_corpus(spec)
    taken = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return taken


def test_memory_grows_only_by_the_lines():
    """A line of 65 characters takes 114 bytes as a str, and 8 bytes each as a member of a list and of a tuple."""
    assert peak("recall:lines=30000") - peak("recall:lines=10000") < 200 * 20_000


@pytest.mark.parametrize("spec", ["hidden-markov:words=20000,lines=60", "grammar:nouns=1000,verbs=1000,lines=60"])
def test_many_words_take_little_memory(spec):
    assert peak(spec) < 20 << 20


@pytest.mark.parametrize("spec", [*SOURCES, *SMALL])
def test_lines_are_as_long_as_expected(spec):
    """The mean of 20,000 lines, within 5 standard errors."""
    source, symbols = draw(spec, 20_000, seed=2)
    lengths = np.diff(line_starts(symbols, source.end), append=len(symbols))
    assert lengths.mean() == pytest.approx(source.mean_events, abs=5 * lengths.std() / math.sqrt(20_000) + 1e-9)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            "recall:distance=1000,lines=10000000",
            "10,000,000 lines of 1,017 words and line ends, and may have up to 268,435,456 in all; reduce lines",
        ),
        ("markov:stop=0.01,lines=10000000", "its training split would have 10,000,000 lines of 101 words"),
    ],
)
def test_texts_that_are_too_large_are_refused(spec, message):
    with pytest.raises(CorpusError, match=re.escape(message)):
        generate_corpus(spec)


def test_too_little_memory_is_one_line(monkeypatch):
    def full(*_):
        raise MemoryError

    monkeypatch.setattr("lmbench.corpora.synthetic.base._draw_in_parallel", full)
    with pytest.raises(CorpusError, match=r"^grammar:lines=9 does not fit into memory; reduce its options"):
        generate_corpus("grammar:lines=9")


@pytest.mark.parametrize(
    ("written", "name"),
    [(" markov ", "markov"), ("markov:", "markov"), ("recall : lines = 9,,", "recall:lines=9")],
)
def test_a_corpus_is_named_by_its_normalized_spec(written, name):
    assert load_corpus(written).name == name


def test_splits_follow_the_lines():
    assert options("markov").split_lines == {"train": 6000, "valid": 600, "test": 1000}
    assert options("recall:lines=1").split_lines == {"train": 1, "valid": 1, "test": 1}
    assert options("grammar:lines=1000000").split_lines == {"train": 1_000_000, "valid": 10_000, "test": 10_000}
    corpus = generate_corpus("recall:lines=61")
    assert [len(split.documents) for split in (corpus.train, corpus.valid, corpus.test)] == [61, 7, 11]


def test_a_corpus_describes_itself():
    corpus = load_corpus("markov:seed=3,lines=50")
    assert corpus.name == "markov:seed=3,lines=50"
    assert corpus.provenance == "lines,source=markov,lines=50,seed=3,order=2,words=24,stop=0.08,concentration=0.1"
    rate = options("markov:seed=3").source().entropy_rate()
    assert corpus.floor_note == (
        f"the source's own log-probability of the test text; its entropy rate is {rate:.4f} bits per byte"
    )
    assert load_corpus("hidden-markov").floor_note == "the source's own log-probability of the test text"
    assert load_corpus("markov").tokenized


def test_words_are_syllables():
    assert make_words(3) == ("ba", "be", "bi")
    assert make_words(66)[64:] == ("zu", "baba")
    assert len(set(make_words(5000))) == 5000


def test_a_foreign_word_is_named():
    source, _ = draw("markov", 1)
    with pytest.raises(CorpusError, match="'xx' is not a word of the source, which has 24, such as 'ba'"):
        source.score("ba xx\n")
    with pytest.raises(CorpusError, match="'' is not a word"):
        source.score("ba  be\n")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("markov:ordr=3", "unknown option of markov 'ordr'; did you mean 'order'?"),
        ("markov:lines=0", "markov: option lines=0: Input should be greater than or equal to 1"),
        ("markov:lines=many", "markov: option lines=many: Input should be a valid integer"),
        ("markov:order=5", "markov: order=5 with words=24 is too large a table"),
        ("markov:order=1000000000000", "is too large a table"),
        ("hidden-markov:states=256,words=100000", "states x (words + 1) may be up to 4,194,304"),
        ("markov:stop=0", "markov: option stop=0: Input should be greater than or equal to 0.01"),
        ("markov:seed=-1", "markov: option seed=-1"),
        ("markov:7", "'7' in 'markov:7' is not an option; write option=value with one of: lines, seed, order"),
        ("hidden-markov:states=1", "hidden-markov: option states=1: Input should be greater than or equal to 2"),
        ("hidden-markov:stay=nan", "hidden-markov: option stay=nan"),
        ("grammar:coordination=0.6,brackets=0.6", "nest so deeply that lines may never end"),
        ("recall:distance=0", "recall: option distance=0"),
        ("recall:repeat=1.5", "recall: option repeat=1.5: Input should be less than or equal to 1"),
    ],
)
def test_wrong_options_are_one_line(spec, message):
    with pytest.raises(LmbenchError) as error:
        load_corpus(spec)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_run_may_have_two_sizes_of_a_source(tmp_path):
    corpora = (generate_corpus("recall:lines=30"), generate_corpus("recall:lines=60"))
    cells = run("uniform", corpora, tmp_path / "run").cells()
    assert [cell.corpus for cell in cells] == ["recall:lines=30", "recall:lines=60"]
    assert all(cell.metrics.excess == pytest.approx(8 - cell.metrics.floor) for cell in cells)


def excess(model, corpus):
    """A model's bits above the floor, as a share of the floor."""
    source = load_corpus(corpus)
    metrics = summarize(evaluate(build(model), source).counts, source.floor)
    return metrics.excess / metrics.floor


def test_a_trigram_model_converges_to_a_chain_of_order_2():
    small, middle, large = (excess("kenlm:order=3", f"markov:lines={lines}") for lines in (600, 6000, 60_000))
    assert small > 4 * middle > 16 * large > 0
    assert large < 0.01
    assert excess("kenlm:order=2", "markov") > 0.5  # a bigram model never can


def test_a_hidden_markov_model_converges_to_a_hidden_markov_source():
    """EM finds the states of this source. If it stops at a local optimum, an excess remains (docs/sources.md)."""
    model = "hmm:states=4,iterations=60,tolerance=1e-5"
    small, middle, large = (excess(model, f"hidden-markov:seed=1,lines={lines}") for lines in (60, 600, 6000))
    assert small > middle > large > 0
    assert large < 0.005
    assert excess("kenlm:order=3", "hidden-markov:seed=1") > 4 * large


@pytest.mark.parametrize(("corpus", "least"), [("grammar:lines=12000", 0.12), ("recall:lines=12000", 1.0)])
@pytest.mark.parametrize("order", [3, 5])
def test_ngram_models_miss_dependencies_beyond_their_order(corpus, least, order):
    assert excess(f"kenlm:order={order}", corpus) > least


@pytest.mark.parametrize("source", SOURCES)
def test_each_source_has_the_same_bounds_of_lines(source):
    assert options(f"{source}:lines=10000000").lines == 10_000_000
    for lines in ("0", "10000001"):
        with pytest.raises(SpecError, match=f"{source}: option lines={lines}: Input should be"):
            options(f"{source}:lines={lines}")
