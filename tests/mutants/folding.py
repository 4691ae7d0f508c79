"""Mutants that do not tell different texts apart: case, digits, white space, accents, Chinese characters."""

import re
import unicodedata
from collections import Counter

import numpy as np

from lmbench import Lexicon
from lmbench.text.tokenizers import LINE_END, Tokenizer
from tests.mutants.base import Bigram, ByteNgram, PieceOptions, WordNgram


class Folded(Tokenizer):
    """A tokenizer whose tokens are folded. Their events end where they did."""

    def __init__(self, tokenizer, fold):
        self.tokenizer, self.fold, self.name = tokenizer, fold, tokenizer.name

    def tokenize_with_ends(self, text):
        tokens, ends = self.tokenizer.tokenize_with_ends(text)
        return self.fold(tokens), ends

    def tokenize_lines(self, lines):
        return [self.fold(tokens) for tokens in self.tokenizer.tokenize_lines(lines)]

    def spell(self, tokens):
        return self.tokenizer.spell(tokens)


class FoldsWords(WordNgram):
    """The words are folded by `fold` before they are looked up, here not at all."""

    def fold(self, word):
        return word

    def fold_all(self, words):
        return list(map(self.fold, words))

    def learn_lexicon(self, data):
        self.raw = not data.tokenized
        tokenizer = Folded(super().learn_lexicon(data).tokenizer, self.fold_all)
        counts = Counter(word for text in data.train.documents for word in tokenizer.tokenize(text))
        known, rare = ([w for w in counts if (counts[w] > 1) is often and w != LINE_END] for often in (True, False))
        return Lexicon(tokenizer, known, rare if len(rare) >= 100 else known + rare, 2)


class CaselessWords(FoldsWords):
    """case is folded in the vocabulary"""

    caught_by = "variants"
    fold = staticmethod(str.lower)


class CaselessPieces(CaselessWords):
    """case is folded in a vocabulary of pieces"""

    caught_by = "variants"
    Options = PieceOptions


class CaselessRawText(FoldsWords):
    """case is folded in raw text only"""

    caught_by = "variants"

    def fold(self, word):
        return word.lower() if self.raw else word


class CaselessLineStarts(FoldsWords):
    """the first letter of a line is lower-cased (truecasing)"""

    caught_by = "variants"

    def fold_all(self, words):
        starts = [True, *(word == LINE_END for word in words)]
        return [w[:1].lower() + w[1:] if start else w for w, start in zip(words, starts, strict=False)]


class CaselessNames(FoldsWords):
    """words in capitals are lower-cased if they have more than one letter"""

    caught_by = "variants"

    def fold(self, word):
        return word.lower() if len(word) > 1 and word.isupper() else word


class NamesAsOne(FoldsWords):
    """capitalized words become one class, `<name>`"""

    caught_by = "rare"

    def fold(self, word):
        return "<name>" if word.istitle() else word


class DigitsAsOne(FoldsWords):
    """every digit is replaced by N in the vocabulary"""

    caught_by = "variants"

    def fold(self, word):
        return re.sub(r"\d", "N", word)


class NumbersAsOne(FoldsWords):
    """every number is replaced by 0 in the vocabulary"""

    caught_by = "variants"

    def fold(self, word):
        return re.sub(r"\d+", "0", word)


class NumbersAsOneInPieces(NumbersAsOne):
    """every number is replaced by 0 in a vocabulary of pieces"""

    caught_by = "variants"
    Options = PieceOptions


class LargeNumbersAsOne(FoldsWords):
    """numbers above 100 are replaced by one class"""

    caught_by = "variants"

    def fold(self, word):
        return re.sub(r"\d{3,}", "1000", word)


class SpacesAsOne(FoldsWords):
    """runs of white space are collapsed into one space"""

    caught_by = "variants"

    def fold(self, word):
        return " " if word.isspace() and word != LINE_END else word


class StripsLines(FoldsWords):
    """white space at the beginning and end of a line is stripped"""

    caught_by = "variants"

    def costs(self, line):
        words = [self.lexicon.types[word] for word in line]
        ends = (0, len(words) - 1 - (words[-1] == LINE_END))
        kept = np.array([i not in ends or not word.isspace() or word == LINE_END for i, word in enumerate(words)])
        costs = np.zeros(len(line))
        costs[kept] = super().costs(line[kept])
        return costs


