"""Surprisal by word against minicons (Misra 2022), with both boundaries."""

import pytest
from transformers import AutoTokenizer, GPT2LMHeadModel

from lmbench import build, surprisal
from tests.checkpoints import BOS, byte_level, gpt2, save

scorer = pytest.importorskip("minicons.scorer", reason="minicons is not installed")

TEXTS = ["the cat sat on the mat.", "a dog, and the cats ate", "one"]
WHITE_SPACE_AND_END = (BOS, "Ċ", "ĉ", "č")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    tokenizer = byte_level()
    path = tmp_path_factory.mktemp("gpt2")
    return save(path, gpt2(tokenizer.get_vocab_size()), tokenizer, bos_token=BOS, eos_token=BOS, pad_token=BOS)


@pytest.fixture(scope="module")
def minicons(folder):
    """Return minicons with our set of tokens that end a word; its own has those that begin with a space alone."""
    network, tokenizer = GPT2LMHeadModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    made = scorer.IncrementalLMScorer(network, tokenizer=tokenizer)
    made.bow_subwords |= {tokenizer.vocab[token]: True for token in WHITE_SPACE_AND_END}
    made.bow_subword_idx = [token for token, begins in made.bow_subwords.items() if begins]
    return made


@pytest.mark.parametrize("boundary", ["leading", "trailing"])
def test_the_bits_of_words_are_those_of_minicons(folder, minicons, boundary):
    ours = surprisal(build(f"hf:{folder}"), TEXTS, boundary=boundary, progress=False)
    theirs = minicons.word_score_tokenized(
        TEXTS, str.split, bow_correction=boundary == "trailing", bos_token=True, surprisal=True, base_two=True
    )
    expected = [pair for text in theirs for pair in text]

    assert ours["word"].tolist() == [word for word, _ in expected]
    assert ours["bits"].tolist() == pytest.approx([value for _, value in expected], abs=1e-4)
