"""Bits by training frequency, by hand."""

from lmbench.analysis.frequency import measure_by_frequency
from lmbench.analysis.words import align_to_words
from tests.analysis.scored import align_events, corpus


def test_words_are_counted_in_the_training_text():
    train = ["often " * 6 + "once\n", "twice <unk> twice\n"]
    text = corpus("often once twice never <unk>\n", train=train)
    events = [[(5, 1), (5, 2), (6, 4), (6, 8), (6, 16), (1, 32)]]
    frame = measure_by_frequency(align_to_words(align_events(text, one=events)))
    assert dict(zip(frame["class"], frame["bits"], strict=True)) == {
        "0": 8,
        "1": 2,
        "2–5": 4,
        "6–20": 1,
        "<unk>": 16,
        "line end": 32,
    }


def test_a_word_is_counted_as_it_is_divided_in_the_test_text():
    text = corpus("dog, Dog", train=["a dog\n", "(dog)\n"], tokenized=False)
    frame = measure_by_frequency(align_to_words(align_events(text, one=[[(3, 1), (1, 2), (4, 4)]])))
    assert dict(zip(frame["class"], frame["bits"], strict=True)) == {"0": 2 + 4, "2–5": 1}
