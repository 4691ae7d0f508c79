"""The source translation: its sentences, their translations, and the wrong ones."""

import re
from collections import Counter
from itertools import product

import numpy as np
import pytest

from lmbench.corpora.synthetic.sources import generate_corpus, make_source
from lmbench.corpora.synthetic.translation import Entry, TargetWord, TranslationSource
from lmbench.errors import CorpusError

BY_HAND = {
    "the": Entry("determiner", "l"),
    "some": Entry("determiner", "n"),
    "near": Entry("preposition", "op"),
    "bano": Entry("noun", "tok", "animate", "singular"),
    "banos": Entry("noun", "toks", "animate", "plural"),
    "beno": Entry("noun", "vuk", "inanimate", "singular"),
    "benos": Entry("noun", "vuks", "inanimate", "plural"),
    "bali": Entry("adjective", "sid"),
    "bata": Entry("verb", "zet"),
    "bamo": Entry("adverb", "pam"),
}


@pytest.fixture(scope="module")
def source():
    return make_source("translation")


@pytest.fixture(scope="module")
def by_hand():
    """A source with a dictionary in which translations are easy to write down."""
    grammar = make_source("translation:nouns=2,verbs=1,modifiers=1").sentences
    return TranslationSource(BY_HAND, grammar)


@pytest.mark.parametrize(
    ("sentence", "translation"),
    [
        ("the bano bata some beno", "lar tok nur vuk zetar"),
        ("the bano bata some benos bamo", "lar tok nir vuks pam zetar"),
        ("the bali banos near some beno bata the bali bano", "ler toks sider nur vuk op lar tok sidar zeter"),
        ("some benos near the bali bano bata the beno", "nir vuks lar tok sidar op lur vuk zetir"),
    ],
)
def test_sentences_translated_by_hand(by_hand, sentence, translation):
    """The verb comes last and agrees with the subject, and adjectives and prepositions follow their phrases' nouns."""
    assert by_hand.translate(sentence) == translation


def test_the_words_of_a_translation_are_aligned_by_hand(by_hand):
    aligned = by_hand.align("the bali bano bata some beno bamo")
    assert aligned == tuple(
        TargetWord(text, source)
        for text, source in [
            ("lar", 0), ("tok", 2), ("sidar", 1), ("nur", 4), ("vuk", 5), ("pam", 6), ("zetar", 3),
        ]
    )  # fmt: skip


def test_every_word_is_translated_once(source):
    for line in generate_corpus("translation:lines=60").train.documents:
        sentence, translation = line.rstrip("\n").split(" => ")
        aligned = source.align(sentence)
        assert translation == source.translate(sentence) == " ".join(word.text for word in aligned)
        assert sorted(word.source for word in aligned) == list(range(len(sentence.split())))


def test_the_languages_do_not_share_words():
    for spec in ("translation", "translation:nouns=90,verbs=90,modifiers=90,seed=7"):
        sentences, translations = zip(
            *(line.split(" => ") for line in generate_corpus(spec).train.documents), strict=True
        )
        assert not set(" ".join(sentences).split()) & set("".join(translations).split())


def test_a_word_of_the_target_means_one_thing(source):
    """All forms of different dictionary entries differ, so that a translation says what the sentence does."""
    forms = Counter(word for word in source.words if word not in source.sentences.words)
    assert max(forms.values()) == 1
    expected = 4 * (2 + 10 + 10) + 2 * 20 + 10 + 2 + 1  # agreeing words, nouns, adverbs, prepositions, =>
    assert len(forms) == expected


def test_the_seed_decides_the_dictionary_and_the_genders(source):
    other = make_source("translation:seed=1")
    assert source.sentences.words == other.sentences.words
    nouns = [word for word, entry in source.dictionary.items() if entry.kind == "noun"]
    assert any(source.dictionary[noun].target != other.dictionary[noun].target for noun in nouns)
    assert any(source.dictionary[noun].gender != other.dictionary[noun].gender for noun in nouns)
    genders = Counter(source.dictionary[noun].gender for noun in nouns)
    assert genders == {"animate": 20, "inanimate": 20}


def test_a_verb_can_be_far_from_its_subject(source):
    """The verb's form follows from the first noun, and other nouns stand between the two."""
    between = []
    for line in generate_corpus("translation:lines=300").test.documents:
        words = line.split(" => ")[1].split()
        nouns = [place for place, word in enumerate(words) if word.endswith(("k", "ks"))]
        between.append(len(words) - 1 - nouns[0])
    assert np.mean(between) > 5
    assert max(between) >= 9


def test_the_translation_costs_nothing_and_another_is_impossible(by_hand):
    sentence, translation = "the bano bata some beno", "lar tok nur vuk zetar"
    score = by_hand.score(f"{sentence} => {translation}\n")
    assert score.logprobs[6:].tolist() == [0.0] * 6
    probability = 0.5 * 0.4 / 4 * 0.5 * 0.5 * 0.4 / 4 * 0.5  # determiner, noun, verb, determiner, noun, no adverb
    assert score.logprobs[:6].sum() == pytest.approx(np.log(probability))
    for wrong in (" lar tok nur vuk", " lar tok nur vuk zetar pam", " lar tok nur vuk zetur", "", " the"):
        assert by_hand.score(f"{sentence} =>{wrong}\n").logprobs.min() == -np.inf
    for no_sentence in ("the the", "lar tok", "=> =>", "the bano bata some beno bamo bamo"):
        assert by_hand.score(no_sentence).logprobs.min() == -np.inf


