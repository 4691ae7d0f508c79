"""Bits by part of speech, script and characters, by hand."""

from dataclasses import replace

import pytest

from lmbench.analysis.kinds import (
    find_kind,
    find_script,
    measure_by_characters,
    measure_by_part_of_speech,
    measure_by_script,
)
from lmbench.analysis.words import align_to_words
from lmbench.corpora.conllu import parse_sentences, tagged_split
from lmbench.errors import CorpusError
from tests.analysis.scored import align_events, corpus

TREEBANK = "\n".join(
    ["1\tDogs\t_\tNOUN", "2\tbark\t_\tVERB", "3\t.\t_\tPUNCT", "", "1\tBirds\t_\tNOUN", "2\tsing\t_\tVERB", ""]
)


def bits_of(frame):
    return dict(zip(frame["class"], frame["bits"], strict=True))


def test_tagged_words_have_their_part_of_speech():
    split = tagged_split(parse_sentences(f"# global.columns = ID FORM LEMMA UPOS\n{TREEBANK}", "f"))
    text = replace(corpus(), test=split)
    assert split.documents == ("Dogs bark .\n", "Birds sing\n")
    events = [[(4, 1), (5, 2), (2, 4), (1, 8)], [(5, 16), (5, 32), (1, 64)]]
    frame = measure_by_part_of_speech(align_to_words(align_events(text, one=events)))
    assert bits_of(frame) == {"NOUN": 17, "VERB": 34, "PUNCT": 4, "line end": 72}


def test_a_text_without_tags_is_refused():
    with pytest.raises(CorpusError, match="not tagged"):
        measure_by_part_of_speech(align_to_words(align_events(corpus("a"), one=[[(1, 1)]])))


@pytest.mark.parametrize(
    ("word", "script"),
    [
        ("naïve", "Latin"),
        ("北京", "Han"),
        ("мир", "Cyrillic"),
        ("T恤", "mixed"),
        ("12", "none"),
        ("<unk>", "Latin"),
        ("ᚠ", "other"),
        ("Hawaiʻi", "Latin"),
        ("スーパー", "Katakana"),
        ("ー", "none"),
    ],
)
def test_the_script_is_that_of_the_letters(word, script):
    assert find_script(word) == script


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("dog", "lower case"),
        ("don't", "lower case"),
        ("Dog", "capitalized"),
        ("I", "capitalized"),
        ("NASA", "capitals"),
        ("U.S.", "capitals"),
        ("Mr.", "capitalized"),
        ("e.g.", "lower case"),
        ("'s", "lower case"),
        ("-", "punctuation"),
        ("well-known", "lower case"),
        ("McDonald", "other letters"),
        ("北京", "other letters"),
        ("1,024", "digits"),
        ("1990s", "with digits"),
        ("...", "punctuation"),
        ("=", "others"),
        ("<unk>", "others"),
    ],
)
def test_the_kind_is_that_of_the_characters(word, kind):
    assert find_kind(word) == kind


def test_scripts_and_kinds_sum_to_the_bits():
    rows = align_to_words(align_events(corpus("Dog 狗\n"), one=[[(3, 1), (4, 2), (1, 4)]]))
    assert bits_of(measure_by_script(rows)) == {"Han": 2, "Latin": 1, "line end": 4}
    assert bits_of(measure_by_characters(rows)) == {"capitalized": 1, "other letters": 2, "line end": 4}


def test_the_word_for_unknown_words_has_a_class_of_its_own():
    rows = align_to_words(align_events(corpus("Dog <unk>\n"), one=[[(3, 1), (6, 2), (1, 4)]]))
    assert bits_of(measure_by_script(rows)) == {"<unk>": 2, "Latin": 1, "line end": 4}
    assert bits_of(measure_by_characters(rows)) == {"<unk>": 2, "capitalized": 1, "line end": 4}
