"""The source ``translation``: sentences of one small language, each with its translation into another one.

A line is ``source => target``. The source sentence is drawn from a grammar; its translation follows from it, with other
words, in another order, and with agreement that the source language lacks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise, zip_longest
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from lmbench.arrays import Flags, Floats, Ints
from lmbench.corpora.synthetic.base import (
    LINE_END,
    Lines,
    SourceOptions,
    SyntheticSource,
    line_starts,
    make_words,
)
from lmbench.corpora.synthetic.distributions import entropies
from lmbench.corpora.synthetic.grammar import GrammarSource, Nouns, Rule, Rules
from lmbench.errors import CorpusError

MARK = "=>"
"""The word between a sentence and its translation."""

Flaw = Literal["word", "order", "agreement"]
"""What is wrong with a translation: one word is that of another sentence, its words are in the order of the source, or
one word does not agree with its noun."""

_NUMBERS, _GENDERS = ("singular", "plural"), ("animate", "inanimate")
_DETERMINERS, _PREPOSITIONS = {"the": "l", "some": "n"}, {"near": "op", "with": "us"}
_SOURCE_ENDINGS = {"singular": "no", "plural": "nos", "adjective": "li", "verb": "ta", "adverb": "mo"}
_NOUN_ENDINGS = {"singular": "k", "plural": "ks"}
_AGREEMENT = {  # of determiners and adjectives with their noun, and of verbs with their subject
    ("animate", "singular"): "ar",
    ("animate", "plural"): "er",
    ("inanimate", "singular"): "ur",
    ("inanimate", "plural"): "ir",
}
_ORDER = {"determiner": 0, "noun": 1, "adjective": 2, "preposition": 3, "adverb": 4, "verb": 5}  # in the target


@dataclass(frozen=True, slots=True)
class Entry:
    """A word of the source language in the dictionary.

    Attributes:
        kind: Its part of speech, a key of _ORDER.
        target: The word of the target language, without the ending of an agreeing one.
        gender: The gender of the target noun; "" for other words.
        number: The number of a noun; "" for other words.
    """

    kind: str
    target: str
    gender: str = ""
    number: str = ""

    @property
    def agrees(self) -> bool:
        """Whether the word has an ending that depends on a noun."""
        return self.kind in ("determiner", "adjective", "verb")


Dictionary = Mapping[str, Entry]
"""The entry of each word of the source language, kind after kind."""


@dataclass(frozen=True, slots=True)
class TargetWord:
    """A word of a translation.

    Attributes:
        text: The word.
        source: The index of the word of the source sentence that it translates.
    """

    text: str
    source: int


class TranslationOptions(SourceOptions):
    """Options of the source translation."""

    only_new: ClassVar[bool] = True

    lines: Lines = 8000
    nouns: Nouns = 20
    verbs: int = Field(10, ge=1, le=5000, description="number of verbs")
    modifiers: int = Field(10, ge=1, le=5000, description="number of adjectives, and of adverbs")
    adjective: float = Field(0.6, ge=0, le=1, description="probability that a noun has an adjective")
    adverb: float = Field(0.5, ge=0, le=1, description="probability that a verb has an adverb")
    phrase: float = Field(0.5, ge=0, le=1, description="probability that a prepositional phrase follows the subject")

    def source(self) -> TranslationSource:
        """Return the pair of languages; the target's words and the genders of its nouns are drawn."""
        dictionary = _make_dictionary(self, self.generator("source"))
        return TranslationSource(dictionary, GrammarSource("line", _sentences(self, dictionary)))


