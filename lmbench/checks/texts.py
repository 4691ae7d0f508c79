"""The texts of the suite."""

from __future__ import annotations

import random
import string

WORDS = ("a", "b", "c", "ab", "ba", "abc", "cab", "the", "cat", "sat", "on", "mat", ".", "dog's", "12", "état", "汉字")
"""The words of the corpus that models are fitted on."""

HISTORIES = ("", "the", "the cat", "zzqx", "the zzqx", "the cat sat\n", "the cat sat\non ", "汉字 ", "a\n\nb", "  ")
"""Seen, unseen and empty histories."""

SAMPLE_TEXTS = (
    "the cat sat on a mat .\nab cab\n",
    "a b c\n",
    "zzqx wv\nthe zzqx\n\ncat\n",
    "汉字 état , 中\nthe",
)
"""Short texts of known and unknown words."""

MIXED_TEXT = (
    "the cat sat on a mat .\nThe  Cat's 12\tdogs, 2024 汉字 état zzqx\n\n\u00a0(ab) cab\r\n"
    + "a mat , the cat sat on abc\n" * 5
    + "END 99\n"
)
"""A longer text with unusual white space, digits, capitals and several scripts."""

EDGE_TEXTS = {
    "empty": "",
    "one character": "a",
    "a line end": "\n",
    "empty lines": "\n\n\n",
    "a space": " ",
    "no final newline": "the cat",
    "CRLF": "the cat\r\nsat\r\n\r\n",
    "NBSP": "the\u00a0cat\u3000sat\n",
    "double spaces": "the  cat   sat \n",
    "leading tab": "\tthe\tcat\n",
    "emoji": "😀 the 👩‍👩‍👧 cat\n",
    "combining marks": "e\u0301 a\u0323\u0302 e\u0301\n",
    "Chinese": "汉字 中文字\n",
    "literal </s> and <s>": "<s> the </s> </s>\n",
    "literal <unk>": "<unk> the <UNK> <unk>\n",
    "literal <|endoftext|>": "the <|endoftext|> cat<|endoftext|>\n",
    "control characters": "\x00\x01 \x1b[31m \x7f\n",
    "Unicode separators": "a\x0bb\x1cc\x85d\u2028e\n",
}
"""Unusual texts, named by what is unusual about them."""

ENGLISH_TEXT = """\
the old man who kept the light had lived on the island for more than thirty years and he knew every rock of it
in the morning he climbed the narrow stairs cleaned the glass and wrote down what the wind had done during the night
ships passed far away on their way to the north but few of them ever came near enough for him to read their names
once a month a small boat brought flour oil letters and the news of the town where his sister had a shop
he would sit with the young men for an hour ask them about their children and then help them to carry the boxes
when they were gone the silence came back like water into a hollow and he was not sorry that it did
people often asked him whether he was lonely and he always said that there was too much work for that
"""
"""A paragraph of English, in lower-case letters."""

HAN = "".join(map(chr, range(0x4E00, 0x9FA6)))
"""The unified ideographs of Unicode 1."""


def random_words(
    generator: random.Random, number: int, length: int = 8, alphabet: str = string.ascii_lowercase
) -> list[str]:
    """Return words of random letters."""
    return ["".join(generator.choices(alphabet, k=length)) for _ in range(number)]


def secret_documents(generator: random.Random) -> tuple[str, ...]:
    """Return eight documents, each of a line of six random words that comes three times."""
    return tuple((" ".join(random_words(generator, 6)) + "\n") * 3 for _ in range(8))


def random_text(generator: random.Random, words: int) -> str:
    """Return a text of words of the corpus, unknown words, Chinese characters and numbers, about ten words a line.

    One line in ten is ten times as long.
    """
    lines = []
    while words > 0:
        length = min(words, generator.randint(1, 20) * generator.choice((1,) * 9 + (10,)))
        lines.append(" ".join(_random_word(generator) for _ in range(length)) + "\n")
        words -= length
    return "".join(lines)


def _random_word(generator: random.Random) -> str:
    alphabet = generator.choice((string.ascii_lowercase, string.digits, HAN, *(None,) * 9))
    if alphabet is None:
        return generator.choice(WORDS)
    return "".join(generator.choices(alphabet, k=generator.randint(1, 6)))
