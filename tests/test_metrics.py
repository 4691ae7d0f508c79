import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmbench import Score
from lmbench.errors import ScoreError
from lmbench.metrics import Metrics, Tally, TallyColumns, perplexity, srilm_ppl, srilm_ppl1, summarize, tally

LN2 = math.log(2)


def test_srilms_perplexities_are_those_of_its_manual():
    """SRILM FAQ D1: file of 61,031 sentences, 1,000,015 words, 34,153 OOVs; 0 zeroprobs, logprob= -3.20177e+06
    ppl= 1311.97 ppl1= 2065.09. The tolerance is that of a log-probability printed with six digits."""
    assert srilm_ppl(-3.20177e6, 1_000_015, 34_153, 61_031) == pytest.approx(1311.97, rel=2e-5)
    assert srilm_ppl1(-3.20177e6, 1_000_015, 34_153) == pytest.approx(2065.09, rel=2e-5)


@pytest.mark.parametrize("events", [2, 10, 256, 50257])
def test_a_uniform_model_over_v_events_has_perplexity_v(events):
    assert perplexity(100 * math.log2(events), 100) == pytest.approx(events, rel=1e-12)


def word_score(document, word_bits, spelling_bits):
    """Return the score of a line of words, given the bits without spelling and the bits for spelling."""
    ends = [i for i, c in enumerate(document) if c == " "] + [len(document) - 1, len(document)]
    spelling = -np.array(spelling_bits) * LN2
    return Score(np.array(ends), spelling - np.array(word_bits) * LN2, spelling)


def test_every_metric_of_a_line_by_hand():
    document = "aa bb cc\n"  # 9 bytes, 3 words, 1 line end
    metrics = summarize(tally([document], [word_score(document, [1.0, 2.0, 4.0, 1.0], [0.0, 0.0, 10.0, 0.0])]))
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


def test_the_closed_vocabulary_perplexity_is_kenlms(tmp_path):
    """`Model.perplexity` of the kenlm package includes unknown words; the line has one."""
    import kenlm

    from lmbench.ngrams.arpa_writer import write_arpa
    from lmbench.ngrams.counts import join_lines
    from lmbench.ngrams.kneser_ney import KneserNeySettings, estimate

    lines = join_lines([np.array([2, 3, 1], dtype=np.int32)] * 2, 4)
    orders = estimate(lines, 4, KneserNeySettings(2, precision=np.float32)).orders
    write_arpa(tmp_path / "x.arpa", orders, ["<unk>", "</s>", "a", "b", "<s>"], np.ones(5, dtype=bool))
    config = kenlm.Config()
    config.show_progress = False
    model = kenlm.Model(str(tmp_path / "x.arpa"), config)
    bits = [-log10 * math.log2(10) for log10, _, _ in model.full_scores("a zz b")]
    metrics = summarize(tally(["a zz b\n"], [word_score("a zz b\n", bits, [0.0, 7.0, 0.0, 0.0])]))
    assert metrics.kenlm_including_oovs == pytest.approx(model.perplexity("a zz b"), rel=1e-6)


def test_chinese_characters_are_three_bytes():
    score = Score(np.array([3, 6]), np.array([-LN2, -LN2]), np.zeros(2))
    metrics = summarize(tally(["中文"], [score]))
    assert (metrics.bytes, metrics.characters) == (6, 2)
    assert (metrics.bits_per_byte, metrics.bits_per_character) == (pytest.approx(2 / 6), pytest.approx(1))


def test_events_other_than_words_have_no_closed_vocabulary_perplexity():
    score = Score(np.arange(1, 5), np.full(4, -1.0), np.zeros(4))
    metrics = summarize(tally(["a b\n"], [score]))
    assert metrics.srilm_ppl is metrics.kenlm_including_oovs is None


