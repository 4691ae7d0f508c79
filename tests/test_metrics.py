import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmbench import Score
from lmbench.errors import ScoreError
from lmbench.metrics import Metrics, perplexity, srilm_ppl, srilm_ppl1, summarise, tally

LN2 = math.log(2)


def test_srilms_golden_case():
    """SRILM FAQ D1: file of 61,031 sentences, 1,000,015 words, 34,153 OOVs; 0 zeroprobs, logprob= -3.20177e+06
    ppl= 1311.97 ppl1= 2065.09. The log-probability is printed with six digits, which decides the tolerance."""
    assert srilm_ppl(-3.20177e6, 1_000_015, 34_153, 61_031) == pytest.approx(1311.97, rel=2e-5)
    assert srilm_ppl1(-3.20177e6, 1_000_015, 34_153) == pytest.approx(2065.09, rel=2e-5)


@pytest.mark.parametrize("events", [2, 10, 256, 50257])
def test_a_uniform_model_over_v_events_has_perplexity_v(events):
    assert perplexity(100 * math.log2(events), 100) == pytest.approx(events, rel=1e-12)


def word_score(document, word_bits, spelling_bits):
    """A score of a line of words, from bits without spelling and bits for spelling."""
    ends = [i for i, c in enumerate(document) if c == " "] + [len(document) - 1, len(document)]
    spelling = -np.array(spelling_bits) * LN2
    return Score(np.array(ends), spelling - np.array(word_bits) * LN2, spelling)


def test_every_metric_of_a_line_by_hand():
    document = "aa bb cc\n"  # 9 bytes, 3 words, 1 line end
    metrics = summarise(tally([document], [word_score(document, [1.0, 2.0, 4.0, 1.0], [0.0, 0.0, 10.0, 0.0])]))
    assert metrics.model_dump() == {
        "documents": 1,
        "bytes": 9,
        "characters": 9,
        "words": 3,
        "line_ends": 1,
        "events": 4,
        "unknown": 1,
        "bits": pytest.approx(18),
        "bits_per_byte": pytest.approx(18 / 9),
        "low": None,
        "high": None,
        "bits_per_character": pytest.approx(18 / 9),
        "word_perplexity": pytest.approx(2 ** (18 / 4)),
        "token_perplexity": pytest.approx(2 ** (18 / 4)),
        "oov_rate": 0.25,
        "kenlm_including_oovs": pytest.approx(2 ** (8 / 4)),
        "kenlm_excluding_oovs": pytest.approx(2 ** (4 / 3)),
        "srilm_ppl": pytest.approx(2 ** (4 / 3)),
        "srilm_ppl1": pytest.approx(2 ** (4 / 2)),
        "floor": None,
        "excess": None,
    }


def test_the_closed_vocabulary_perplexities_are_kenlms(tmp_path):
    """Against Model.perplexity (which includes OOVs) of the kenlm package, on a line with an unknown word."""
    import kenlm

    from lmbench.arpa import write_arpa
    from lmbench.kneser_ney import Settings, estimate
    from lmbench.ngram_counts import open_lines

    lines = open_lines([np.array([2, 3, 1], dtype=np.int32)] * 2, 4)
    orders = estimate(lines, 4, Settings(2, precision=np.float32)).orders
    write_arpa(tmp_path / "x.arpa", orders, ["<unk>", "</s>", "a", "b", "<s>"], np.ones(5, dtype=bool))
    config = kenlm.Config()
    config.show_progress = False
    model = kenlm.Model(str(tmp_path / "x.arpa"), config)
    bits = [-log10 * math.log2(10) for log10, _, _ in model.full_scores("a zz b")]
    metrics = summarise(tally(["a zz b\n"], [word_score("a zz b\n", bits, [0.0, 7.0, 0.0, 0.0])]))
    assert metrics.kenlm_including_oovs == pytest.approx(model.perplexity("a zz b"), rel=1e-6)


def test_chinese_characters_are_three_bytes():
    score = Score(np.array([3, 6]), np.array([-LN2, -LN2]), np.zeros(2))
    metrics = summarise(tally(["中文"], [score]))
    assert (metrics.bytes, metrics.characters) == (6, 2)
    assert (metrics.bits_per_byte, metrics.bits_per_character) == (pytest.approx(2 / 6), pytest.approx(1))


def test_events_that_are_no_words_have_no_closed_vocabulary_perplexity():
    score = Score(np.arange(1, 5), np.full(4, -1.0), np.zeros(4))
    metrics = summarise(tally(["a b\n"], [score]))
    assert metrics.srilm_ppl is metrics.kenlm_including_oovs is None


def test_events_are_words_where_they_end_as_words_do():
    """ "1\\n" has one word and a line end, and two bytes."""
    from lmbench.backends.uniform import Uniform

    words = summarise(tally(["1\n"], Uniform().score(["1\n"])))
    other = summarise(tally(["12 345\n"], [Score(np.array([3, 6, 7]), np.full(3, -1.0), np.zeros(3))]))
    assert words.srilm_ppl == pytest.approx(256)
    assert other.srilm_ppl is None


def test_nothing_is_averaged_before_it_is_summed():
    scores = [
        Score(np.array([1]), np.array([-1 * LN2]), np.zeros(1)),
        Score(np.array([9]), np.array([-27 * LN2]), np.zeros(1)),
    ]
    assert summarise(tally(["a", "b" * 9], scores)).bits_per_byte == pytest.approx(28 / 10)


def test_the_floor_is_per_byte():
    score = Score(np.array([4]), np.array([-4 * LN2]), np.zeros(1))
    metrics = summarise(tally(["abcd"], [score]), floor=[2 * LN2])
    assert (metrics.floor, metrics.excess) == (pytest.approx(0.5), pytest.approx(0.5))
    assert summarise(tally(["abcd"], [score])).excess is None


def test_results_from_before_there_was_an_excess_still_load():
    stored = summarise(tally(["abcd"], [Score(np.array([4]), np.array([-1.0]), np.zeros(1))])).model_dump(mode="json")
    del stored["excess"]
    assert Metrics.model_validate(stored).excess is None


def test_perplexity_beyond_floating_point_is_infinite():
    assert perplexity(1e6, 1) == math.inf
    assert math.isnan(perplexity(1.0, 0))


def test_infinities_survive_json():
    metrics = summarise(tally(["x" * 2000], [Score(np.array([2000]), np.array([-5000.0]), np.zeros(1))]))
    assert metrics.word_perplexity == math.inf
    assert Metrics.model_validate_json(metrics.model_dump_json()) == metrics


def test_a_broken_score_names_its_document():
    good = Score(np.array([1]), np.array([-1.0]), np.zeros(1))
    with pytest.raises(ScoreError, match="document 1: the events end at byte 1 of a document of 2 bytes"):
        tally(["a", "bb"], [good, good])
    with pytest.raises(ScoreError, match="1 scores for 2 documents"):
        tally(["a", "bb"], [good])


@given(st.lists(st.floats(0.1, 100), min_size=1, max_size=20))
def test_bits_add_up(costs):
    score = Score(np.arange(1, len(costs) + 1), -np.array(costs) * LN2, np.zeros(len(costs)))
    assert summarise(tally(["x" * len(costs)], [score])).bits == pytest.approx(sum(costs))