@dataclass(frozen=True)
class TranslationSource(SyntheticSource):
    """Sentences of a grammar, each followed by ``=>`` and its translation.

    Attributes:
        dictionary: The entry of each word of the source language.
        sentences: The grammar of the source language; its line end is the symbol of ``=>`` here.
    """

    dictionary: Dictionary
    sentences: GrammarSource

    @property
    def description(self) -> str:
        sizes = f"{len(self.sentences.words)} words into {len(self.words) - len(self.sentences.words) - 1}"
        return f"sentences and their translations, {sizes}: other words, other word order, agreement at a distance"

    @cached_property
    def words(self) -> tuple[str, ...]:  # type: ignore[override]  # read-only, as in the other sources
        """The words of the source language, ``=>``, and those of the target language."""
        target = [form for entry in self.dictionary.values() for form in _forms(entry)]
        return (*self.sentences.words, MARK, *dict.fromkeys(target))

    def translate(self, sentence: str) -> str:
        """Return the translation of a sentence of the source language.

        Raises:
            CorpusError: It is not a sentence of the source language.
        """
        return " ".join(word.text for word in self.align(sentence))

    def align(self, sentence: str) -> tuple[TargetWord, ...]:
        """Return the translation of a sentence of the source language, with the alignment of its words.

        Raises:
            CorpusError: It is not a sentence of the source language.
        """
        self._check_sentence(sentence)
        words = sentence.split(" ")
        return tuple(TargetWord(self._inflect(words, place), place) for place in self._reorder(words))

    def mistranslate(self, sentence: str, flaw: Flaw, rng: np.random.Generator) -> str:
        """Return a wrong translation of a sentence of the source language.

        Args:
            sentence: The sentence.
            flaw: What is wrong with the translation.
            rng: The random numbers, which choose the wrong word.

        Raises:
            CorpusError: It is not a sentence of the source language.
        """
        if flaw == "order":
            return " ".join(word.text for word in sorted(self.align(sentence), key=lambda word: word.source))
        if flaw == "word":
            return self.translate(self._replace_word(sentence, rng))
        translation = [word.text for word in self.align(sentence)]
        entries = [self.dictionary[sentence.split(" ")[word.source]] for word in self.align(sentence)]
        place = int(rng.choice([number for number, entry in enumerate(entries) if entry.agrees]))
        others = [form for form in _forms(entries[place]) if form != translation[place]]
        return " ".join([*translation[:place], str(rng.choice(others)), *translation[place + 1 :]])

    def draw_blocks(self, lines: int, rng: np.random.Generator) -> Iterator[Ints]:
        for symbols in self.sentences.draw_blocks(lines, rng):
            ends = np.flatnonzero(symbols == self.sentences.end) + 1
            sentences = np.split(symbols, ends[:-1])
            yield np.concatenate([part for each in sentences for part in (each, self._translate_symbols(each[:-1]))])

    def logprobs(self, symbols: Ints) -> Floats:
        logprobs, is_sentence = np.zeros(len(symbols)), self._find_sentences(symbols)
        read = symbols[is_sentence]
        known = np.minimum(read, self.sentences.end)  # any other symbol is impossible there, and ends the sentence
        logprobs[is_sentence] = np.where(read == known, self.sentences.logprobs(known), -np.inf)
        starts = line_starts(symbols, self.end).tolist()
        for start, end in pairwise([*starts, len(symbols)]):
            border = start + int(is_sentence[start:end].sum())
            if border < end and np.isfinite(logprobs[start:border]).all():
                right = self._translate_symbols(symbols[start : border - 1])
                said = symbols[border:end].tolist()
                logprobs[border:end] = [
                    0.0 if one == two else -np.inf for one, two in zip_longest(said, right[: len(said)])
                ]
        return logprobs

    @property
    def mean_events(self) -> float:
        return 2 * self.sentences.mean_events

    def entropy_rate(self) -> float:
        """Return the expected bits of a sentence over the expected bytes of its line, translation included."""
        grammar = self.sentences
        both = grammar.sizes + np.array([*(self._target_size(word) for word in grammar.words), len(MARK) + 1])
        visits, probabilities = grammar.visits, grammar.probabilities
        return float(visits @ entropies(probabilities) / (visits @ (probabilities @ both)))

    def _target_size(self, word: str) -> int:
        """Return the bytes of a word's translation, which all its forms share, and of the space or line end after."""
        return len(_forms(self.dictionary[word])[0]) + 1

    def _find_sentences(self, symbols: Ints) -> Flags:
        """Return which symbols belong to the sentence of a line, its ``=>`` included, (events,)."""
        is_mark = symbols == self.sentences.end
        before = np.cumsum(is_mark) - is_mark
        starts = line_starts(symbols, self.end)
        at_start = np.repeat(before[starts], np.diff(starts, append=len(symbols)))
        return np.asarray(before == at_start)

    def _translate_symbols(self, sentence: Ints) -> list[int]:
        """Return the symbols of a translation, line end included."""
        words = [self.words[symbol] for symbol in sentence.tolist()]
        return [*(self._symbols[self._inflect(words, place)] for place in self._reorder(words)), self.end]

    @cached_property
    def _symbols(self) -> dict[str, int]:
        return {word: symbol for symbol, word in enumerate(self.words)}

    def _reorder(self, words: Sequence[str]) -> list[int]:
        """Return the places of a sentence's words in the order of the target language.

        It puts an adjective after its noun, a preposition after its phrase, and at the end the adverb and the verb.
        """
        kinds = [self.dictionary[word].kind for word in words]
        last = kinds.count("noun")
        phrases = [
            last if kind in ("adverb", "verb") else kinds[:place].count("noun") for place, kind in enumerate(kinds)
        ]
        return sorted(range(len(words)), key=lambda place: (phrases[place], _ORDER[kinds[place]]))

    def _inflect(self, words: Sequence[str], place: int) -> str:
        """Return the translation of the word at a place of a sentence, in agreement with its noun.

        A determiner and an adjective agree with the next noun, and a verb with the first one, its subject.
        """
        entry = self.dictionary[words[place]]
        if not entry.agrees:
            return _forms(entry)[0]
        rest = words if entry.kind == "verb" else words[place:]
        noun = next(self.dictionary[word] for word in rest if self.dictionary[word].kind == "noun")
        return entry.target + _AGREEMENT[noun.gender, noun.number]

    def _replace_word(self, sentence: str, rng: np.random.Generator) -> str:
        """Return the sentence with another word of the same kind, and of the same number, in the place of one."""
        self._check_sentence(sentence)
        words = sentence.split(" ")
        others = [self._alternatives(word) for word in words]  # a determiner always has one
        place = int(rng.choice([place for place, known in enumerate(others) if known]))
        words[place] = str(rng.choice(others[place]))
        return " ".join(words)

    def _alternatives(self, word: str) -> list[str]:
        return [other for other in self._alike[_generalize(self.dictionary[word])] if other != word]

    @cached_property
    def _alike(self) -> dict[Entry, list[str]]:
        """The words of the source language of each kind and number."""
        alike: dict[Entry, list[str]] = {}
        for word, entry in self.dictionary.items():
            alike.setdefault(_generalize(entry), []).append(word)
        return alike

    def _check_sentence(self, sentence: str) -> None:
        if LINE_END in sentence or not np.isfinite(self.sentences.score(sentence + LINE_END).logprobs).all():
            raise CorpusError(f"{sentence!r} is not a sentence of the source language")