def test_events_are_words_if_they_end_as_words_do():
    """The text "1\\n" has two bytes, which are a word and a line end."""
    from lmbench.backends.uniform import Uniform

    words = summarize(tally(["1\n"], Uniform().score(["1\n"])))
    other = summarize(tally(["12 345\n"], [Score(np.array([3, 6, 7]), np.full(3, -1.0), np.zeros(3))]))
    assert words.srilm_ppl == pytest.approx(256)
    assert other.srilm_ppl is None


def test_bits_are_summed_before_they_are_divided():
    scores = [
        Score(np.array([1]), np.array([-1 * LN2]), np.zeros(1)),
        Score(np.array([9]), np.array([-27 * LN2]), np.zeros(1)),
    ]
    assert summarize(tally(["a", "b" * 9], scores)).bits_per_byte == pytest.approx(28 / 10)


def test_the_floor_is_per_byte():
    score = Score(np.array([4]), np.array([-4 * LN2]), np.zeros(1))
    metrics = summarize(tally(["abcd"], [score]), floor=[2 * LN2])
    assert (metrics.floor, metrics.excess) == (pytest.approx(0.5), pytest.approx(0.5))
    assert summarize(tally(["abcd"], [score])).excess is None


def test_older_results_without_an_excess_can_be_loaded():
    stored = summarize(tally(["abcd"], [Score(np.array([4]), np.array([-1.0]), np.zeros(1))])).model_dump(mode="json")
    del stored["excess"]
    assert Metrics.model_validate(stored).excess is None


def test_perplexity_beyond_floating_point_is_infinite():
    assert perplexity(1e6, 1) == math.inf
    assert math.isnan(perplexity(1.0, 0))


def test_infinities_survive_json():
    metrics = summarize(tally(["x" * 2000], [Score(np.array([2000]), np.array([-5000.0]), np.zeros(1))]))
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
    assert summarize(tally(["x" * len(costs)], [score])).bits == pytest.approx(sum(costs))


TEXTS = st.text(st.sampled_from("ab \n\r\t\x1cé\u2003汉😀"), max_size=12)


@st.composite
def scored(draw):
    """Draw a document, and a score of its words and line ends or of any events."""
    document = draw(TEXTS)
    pattern = draw(st.sampled_from([r"\n|\S+", r"\n|[^ \t\r\n]+"]))
    ends = [len(document[: match.end()].encode()) for match in re.finditer(pattern, document)]
    size = len(document.encode())
    if draw(st.booleans()) or (ends[-1:] or [0]) != [size]:
        ends = sorted(draw(st.lists(st.integers(0, size), max_size=4))) + [size] * (size > 0)
    costs = np.array(draw(st.lists(st.integers(1, 9), min_size=len(ends), max_size=len(ends))), dtype=float)
    known = np.array(draw(st.lists(st.booleans(), min_size=len(ends), max_size=len(ends))), dtype=bool)
    return document, Score(np.array(ends, dtype=np.int64), -costs, np.where(known, 0.0, -costs / 2))


