"""The covers of a text are those that splitting every longer text finds, for tokenizers of several kinds."""

from itertools import product

import pytest
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from lmbench.backends.neural.pretrained.hub_tokenizer import HubTokenizer
from lmbench.backends.neural.pretrained.seam import Cover, SeamFinder
from tests.backends.neural.pretrained.test_hub_tokenizer import BYTES, bart, fast_gpt2, llama, unigram, word_piece
from tests.checkpoints import LINES

GPT4 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
    r"\s+(?!\S)|\s+"
)


def gpt4():
    """Return a byte-level tokenizer with the pattern of GPT-4, Llama 3 and Qwen. Some tokens end inside characters."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(GPT4), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])  # fmt: skip
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=290, initial_alphabet=alphabet, show_progress=False)
    lines = [*LINES, "a\n\n\na  at   the\n\n", "我是我们是", "aaat ta\r\n\r\n  a"] * 3
    tokenizer.train_from_iterator(lines, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer)


def gemma():
    """Return one like Gemma's: no space before the text, and tokens of several line ends."""
    pieces = ["<unk>", *BYTES, *"▁acehmstx", "\n", "\n\n", "▁t", "▁th", "▁the", "at", "▁▁", "▁c", "ca"]
    merges = [("\n", "\n"), ("▁", "t"), ("▁t", "h"), ("▁th", "e"), ("a", "t"), ("▁", "▁"), ("▁", "c"), ("c", "a")]
    vocabulary = {name: i for i, name in enumerate(pieces)}
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.decoder = Tokenizer.from_str(llama().backend_tokenizer.to_str()).decoder
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>")


KINDS = {
    "GPT-2": fast_gpt2, "BART": bart, "GPT-4": gpt4, "Llama": llama, "Gemma": gemma, "unigram": unigram,
    "unigram with a space": lambda: unigram(prepend="always"), "without bytes": lambda: unigram(fallback=False),
    "WordPiece": word_piece,
}  # fmt: skip
TEXTS = (
    "t",
    "the c",
    "a t",
    "the ",
    "a\n",
    "a\n\n",
    "a  ",
    "at",
    "caa",
    "the cat sat on the mat, t",
    "a我",
    "th",
    "a\r\n",
    "a the cat sat",  # longer than the end that is split again, which begins with a space
)


def longer_texts(text):
    for length in (1, 2, 3):
        yield from (text + "".join(ending) for ending in product(" aceht\n我们1's\r", repeat=length))


def covers_by_brute_force(tokenizer, text):
    """Split every longer text, and keep the tokens up to the one that reaches the end of the text."""
    found = set()
    for ids in tokenizer.split([text, *longer_texts(text)]):
        if ids is not None:
            size, joined = len(text.encode()) + tokenizer.adds_space, b""
            for number, token in enumerate(ids, start=1):
                joined += tokenizer.spellings[token]
                if len(joined) >= size:
                    found.add(Cover(tuple(ids[:number]), joined[size:]))
                    break
    return found


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("kind", KINDS)
def test_covers_are_those_of_all_longer_texts(kind, text):
    tokenizer = HubTokenizer(KINDS[kind]())
    if tokenizer.split([text]) == [None]:
        pytest.skip("the tokenizer does not spell this text")
    ids, seam = tokenizer.encode(text).ids.tolist(), SeamFinder(tokenizer).find(text)
    found = {Cover((*ids[: seam.stable], *cover.ids), cover.beyond) for cover in seam.covers}
    expected = covers_by_brute_force(tokenizer, text)
    assert expected <= found
    for cover in found - expected:  # the alphabet of the longer texts does not have what these add
        assert not set(cover.beyond) <= set(" aceht\n我们1's\r".encode()) or len(cover.beyond) > 3
    shared = [cover.ids[: len(cover.ids) - bool(cover.beyond)] for cover in found]
    assert len({ids[: seam.stable] for ids in shared}) == 1
    assert len({ids[: seam.stable + 1] for ids in shared}) > 1 or any(len(ids) == seam.stable for ids in shared)


def test_covers_by_hand():
    tokenizer = HubTokenizer(llama())
    names = tokenizer.names
    seam = SeamFinder(tokenizer).find("a t")
    assert seam.stable == 2  # the added space and "a"
    covers = [([names[i] for i in cover.ids], cover.beyond) for cover in seam.covers]
    assert covers == [(["▁t"], b""), (["▁the"], b"he"), (["▁th"], b"h")] or covers == [
        (["▁t"], b""),
        (["▁th"], b"h"),
        (["▁the"], b"he"),
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_the_covers_of_a_long_text_do_not_depend_on_where_its_end_is_cut(kind):
    tokenizer, line = HubTokenizer(KINDS[kind]()), "the cat sat at the mat "
    finder = SeamFinder(tokenizer)
    for size in range(len(line)):
        text = 3 * line + line[:size]
        if tokenizer.split([text]) != [None]:
            _, seam = finder._try_endings(text, b" " * tokenizer.adds_space)
            assert finder.find(text).stable == seam.stable
            assert set(finder.find(text).covers) == set(seam.covers)


def test_only_the_end_of_a_long_text_is_split_again():
    tokenizer = HubTokenizer(fast_gpt2())
    finder, split, sizes = SeamFinder(tokenizer), tokenizer.split, []
    tokenizer.split = lambda texts: sizes.extend(map(len, texts)) or split(texts)
    short, long = finder.find("the c"), finder.find("the mat. " * 500 + "the c")
    assert short.covers == long.covers
    assert max(sizes) < 40