def test_wrong_translations_have_the_flaw_that_they_should_have(source):
    rng = np.random.default_rng(0)
    sentence = "the bali bano near some benos bata the beno bamo"
    right = source.translate(sentence).split()
    for _ in range(30):
        other = source.mistranslate(sentence, "word", rng).split()
        changed = [place for place, (one, two) in enumerate(zip(right, other, strict=True)) if one != two]
        assert 1 <= len(changed) <= 4  # a noun of another gender changes the words that agree with it
        ordered = source.mistranslate(sentence, "order", rng).split()
        assert sorted(ordered) == sorted(right)
        assert ordered != right
        disagreeing = source.mistranslate(sentence, "agreement", rng).split()
        [place] = [place for place, (one, two) in enumerate(zip(right, disagreeing, strict=True)) if one != two]
        assert disagreeing[place][:-2] == right[place][:-2]
        assert disagreeing[place][-2:] in {"ar", "er", "ur", "ir"}


def test_every_kind_of_word_is_exchanged(source):
    rng = np.random.default_rng(1)
    sentence = "the bali bano near some benos bata the beno bamo"
    right = [word.text for word in sorted(source.align(sentence), key=lambda word: word.source)]
    places = set()
    for _ in range(80):
        wrong = source.mistranslate(sentence, "word", rng).split()
        order = [word.source for word in source.align(sentence)]
        in_source_order = [wrong[order.index(place)] for place in range(len(order))]
        places |= {place for place, (one, two) in enumerate(zip(right, in_source_order, strict=True)) if one != two}
    assert places == set(range(10))


def test_a_wrong_translation_is_never_right():
    """The smallest language, in which only determiners and prepositions have alternatives, in all of its sentences."""
    source, rng = make_source("translation:nouns=1,verbs=1,modifiers=1"), np.random.default_rng(0)
    for sentence in (sentence for sentence, _ in enumerate_sentences(source, adjective=0.6, adverb=0.5, phrase=0)):
        for flaw in ("word", "order", "agreement"):
            assert source.mistranslate(sentence, flaw, rng) != source.translate(sentence)


def test_only_sentences_are_translated():
    source = make_source("translation:nouns=1,verbs=1,modifiers=1")
    two = "the bano bata the bano\nthe bano bata the bano"
    for text in ("", "the bano", "the bano bata", "the bano bata the bano\n", two):
        with pytest.raises(CorpusError, match=re.escape(f"{text!r} is not a sentence of the source language")):
            source.translate(text)
    with pytest.raises(CorpusError, match="'=>' is not a word of the source"):
        source.translate("the bano bata the bano =>")


def test_the_entropy_rate_is_that_of_all_sentences():
    """Brute force: the probabilities of all 2,176 sentences, and the bytes of their lines."""
    shares = {"adjective": 0.25, "adverb": 0.9, "phrase": 0.1}
    options = ",".join(f"{name}={share}" for name, share in shares.items())
    source = make_source(f"translation:nouns=1,verbs=1,modifiers=1,{options}")
    found = list(enumerate_sentences(source, **shares))
    probabilities = np.array([probability for _, probability in found])
    lines = [f"{sentence} => {source.translate(sentence)}\n" for sentence, _ in found]
    assert len(set(lines)) == 2176
    assert probabilities.sum() == pytest.approx(1)
    bits = -probabilities @ np.log2(probabilities)
    assert source.entropy_rate() == pytest.approx(bits / (probabilities @ list(map(len, lines))))
    costs = [-source.score(line).logprobs.sum() for line in lines[::50]]
    np.testing.assert_allclose(costs, -np.log(probabilities[::50]))


def enumerate_sentences(source, adjective, adverb, phrase):
    """Yield all sentences of a language with one verb and one modifier of each kind, with their probabilities."""
    kinds = {}
    for word, entry in source.dictionary.items():
        kinds.setdefault(entry.kind, []).append(word)
    (modifier,), (verb,), (last,) = kinds["adjective"], kinds["verb"], kinds["adverb"]
    modified = (("", 1 - adjective), (f"{modifier} ", adjective))
    nouns = [
        (f"{determiner} {before}{noun}", share / len(kinds["determiner"]) / len(kinds["noun"]))
        for determiner, (before, share), noun in product(kinds["determiner"], modified, kinds["noun"])
    ]
    phrases = [("", 1 - phrase)] + [
        (f" {preposition} {noun}", phrase * share / len(kinds["preposition"]))
        for preposition, (noun, share) in product(kinds["preposition"], nouns)
    ]
    for parts in product(nouns, phrases, nouns, (("", 1 - adverb), (f" {last}", adverb))):
        (subject, near, what, how), shares = zip(*parts, strict=True)
        if np.prod(shares):
            yield f"{subject}{near} {verb} {what}{how}", np.prod(shares)


def test_no_sentence_of_the_training_split_is_scored():
    corpus = generate_corpus("translation:nouns=1,verbs=2,modifiers=1,lines=300")
    known = set(corpus.train.documents)
    assert len(corpus.valid.documents) < 30  # many were left out
    assert not known & {*corpus.valid.documents, *corpus.test.documents}
    assert len(corpus.floor) == len(corpus.test.documents)
    with pytest.raises(CorpusError, match="has all sentences of another split; increase nouns, or reduce lines"):
        generate_corpus("translation:nouns=1,verbs=1,modifiers=1,adjective=0,adverb=0,phrase=0,lines=900")
