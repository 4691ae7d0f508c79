"""Tokenizers of many kinds, trained here: the texts that they spell, the ends of their tokens, and refusals."""

import json
import shutil
from itertools import pairwise

import numpy as np
import pytest
import regex
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast
from transformers.tokenization_python import PythonBackend

from lmbench.backends.neural.pretrained.hub_tokenizer import HubTokenizer, byte_ends
from lmbench.errors import ScoreError
from lmbench.text.tokenizers import UNPRINTABLE
from tests.checkpoints import BOS, byte_level

TEXTS = {
    "empty": "",
    "a letter": "x",
    "words": "the cat sat on the mat.",
    "CRLF": "the cat\r\n\r\n at\r",
    "tabs and NULs": "\tthe\x00cat\x00\x00\t\t",
    "emoji": "a cat 🐈\u200d⬛ and 👩‍👩‍👧\n",
    "Chinese": "我是一个程序员。\n",
    "spaces": "at  the   cat \u00a0\u2003x  ",
    "combining": "e\u0301 \u00e9 \ufb01\n",
    "right to left": "\u202eabc\u202c שלום\n",
    "BOS as text": f"the {BOS} cat{BOS}{BOS}</s><unk>",
    "odd code points": "\ufeff\ufffd\uffff\U0010ffff",
    "another alphabet": "Ġthe Ċ <0x",
}
PIECES = ["▁", "▁the", "▁cat", "at", *"acehmst.x"]
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


def unigram(prepend="never", fallback=True, normalizer=None):
    """Return SentencePiece's unigram model: U+2581 for spaces and, if `fallback`, bytes for unknown characters."""
    pieces = [("<unk>", 0.0), *((name, -9.0) for name in BYTES if fallback), *((piece, -2.0) for piece in PIECES)]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=0, byte_fallback=fallback))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=prepend, split=False)
    strip = [decoders.Strip(" ", 1, 0)] if prepend != "never" else []
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), *strip]
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>")


def llama():
    """Return one like Llama's: a space before every text, pairs joined, and bytes for unknown characters."""
    vocabulary = {name: i for i, name in enumerate(["<unk>", *BYTES, *"▁acehmst.x", "▁t", "▁th", "▁the", "at"])}
    merges = [("▁", "t"), ("▁t", "h"), ("▁th", "e"), ("a", "t")]
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>")