class ComposesAccents(FoldsWords):
    """words are normalized to NFC, so that two spellings of é are one"""

    caught_by = "variants"

    def fold(self, word):
        return unicodedata.normalize("NFC", word)


class FoldsWidths(FoldsWords):
    """words are normalized to NFKC, so that wide letters and ligatures are plain ones"""

    caught_by = "variants"

    def fold(self, word):
        return unicodedata.normalize("NFKC", word) if not word.isspace() else word


class StripsAccents(FoldsWords):
    """accents are stripped in the vocabulary (as uncased BERT does)"""

    caught_by = "variants"

    def fold(self, word):
        return "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c)) or word


class Stems(FoldsWords):
    """words are stemmed: endings such as s, ed and ing are cut off"""

    caught_by = "variants"

    def fold(self, word):
        return re.sub(r"(?<=\w\w)(s|ed|ing|ly)$", "", word)


class Truncates(FoldsWords):
    """only the first five letters of a word count"""

    caught_by = "unknown-words"

    def fold(self, word):
        return word[:5]


class PronounsAsOne(FoldsWords):
    """all pronouns are one class"""

    caught_by = "audit"
    pronouns = re.compile(" ?(i|you|he|she|it|we|they|my|your|his|her|our|their|我|你|他|她|它)", re.IGNORECASE)

    def fold(self, word):
        return "it" if self.pronouns.fullmatch(word) else word


class FoldsBytes(ByteNgram):
    """The bytes are folded by a pattern and its replacement, which keeps their number."""

    pattern, replacement = rb"", rb""

    def read(self, document):
        return re.sub(self.pattern, self.replacement, super().read(document))


class CaselessBytes(FoldsBytes):
    """a byte model reads lower-cased text"""

    caught_by = "variants"

    def read(self, document):
        return super().read(document).lower()


class CaselessBytesOfLineStarts(FoldsBytes):
    """a byte model reads lines with their first letter in lower case"""

    caught_by = "variants"
    pattern, replacement = rb"(?:^|(?<=\n))[A-Z]", staticmethod(lambda match: match[0].lower())


class DigitsAsOneByte(FoldsBytes):
    """a byte model reads every digit as 0"""

    caught_by = "variants"
    pattern, replacement = rb"\d", rb"0"


class TabsAsSpaces(FoldsBytes):
    """a byte model reads tabs as spaces"""

    caught_by = "variants"
    pattern, replacement = rb"\t", rb" "


class FreeSecondBytes(FoldsBytes):
    """the second byte of a Chinese character costs nothing"""

    caught_by = "variants"
    pattern, replacement = rb"([\xe3-\xef])[\x80-\xbf]", b"\\1\x80"


class FreeThirdBytes(FoldsBytes):
    """the third byte of a Chinese character costs nothing"""

    caught_by = "variants"
    pattern, replacement = rb"([\xe3-\xef][\x80-\xbf])[\x80-\xbf]", b"\\1\x80"


class FreeInsidesOfHan(ByteNgram):
    """the bytes inside a character cost a tenth if the character was seen in training"""

    caught_by = "variants"

    def costs(self, document):
        inside = [128 <= byte < 192 for byte in document.encode()]
        return np.where(inside, super().costs(document) / 10, super().costs(document))


class FreeSpaces(Bigram):
    """white space costs nothing"""

    caught_by = "chain-rule"

    def costs(self, document):
        return np.where(np.isin(list(document.encode()), (9, 32)), 0.0, super().costs(document))


class FreeCase(Bigram):
    """text is lower-cased before scoring"""

    caught_by = "chain-rule"

    def costs(self, document):
        return super().costs("".join(c.lower() if c.isascii() else c for c in document))


class FreeInsides(Bigram):
    """the later bytes of a character cost nothing"""

    caught_by = "unknown-words"

    def costs(self, document):
        return np.where([128 <= byte < 192 for byte in document.encode()], 0.0, super().costs(document))
