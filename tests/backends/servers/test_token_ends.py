import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmbench.backends.servers.token_ends import spell
from tests.backends.servers.completions_server import name_like_gpt2, name_like_openai, name_like_vllm

TEXTS = st.text(alphabet="ab é中🙂\ufffd\\x", min_size=1, max_size=12)


@st.composite
def _split_texts(draw):
    """Return the bytes of a text, split anywhere."""
    text = draw(TEXTS).encode()
    cuts = sorted(draw(st.sets(st.integers(1, max(len(text) - 1, 1)), max_size=8)) - {len(text)})
    return [text[i:j] for i, j in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def _ends(tokens: list[bytes]) -> list[int]:
    return [sum(map(len, tokens[: i + 1])) for i in range(len(tokens))]


@pytest.mark.parametrize("name", [name_like_openai, name_like_gpt2])
@given(tokens=_split_texts())
def test_tokens_that_split_characters_end_at_their_own_bytes(name, tokens) -> None:
    ends = spell([name(token) for token in tokens], b"".join(tokens))
    assert ends is not None
    assert ends.tolist() == _ends(tokens)


@given(_split_texts())
def test_a_token_ends_no_later_than_the_character_that_its_end_is_in(tokens) -> None:
    text = b"".join(tokens)
    ends = spell([name_like_vllm(token) for token in tokens], text)
    assert ends is not None
    assert (np.diff(ends, prepend=0) >= 0).all()
    assert ends[-1] == len(text)
    for found, true in zip(ends.tolist(), _ends(tokens), strict=True):
        assert found <= next(at for at in range(true, len(text) + 1) if not _is_inside(text, at))


def _is_inside(text: bytes, at: int) -> bool:
    return at < len(text) and text[at] & 0xC0 == 0x80


@pytest.mark.parametrize(
    ("tokens", "found"),
    [
        (["c3", "a9f09f99", "82c3", "a9", "ef", "bfbd"], [1, 6, 6, 6, 8, 11]),  # or c3, a9f0, 9f99, 82, c3, a9efbfbd
        (["f09f99", "82f09f99", "82", "f0", "9f99", "82"], [4, 4, 4, 8, 11, 12]),
    ],
)
def test_replacement_characters_may_not_tell_in_which_character_a_token_ends(tokens, found) -> None:
    pieces = [bytes.fromhex(token) for token in tokens]
    ends = spell([name_like_vllm(piece) for piece in pieces], b"".join(pieces))
    assert ends is not None
    assert ends.tolist() == found


@pytest.mark.parametrize("tokens", [["e4", "b8", "ad"], ["e4b8", "ad"], ["e4", "b8ad", "61"], ["20f0", "9f", "9982"]])
def test_replacement_characters_of_one_character_tell_every_byte(tokens) -> None:
    pieces = [bytes.fromhex(token) for token in tokens]
    ends = spell([name_like_vllm(piece) for piece in pieces], b"".join(pieces))
    assert ends is not None
    assert ends.tolist() == _ends(pieces)


def test_a_token_whose_end_is_uncertain_ends_with_its_character() -> None:
    tokens = [b"\xe4", b"\xb8\xad", b"\xe4\xb8", b"\xad"]
    ends = spell([name_like_vllm(token) for token in tokens], "中中".encode())  # or e4 b8, ad e4, b8, ad
    assert ends is not None
    assert ends.tolist() == [3, 3, 5, 6]


@given(_split_texts(), st.data())
def test_names_of_another_text_are_refused(tokens, data) -> None:
    text = b"".join(tokens).decode()
    at = data.draw(st.integers(0, len(text) - 1))
    other = text[:at] + ("z" if text[at] != "\ufffd" else "zz") + text[at + 1 :]
    assert spell([name_like_vllm(token) for token in tokens], other.encode()) is None


@given(_split_texts(), st.data())
def test_a_missing_token_is_refused(tokens, data) -> None:
    at = data.draw(st.integers(0, len(tokens) - 1))
    names = [name_like_openai(token) for token in tokens]
    assert spell(names[:at] + names[at + 1 :], b"".join(tokens)) is None


@pytest.mark.parametrize(
    ("names", "text", "ends"),
    [
        (["▁the", "▁", "<0xE4>", "<0xB8>", "<0xAD>", "<0x0A>"], " the 中\n", [4, 5, 6, 7, 8, 9]),
        (["", "", "中", "a"], "中a", [3, 3, 3, 4]),  # as vLLM corrects them
        (["bytes: \\xf0\\x9f", "bytes:\\x99\\x82"], " 🙂", [3, 5]),
        (["bytes:", "\\", "x", "e4"], "bytes:\\xe4", [6, 7, 8, 10]),  # a text that reads like OpenAI's bytes
        (["bytes:\\xe4"], "bytes:\\xe4", [10]),
        (["<0x41>"], "<0x41>", [6]),  # a text that reads like SentencePiece's
        (["Ġ"], "Ġ", [2]),
        (["\ufffd"], "\ufffd", [3]),
    ],
)
def test_the_forms_in_which_servers_name_tokens(names, text, ends) -> None:
    found = spell(names, text.encode())
    assert found is not None
    assert found.tolist() == ends


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ([None, "a"], "a"),
        (["a"], "ab"),
        (["a", "b", "c"], "ab"),
        (["a", ""], "中"),
        (["the", "cat"], "the cat"),
        (["?"], "中"),
        (["\ud83d"], "?"),
    ],
)
def test_names_that_spell_something_else(names, text) -> None:
    assert spell(names, text.encode()) is None