@given(st.lists(scored(), max_size=5), st.integers(1, 20))
def test_a_tally_has_the_sums_of_each_document(pairs, characters):
    """Python's own string methods count the same, for groups of any size."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lmbench.score._GROUP_CHARACTERS", characters)
        counts = tally([document for document, _ in pairs], [score for _, score in pairs])
    for row, (document, score) in enumerate(pairs):
        unknown = score.spelling < 0
        words = [len(document[: match.end()].encode()) for match in re.finditer(r"\n|[^ \t\r\n]+", document)]
        assert [int(getattr(counts, name)[row]) for name in ("bytes", "characters", "words", "line_ends")] == [
            *(len(document.encode()), len(document)),
            *(len(document.split()), document.count("\n")),
        ]
        assert (counts.events[row], counts.unknown[row]) == (len(score.ends), unknown.sum())
        assert counts.by_words[row] == (score.ends.tolist() == words)
        assert counts.bits[row] == pytest.approx(-score.logprobs.sum() / LN2)
        assert counts.spelling_bits[row] == pytest.approx(-score.spelling.sum() / LN2)
        assert counts.unknown_bits[row] == pytest.approx((score.spelling - score.logprobs)[unknown].sum() / LN2)


def error_of(action, *arguments):
    try:
        action(*arguments)
    except ScoreError as error:
        return str(error)
    return ""


@given(st.lists(scored(), min_size=1, max_size=4), st.data())
def test_a_tally_refuses_what_the_contract_refuses(pairs, data):
    """One number of one score is changed; the tally raises the error of Score.check for that document."""
    which = data.draw(st.integers(0, len(pairs) - 1))
    document, score = pairs[which]
    part = data.draw(st.sampled_from(["ends", "logprobs", "spelling"]))
    values = getattr(score, part).copy()
    if len(values):
        event = data.draw(st.integers(0, len(values) - 1))
        values[event] += data.draw(st.sampled_from([-20, -3, -1, 1, 3, 20] + [math.nan, math.inf] * (part != "ends")))
    else:
        values = np.append(values, [0])
    broken = Score(**{name: getattr(score, name) for name in ("ends", "logprobs", "spelling")} | {part: values})
    scores = [score for _, score in pairs]
    scores[which] = broken
    documents = [document for document, _ in pairs]
    refused = error_of(broken.check, document)
    assert error_of(tally, documents, scores, 7) == (f"document {7 + which}: {refused}" if refused else "")


def test_white_space_is_that_of_python():
    """The table covers all white space of Unicode."""
    white = [chr(code) for code in range(0x110000) if chr(code).isspace()]
    document = "".join(f"a{space}" for space in white)
    size = len(document.encode())
    counts = tally([document], [Score(np.array([size]), np.array([-1.0]), np.zeros(1))])
    assert counts.words.tolist() == [len(document.split())] == [len(white)]


def test_closed_vocabulary_perplexities_count_words_as_kenlm_and_srilm_do():
    """A no-break space is a letter of "2 000" for them; word perplexity counts two words, as Python does."""
    document, costs = "a 2\u00a0000\n", np.array([2.0, 3.0, 1.0])
    found = summarize(tally([document], [Score(np.array([1, 8, 9]), -costs * LN2, np.zeros(3))]))
    assert (found.words, found.line_ends, found.events) == (3, 1, 3)
    assert found.word_perplexity == pytest.approx(2 ** (6 / 4))
    assert found.kenlm_including_oovs == found.kenlm_excluding_oovs == pytest.approx(2 ** (6 / 3))
    assert (found.srilm_ppl, found.srilm_ppl1) == (pytest.approx(2 ** (6 / 3)), pytest.approx(2 ** (6 / 2)))


def test_columns_are_narrow_and_widen_when_needed():
    columns = TallyColumns(3)
    for length in (5, 300, 70_000):
        columns.add(tally(["x" * length], [Score(np.array([length]), np.array([-1.0]), np.zeros(1))]))
    whole = columns.tally()
    assert whole.bytes.tolist() == [5, 300, 70_000]
    assert (whole.bytes.dtype, whole.words.dtype, whole.bits.dtype) == (np.uint32, np.uint8, np.float64)
    assert summarize(whole).bytes == 70_305


def test_a_short_document_takes_31_bytes():
    """That is one byte for each of seven counts, and eight for each of three sums."""
    counts = tally(["a b\n"] * 1000, [Score(np.array([4]), np.array([-1.0]), np.zeros(1))] * 1000)
    assert sum(getattr(counts, name).nbytes for name in Tally.__dataclass_fields__) == 1000 * (7 + 3 * 8)


def test_narrow_counts_are_summed_without_overflow():
    """30,000 documents are above the limit for exact resampling."""
    score = Score(np.array([200]), np.array([-200 * LN2]), np.zeros(1))
    found = summarize(tally(["x" * 200] * 30_000, [score] * 30_000))
    assert (found.bytes, found.events) == (6_000_000, 30_000)
    assert found.bits_per_byte == pytest.approx(1)
