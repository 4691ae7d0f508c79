import re
import sys
from importlib.util import find_spec
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmbench.errors import SpecError, UnavailableError
from lmbench.text.tokenizers import PRINTABLE, load_jieba_dictionary, make_tokenizer

ODD = [
    "",
    "a",
    " ",
    "  a  b ",
    "a\r\nb\r\n",
    "a\u00a0b",
    "\tx\n",
    "no end",
    "\n\n",
    "a\x1cb \x1c c",
    "\x85",
    "汉字 x汉",
    "e\u0301",
]
SPECS = ["words", "pieces", "bytes", "bpe:300", *["jieba"] * (find_spec("jieba") is not None)]


def learned(spec):
    tokenizer = make_tokenizer(spec)
    tokenizer.learn(["hello world, hello there", "the cat sat", "汉字"])
    return tokenizer


def event_bytes(tokenizer, document):
    """Return the bytes of each event of a document, tokenized line by line."""
    events = []
    for tokens in tokenizer.tokenize_lines(document.split("\n")):
        events += [*tokenizer.spell(tokens), b"\n"]
    return events[:-1]


TOKENIZERS = {spec: learned(spec) for spec in SPECS}
TRICKY = st.text(st.sampled_from("ab  \t\n\r\x1c\x85\u00a0\u2028\u3000汉〇é\u0301.,--_1٣😀\u200b"))


@pytest.mark.parametrize("spec", SPECS)
@given(document=st.one_of(st.text(), TRICKY))
def test_events_join_to_the_document(spec, document):
    assert b"".join(event_bytes(TOKENIZERS[spec], document)) == document.encode()


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("document", ODD)
def test_events_join_to_odd_documents(spec, document):
    assert b"".join(event_bytes(TOKENIZERS[spec], document)) == document.encode()


@pytest.mark.parametrize("spec", SPECS)
@given(document=st.one_of(TRICKY, st.text(st.sampled_from("ab \n汉é😀"))))
def test_ends_are_the_offsets_of_the_events_bytes(spec, document):
    tokens, ends = TOKENIZERS[spec].tokenize_with_ends(document)
    assert tokens == TOKENIZERS[spec].tokenize(document)
    assert ends.tolist() == list(accumulate(map(len, event_bytes(TOKENIZERS[spec], document))))


@pytest.mark.parametrize("spec", SPECS)
@given(document=TRICKY)
def test_every_line_end_is_one_event_of_its_own(spec, document):
    events = event_bytes(TOKENIZERS[spec], document)
    assert events.count(b"\n") == document.count("\n")
    assert all(event == b"\n" or b"\n" not in event for event in events)


@pytest.mark.parametrize("spec", SPECS)
@given(lines=st.lists(st.text(st.sampled_from("ab  \t汉.1"), max_size=6), min_size=2, max_size=2, unique=True))
def test_different_lines_have_different_tokens(spec, lines):
    first, second = TOKENIZERS[spec].tokenize_lines(lines)
    assert first != second


@pytest.mark.parametrize(
    ("spec", "line", "tokens"),
    [
        ("words", "The cat , <unk>", ["The", "cat", ",", "<unk>"]),
        ("words", " a  b ", [" ", "a", "  ", "b", " "]),
        ("words", "a\r", ["a", "\r"]),
        ("words", "a\tb \t c", ["a", "\t", "b", " \t ", "c"]),
        ("words", "10\u00a0000 mots", ["10\u00a0000", "mots"]),
        (
            "words",
            "\u3000a\u2009b \x1c \x85\u2028  \x0b\x0cc",
            ["\u3000a\u2009b", "\x1c", "\x85\u2028", "  ", "\x0b\x0cc"],
        ),
        ("pieces", "Don't stop 123!!", ["Don", "'", "t", " stop", " 123", "!!"]),
        ("pieces", "    if x:", ["   ", " if", " x", ":"]),
        ("pieces", "我是 a程序员", ["我", "是", " a", "程", "序", "员"]),
        ("bytes", "é ", ["Ã", "©", "Ġ"]),
    ],
)
def test_tokens(spec, line, tokens):
    assert TOKENIZERS[spec].tokenize_lines([line]) == [tokens]


@given(text=TRICKY)
def test_words_are_split_at_the_separators_of_lmplz_and_srilm_alone(text):
    """Every other character, white space of Unicode included, is a letter as `_` is."""
    letters = re.sub(r"[^ \t\r\n]", "_", text)
    tokens, other = (TOKENIZERS["words"].tokenize(some) for some in (text, letters))
    assert [re.sub(r"[^ \t\r\n]", "_", token) for token in tokens] == other
    assert [token for token in other if "_" in token] == letters.split()


def test_the_byte_alphabet_is_gpt2s():
    from tokenizers.pre_tokenizers import ByteLevel

    assert sorted(PRINTABLE.values()) == sorted(ByteLevel.alphabet())
    assert ByteLevel(add_prefix_space=False, use_regex=False).pre_tokenize_str("é ż\x00")[0][0] == "".join(
        PRINTABLE[byte] for byte in "é ż\x00".encode()
    )


def test_bpe_learns_the_number_of_types_it_is_given():
    tokenizer = make_tokenizer("bpe:260")
    tokenizer.learn(["low lower lowest"] * 3)
    assert tokenizer.tokenize_lines(["low lower"]) == [["low", "Ġlowe", "r"]]


@pytest.mark.parametrize("spec", ["word", "bpe:12", "bpe:x", "words:3", ""])
def test_unknown_tokenizers_are_refused(spec):
    with pytest.raises(SpecError, match="known: words, pieces, jieba, bytes, bpe:N"):
        make_tokenizer(spec)


def test_jieba_segments_chinese_words():
    jieba = pytest.importorskip("jieba", reason="jieba is not installed")
    line = "我是一个程序员，在北京大学 study"
    assert make_tokenizer("jieba").tokenize_lines([line]) == [jieba.lcut(line)]
    assert "程序员" in make_tokenizer("jieba").tokenize_lines([line])[0]


@pytest.mark.parametrize("damage", [None, b"", b"not marshaled"])
def test_the_dictionary_of_jieba_is_the_one_that_jieba_loads(damage, monkeypatch, tmp_path):
    """Jieba writes its cache into the folder of temporary files, and replaces a damaged one."""
    jieba = pytest.importorskip("jieba", reason="jieba is not installed")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    expected = jieba.Tokenizer()
    expected.initialize()
    if damage is not None:
        (tmp_path / "jieba.cache").write_bytes(damage)
    found = jieba.Tokenizer()
    load_jieba_dictionary(found)
    assert (found.initialized, found.total, found.FREQ) == (True, expected.total, expected.FREQ)


def test_a_missing_jieba_is_reported_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "jieba", None)
    with pytest.raises(
        UnavailableError, match=r"tokenizer=jieba needs the package jieba: pip install 'lmbench-suite\[jieba\]'"
    ):
        make_tokenizer("jieba")


@pytest.mark.parametrize("after_word", [True, False])
@pytest.mark.parametrize("token", ["cat", "<unk>", "  ", "\t", "é", "\u00a0", "\x0b", "\x1ca"])
def test_letters_begin_as_their_event_does(token, after_word):
    words = make_tokenizer("words")
    event = words.spell(["a", token] if after_word else [token])[-1]
    for length in range(1, len(event) + 1):
        prefixes = words.letter_prefixes(event[:length], after_word)
        assert any(words.letters(token).startswith(prefix) for prefix in prefixes)
    assert not any(b"dog".startswith(prefix) for prefix in words.letter_prefixes(event, after_word))