def word_piece():
    words = ["[UNK]", "the", "cat", "##s", "a", "."]
    tokenizer = Tokenizer(models.WordPiece({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]")


def fast_gpt2():
    return PreTrainedTokenizerFast(tokenizer_object=byte_level(), bos_token=BOS, eos_token=BOS)


class SlowGpt2(PythonBackend):
    """GPT-2's algorithm in plain Python, as OpenAI published it. It does not report offsets."""

    def __init__(self, vocabulary, merges, **special):
        self._ids = vocabulary
        self._ranks = {tuple(pair): rank for rank, pair in enumerate(merges)}
        self._alphabet = {byte: character for character, byte in UNPRINTABLE.items()}
        super().__init__(**special)

    @property
    def vocab_size(self):
        return len(self._ids)

    def get_vocab(self):
        return dict(self._ids)

    def _tokenize(self, text, **_):
        words = regex.findall(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", text)
        return [part for word in words for part in self._joined([self._alphabet[byte] for byte in word.encode()])]

    def _joined(self, parts):
        while True:
            ranked = [(self._ranks[pair], i) for i, pair in enumerate(pairwise(parts)) if pair in self._ranks]
            if not ranked:
                return parts
            best = min(ranked)[1]
            pair = (parts[best], parts[best + 1])
            joined, i = [], 0
            while i < len(parts):
                here = tuple(parts[i : i + 2]) == pair
                joined.append("".join(pair) if here else parts[i])
                i += 2 if here else 1
            parts = joined

    def _convert_token_to_id(self, token):
        return self._ids[token]

    def _convert_id_to_token(self, index):
        return next(token for token, i in self._ids.items() if i == index)


def bart():
    """Return one like BART's and RoBERTa's: byte-level, with a space before every text that does not begin with one."""
    tokenizer = byte_level()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=BOS, eos_token=BOS)


def slow_gpt2():
    stored = json.loads(byte_level().to_str())["model"]
    return SlowGpt2(stored["vocab"], stored["merges"], bos_token=BOS, eos_token=BOS)


LOSSLESS = {"byte-level": fast_gpt2, "unigram": unigram, "llama": llama}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("kind", LOSSLESS)
def test_tokens_end_at_their_own_bytes(kind, text):
    """Also inside a character, unlike the library's offsets, which count whole characters."""
    tokenizer = LOSSLESS[kind]()
    encoded = HubTokenizer(tokenizer).encode(text)
    plain = tokenizer(text, add_special_tokens=False, split_special_tokens=True, return_offsets_mapping=True)
    assert encoded.ids.tolist() == plain["input_ids"]
    if not text:
        return
    assert encoded.ends[-1] == len(text.encode())
    assert (np.diff(encoded.ends, prepend=0) >= 0).all()
    whole = byte_ends(text, plain["offset_mapping"])
    last = np.append(np.diff(whole) > 0, True)  # of the tokens that share a character, or a run of unknown ones
    assert (encoded.ends <= whole).all()
    assert (encoded.ends == whole)[last][1:].all()  # the library counts the added space as the first character
    sizes = np.diff(encoded.ends, prepend=0)
    names = tokenizer.convert_ids_to_tokens(plain["input_ids"])
    for name, size in list(zip(names, sizes.tolist(), strict=True))[1:]:  # the first may be the added space
        assert size == (
            len(name) if kind == "byte-level" else 1 if name in BYTES else len(name.replace("▁", " ").encode())
        )


def test_bytes_of_a_character_by_hand():
    text = "a我\n"
    assert HubTokenizer(fast_gpt2()).encode(text).ends.tolist() == [1, 2, 3, 4, 5]
    assert HubTokenizer(unigram()).encode(text).ends.tolist() == [1, 2, 3, 4, 5]
    assert HubTokenizer(llama()).encode(text).ends.tolist() == [0, 1, 2, 3, 4, 5]  # the first token is the added space


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_byte_level_tokenizer_may_add_a_space(text):
    """Every text has the tokens of a space and itself: none shares those of another, even if it begins with a space."""
    tokenizer, plain = HubTokenizer(bart()), HubTokenizer(fast_gpt2())
    assert tokenizer.adds_space
    assert not plain.adds_space
    encoded, expected = tokenizer.encode(text), plain.encode(" " + text if text else "")
    assert encoded.ids.tolist() == expected.ids.tolist()
    assert encoded.ends.tolist() == np.maximum(expected.ends - 1, 0).tolist()
    if not text.startswith(" "):
        assert encoded.ids.tolist() == tokenizer.tokenizer(text, split_special_tokens=True)["input_ids"]


def test_ends_after_an_added_space_by_hand():
    assert HubTokenizer(bart()).encode("x y").ends.tolist() == [0, 1, 2, 3]
    assert HubTokenizer(bart()).encode("cat").ends.tolist() == [3]
    assert HubTokenizer(bart()).encode(" cat").ends.tolist() == [0, 4]
    assert HubTokenizer(bart()).encode("我").ends.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_fast_and_slow_agree(text):
    fast, slow = HubTokenizer(fast_gpt2()), HubTokenizer(slow_gpt2())
    assert fast.tokenizer.is_fast
    assert not slow.tokenizer.is_fast
    one, other = fast.encode(text), slow.encode(text)
    assert one.ids.tolist() == other.ids.tolist()
    assert one.ends.tolist() == other.ends.tolist()
    assert fast.names == slow.names
    assert fast.event_spellings == slow.event_spellings


@pytest.mark.parametrize(
    ("tokenizer", "spelled", "changed"),
    [
        (
            word_piece,
            ["the cats a", "the cat.", ""],
            ["The cat", "the cat .", "the  cat", "the\tcat", "the dog", "thé", "the "],
        ),
        (
            lambda: unigram(normalizer=normalizers.NFKC()),
            ["the cat", "我"],
            ["\ufb01", "▁the", "<0x41>", "the\u00a0cat", "e\u0301"],
        ),
        (lambda: unigram(normalizer=normalizers.Lowercase()), ["the cat"], ["the Cat", "İ"]),
        (lambda: unigram(normalizer=normalizers.Strip()), ["the cat"], [" the", "the\n"]),
        (lambda: unigram(fallback=False), ["the cat"], ["the dog", "我", "\n", "e\u0301"]),
        (lambda: unigram(prepend="always"), ["the cat", "我"], [" the cat", " "]),
    ],
    ids=["lower case", "NFKC", "lowercase", "strip", "unknown characters", "a leading space lost"],
)
def test_changed_texts_are_refused_in_one_line(tokenizer, spelled, changed):
    """Otherwise two texts would have the same tokens and share one probability."""
    mine = HubTokenizer(tokenizer())
    for text in spelled:
        assert mine.encode(text).ends.tolist()[-1:] == ([len(text.encode())] if text else [])
    for text in changed:
        with pytest.raises(ScoreError, match=r"^[^\n]* changes [^\n]* to [^\n]* at character \d+;[^\n]*$"):
            mine.encode(text)


def test_a_slow_tokenizer_that_is_not_byte_level_is_refused():
    class Letters(SlowGpt2):
        def _tokenize(self, text, **_):
            return [f"letter {letter}" for letter in text]

        def convert_tokens_to_string(self, tokens):
            return "".join(token[-1] for token in tokens)

    mine = HubTokenizer(Letters({f"letter {letter}": i for i, letter in enumerate("abc")}, []))
    with pytest.raises(ScoreError, match="Letters does not report the ends of its tokens"):
        mine.encode("abca")


def test_both_file_formats_of_a_tokenizer_agree(tmp_path):
    """GPT-2's own class reads its vocabulary and merges; the general class reads tokenizer.json."""
    fast_gpt2().save_pretrained(tmp_path / "one")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    stored = json.loads((tmp_path / "two" / "tokenizer.json").read_text())["model"]
    (tmp_path / "two" / "tokenizer.json").unlink()
    (tmp_path / "two" / "vocab.json").write_text(json.dumps(stored["vocab"]))
    (tmp_path / "two" / "merges.txt").write_text("#version: 0.2\n" + "\n".join(map(" ".join, stored["merges"])))
    (tmp_path / "two" / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "GPT2Tokenizer"}))
    one, two = (HubTokenizer(AutoTokenizer.from_pretrained(tmp_path / name)) for name in ("one", "two"))
    assert type(one.tokenizer) is not type(two.tokenizer)
    for text in TEXTS.values():
        assert one.encode(text).ids.tolist() == two.encode(text).ids.tolist()
        assert one.encode(text).ends.tolist() == two.encode(text).ends.tolist()


def test_offsets_in_characters_become_ends_in_bytes():
    """Tokens that share a character end with it, one without offsets ends with the previous, the last with the text."""
    assert byte_ends("a我b ", [(0, 1), (1, 2), (1, 2), (0, 0), (2, 3)]).tolist() == [1, 4, 4, 4, 6]


def test_what_the_library_cannot_read_is_reported_in_one_line():
    """It raises Exception itself for a word without an unknown token to replace it."""
    tokenizer = Tokenizer(models.WordLevel({"the": 0}, unk_token="<missing>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    mine = HubTokenizer(PreTrainedTokenizerFast(tokenizer_object=tokenizer))
    with pytest.raises(ScoreError, match=r"^\S+ cannot read a document: [^\n]*$"):
        mine.encode("the cat")