def _generalize(entry: Entry) -> Entry:
    """Return an entry without what distinguishes words of the same kind and number."""
    return replace(entry, target="", gender="")


def _forms(entry: Entry) -> tuple[str, ...]:
    """Return the forms of a target word."""
    return tuple(entry.target + ending for ending in _AGREEMENT.values()) if entry.agrees else (entry.target,)


def _make_dictionary(options: TranslationOptions, rng: np.random.Generator) -> Dictionary:
    """Return the words of the source language, with target words and genders drawn at random."""
    entries = {word: Entry("determiner", target) for word, target in _DETERMINERS.items()}
    entries |= {word: Entry("preposition", target) for word, target in _PREPOSITIONS.items()}
    for stem, target, gender in zip(
        make_words(options.nouns), _shuffle(options.nouns, rng), rng.permutation(options.nouns) % 2, strict=True
    ):
        for number in _NUMBERS:
            noun = Entry("noun", target + _NOUN_ENDINGS[number], _GENDERS[gender], number)
            entries[stem + _SOURCE_ENDINGS[number]] = noun
    for kind, many in (("adjective", options.modifiers), ("verb", options.verbs), ("adverb", options.modifiers)):
        ending = {"adjective": "d", "verb": "t", "adverb": "m"}[kind]
        for stem, target in zip(make_words(many), _shuffle(many, rng), strict=True):
            entries[stem + _SOURCE_ENDINGS[kind]] = Entry(kind, target + ending)
    return entries


def _shuffle(number: int, rng: np.random.Generator) -> list[str]:
    words = make_words(number)
    return [words[place] for place in rng.permutation(number)]


def _sentences(options: TranslationOptions, dictionary: Dictionary) -> Rules:
    """Return the grammar of the source language, in which the words of a kind are equally likely."""
    of_kind = {kind: [word for word, entry in dictionary.items() if entry.kind == kind] for kind in _ORDER}

    def any_of(kind: str, share: float, *then: str) -> list[Rule]:
        return [Rule(share / len(of_kind[kind]), word, then) for word in of_kind[kind]]

    return {
        "line": any_of("determiner", 1.0, "noun phrase", "predicate"),
        "noun phrase": [
            *any_of("adjective", options.adjective, "noun"),
            *any_of("noun", 1 - options.adjective),
        ],
        "noun": any_of("noun", 1.0),
        "object": any_of("determiner", 1.0, "noun phrase"),
        "predicate": [
            *any_of("preposition", options.phrase, "object", "verb"),
            *any_of("verb", 1 - options.phrase, "object", "end"),
        ],
        "verb": any_of("verb", 1.0, "object", "end"),
        "end": [*any_of("adverb", options.adverb, "stop"), Rule(1 - options.adverb, LINE_END)],
        "stop": [Rule(1.0, LINE_END)],
    }
