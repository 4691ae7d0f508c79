"""The notation of token names is read from the tokenizer's components, for the families that people use."""

import json

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from lmbench.backends.neural.pretrained.hub_tokenizer import HubTokenizer
from lmbench.backends.neural.pretrained.token_notation import ByteLevel, Pieces, Words, find_notation
from lmbench.errors import ScoreError
from tests.backends.neural.pretrained.test_hub_tokenizer import bart, fast_gpt2, llama, slow_gpt2, unigram, word_piece
from tests.backends.neural.pretrained.test_seam import gemma, gpt4


def without_bytes(*missing):
    """Return GPT-2's kind of tokenizer with a vocabulary that lacks some bytes, as that of SmolLM2 does."""
    stored = json.loads(fast_gpt2().backend_tokenizer.to_str())
    for name in missing:
        del stored["model"]["vocab"][name]
    return PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(stored)))


@pytest.mark.parametrize(
    ("kind", "notation"),
    [
        (fast_gpt2, ByteLevel()), (bart, ByteLevel()), (gpt4, ByteLevel()), (slow_gpt2, ByteLevel()),
        (lambda: without_bytes("ÿ", "Ą"), ByteLevel()), (llama, Pieces(True)), (gemma, Pieces(True)),
        (unigram, Pieces(True)), (word_piece, Words("##", True)),
    ],
)  # fmt: skip
def test_notations(kind, notation):
    found = find_notation(kind())
    assert type(found) is type(notation)
    if not isinstance(notation, ByteLevel):
        assert found == notation


def test_a_vocabulary_that_lacks_bytes_spells_its_tokens_and_refuses_other_texts():
    tokenizer = HubTokenizer(without_bytes("ÿ", "Ą"))  # 0xFF and 0x04
    assert tokenizer.encode("the 我\n").ends[-1] == 8
    assert len(tokenizer.event_spellings) == len(tokenizer.names)
    with pytest.raises(ScoreError, match=r"changes '\\x04b' to 'b' at character 1"):
        tokenizer.encode("a\x04b")


def test_byte_names_are_text_without_byte_fallback():
    """ "<0x41>" may be a token for a text about programming."""
    pieces = [("<unk>", 0.0), ("▁", -1.0), ("<0x41>", -1.0), ("a", -1.0)]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=0))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
    tokenizer.decoder = decoders.Metaspace()
    mine = HubTokenizer(PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>"))
    assert mine.event_spellings == [None, b" ", b"<0x41>", b"a"]
    assert mine.encode("a <0x41>a").ends.tolist() == [1, 2, 8, 9]


def test_special_tokens_have_no_spelling_even_if_the_library_does_not_name_them():
    tokenizer = fast_gpt2()
    tokenizer.backend_tokenizer.add_special_tokens(["<repo>"])
    tokenizer.add_tokens(["the end"])
    mine = HubTokenizer(tokenizer)
    spelled = dict(zip(mine.names, mine.event_spellings, strict=True))
    assert (spelled["<repo>"], spelled["the end"]) == (None, b"the end")
    assert mine.encode("the end<repo>").ends[0] == 7
