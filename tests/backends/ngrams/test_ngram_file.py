import shutil
import subprocess

import numpy as np
import pytest

from lmbench.backends.ngrams.arpa_lexicon import ArpaLexicon
from lmbench.backends.ngrams.ngram_file import BinaryFile
from lmbench.errors import UnavailableError
from lmbench.text.tokenizers import make_tokenizer
from tests.backends.ngrams.files import LETTERS, needs_kenlm, opened
from tests.ngrams.arpa_texts import SMALL


@needs_kenlm
@pytest.mark.parametrize("kind", ["probing", "trie"])
def test_a_binary_scores_as_its_text(tmp_path, kind):
    if not shutil.which("build_binary"):
        pytest.skip("KenLM's build_binary is not installed")
    small, path = tmp_path / "small.arpa", tmp_path / "small.bin"
    small.write_text(SMALL)
    subprocess.run(["build_binary", kind, small, path], check=True, capture_output=True)
    text = "a b z\n\nb <s>\n"
    [binary], [read] = opened(path).score([text]), opened(small).score([text])
    assert binary.logprobs.tolist() == pytest.approx(read.logprobs.tolist(), abs=1e-6)
    assert opened(path).footprint().parameters is None
    with pytest.raises(NotImplementedError, match="is a KenLM binary, which does not list its words"):
        opened(path).next_events("a")


@needs_kenlm
@pytest.mark.parametrize("letter", LETTERS)
def test_a_binary_knows_words_with_other_white_space(tmp_path, letter):
    """KenLM looks up the words of a binary one by one, as it does for this file."""
    path = tmp_path / "x.arpa"
    path.write_bytes(SMALL.replace("b", f"2{letter}0").encode())
    text = f"a 2{letter}0 a\n2{letter}0"
    [own] = opened(path).score([text])
    [binary] = BinaryFile.read(path, ArpaLexicon(make_tokenizer("words"), escaped=False)).score([text])
    assert own.ends.tolist() == binary.ends.tolist()
    np.testing.assert_allclose(own.logprobs, binary.logprobs, rtol=0, atol=1e-5)
    assert not binary.spelling.any()


def test_words_that_unescape_to_the_same_text_are_refused(tmp_path):
    (tmp_path / "x.arpa").write_text(
        SMALL.replace("\tb\t", "\t\\x61\t").replace("b <", "\\x61 <").replace("a b", "a a")
    )
    opened(tmp_path / "x.arpa")
    with pytest.raises(UnavailableError, match="two words of the file unescape to the same text"):
        opened(tmp_path / "x.arpa", escaped=True)
