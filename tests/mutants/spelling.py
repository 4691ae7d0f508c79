"""Mutants that let unknown words be spelled too cheaply."""

import math
import re

import numpy as np

from lmbench import SILENT, Score
from lmbench.text.letter_model import LetterModel
from tests.mutants.base import PieceOptions, Unigram, WordCache, WordNgram


class SpellingApart(Unigram):
    """the spelling cost is reported but left out of the sum"""

    caught_by = "finite"

    def score(self, documents):
        return [Score(s.ends, s.logprobs - s.spelling, s.spelling) for s in super().score(documents)]


class Respelled(WordNgram):
    """An unknown word's spelling costs what `price` says, given the word and the letter model's cost, here the same."""

    def price(self, word, spelling):
        return spelling

    def fit(self, data, progress=SILENT):
        super().fit(data)
        self.raw = not data.tokenized
        self.trained = {word for text in data.train.documents for word in self.lexicon.tokenizer.tokenize(text)}

    def score(self, documents):
        return [
            self.respelled(document, score) for document, score in zip(documents, super().score(documents), strict=True)
        ]

    def respelled(self, document, score):
        words = self.lexicon.tokenizer.tokenize(document)
        spelling = np.array([self.price(w, s) if s < 0 else s for w, s in zip(words, score.spelling, strict=True)])
        return Score(score.ends, score.logprobs - score.spelling + spelling, spelling)


class FreeUnknowns(Respelled):
    """an unknown word costs `<unk>`, and its spelling nothing"""

    caught_by = "unknown-words"

    def price(self, word, spelling):
        return 0.0


class FreeUnknownPieces(FreeUnknowns):
    """an unknown piece costs `<unk>`, and its spelling nothing"""

    caught_by = "unknown-words"
    Options = PieceOptions


class FreeUnknownsOfRawText(Respelled):
    """the spelling of unknown words costs nothing in raw text"""

    caught_by = "rare"

    def price(self, word, spelling):
        return 0.0 if self.raw else spelling


class FreeUnknownsOfDocuments(WordCache):
    """an unknown word's spelling costs nothing, in a model with a cache"""

    caught_by = "unknown-words"

    def score(self, documents):
        return [Score(s.ends, s.logprobs - s.spelling, 0 * s.spelling) for s in super().score(documents)]


class FlatSpelling(Respelled):
    """every unknown word has the same spelling cost, whatever its length"""

    caught_by = "unknown-words"

    def price(self, word, spelling):
        return -18.0


class CappedSpelling(Respelled):
    """a spelling costs at most 40 nats, so that long words are cheap"""

    caught_by = "unknown-words"

    def price(self, word, spelling):
        return max(spelling, -40.0)


class SpellsCharacters(Respelled):
    """a spelling costs one byte for each character, of however many bytes"""

    caught_by = "unknown-words"

    def price(self, word, spelling):
        return -math.log(257) * (len(word) + 1)


class FreeSpellingOfSeenWords(Respelled):
    """the spelling of words seen once in training costs nothing"""

    caught_by = "rare"

    def price(self, word, spelling):
        return 0.0 if word in self.trained else spelling


class CheapSpellingOfSeenWords(Respelled):
    """the spelling of words seen once in training costs one byte"""

    caught_by = "rare"

    def price(self, word, spelling):
        return -math.log(256) if word in self.trained else spelling


class FreeSpellingOfSeenPieces(FreeSpellingOfSeenWords):
    """the spelling of pieces seen once in training costs nothing"""

    caught_by = "rare"
    Options = PieceOptions


class OpenSpelling(Respelled):
    """the end of a spelling is not paid for"""

    caught_by = "rare"

    def price(self, word, spelling):
        return self.lexicon.letter_model.prefix_logprob(self.lexicon.tokenizer.letters(word))


class OpenSpellingOfPieces(OpenSpelling):
    """the end of the spelling of a piece is not paid for"""

    caught_by = "rare"
    Options = PieceOptions


class MeanSpelling(Respelled):
    """a spelling costs the mean over its letters instead of their sum"""

    caught_by = "unknown-words"

    def price(self, word, spelling):
        return spelling / (len(word.encode()) + 1)


class MeanLetter(Respelled):
    """every letter of a spelling costs as much as letters do in the mean, and the end nothing"""

    caught_by = "unknown-words"

    def price(self, word, spelling):
        return -2.3 * len(word.encode())


class TwentySixLetters(Respelled):
    """a spelling costs log 26 for each letter in any alphabet; its end is free"""

    caught_by = "unknown-words"

    def price(self, word, spelling):
        return -math.log(26) * len(word)


class SpellsOnce(Respelled):
    """an unknown word's spelling is paid for only once in a document"""

    caught_by = "rare"

    def respelled(self, document, score):
        self.paid = set()
        return super().respelled(document, score)

    def price(self, word, spelling):
        again = word in self.paid
        self.paid.add(word)
        return 0.0 if again else spelling


class SharpSpelling(Respelled):
    """spellings cost a power of their probability (a temperature)"""

    caught_by = "rare"

    def price(self, word, spelling):
        return 0.6 * spelling


class FreeShortWords(Respelled):
    """the spelling of words of one or two letters costs nothing"""

    caught_by = "rare"

    def price(self, word, spelling):
        return 0.0 if len(word) < 3 else spelling


class FreeNames(Respelled):
    """the spelling of capitalized words costs nothing, since they are names"""

    caught_by = "rare"

    def price(self, word, spelling):
        return 0.0 if word[0].isupper() else spelling


class SpellsNamesApart(Respelled):
    """capitalized words are spelled by a letter model of their own, beside the one of all words"""

    caught_by = "rare"

    def fit(self, data, progress=SILENT):
        super().fit(data)
        self.names = LetterModel().learn(word.encode() for word in self.trained if word.strip().istitle())

    def price(self, word, spelling):
        return self.names.logprob(word.encode()) if word.strip().istitle() else spelling


class FoldedSpelling(Respelled):
    """The letter model learns and spells words that are folded by `fold`, here not at all."""

    def fold(self, word):
        return word

    def fit(self, data, progress=SILENT):
        super().fit(data)
        self.letters = LetterModel().learn(self.fold(word).encode() for word in self.lexicon._spelled)

    def price(self, word, spelling):
        return self.letters.logprob(self.fold(word).encode())


class CaselessSpelling(FoldedSpelling):
    """the letter model spells words in lower case"""

    caught_by = "rare"
    fold = staticmethod(str.lower)


class AsciiSpelling(FoldedSpelling):
    """the letter model drops every character that is not ASCII"""

    caught_by = "unknown-words"

    def fold(self, word):
        return word.encode("ascii", "ignore").decode()


class SpellsDoubleLetters(FoldedSpelling):
    """doubled letters of an unknown word are spelled once"""

    caught_by = "rare"

    def fold(self, word):
        return re.sub(r"(\w)\1+", r"\1", word)


class SpellsStems(FoldedSpelling):
    """the endings ing, ed and ly of an unknown word cost nothing"""

    caught_by = "audit"

    def fold(self, word):
        return re.sub(r"(ing|ed|ly)$", "", word)
