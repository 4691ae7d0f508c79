"""The built-in models pass every check, each as a pytest case."""

import pytest

from lmbench.checks import parametrize_with_checks

pytestmark = pytest.mark.usefixtures("one_thread")

TOKENIZERS = ("words", "pieces", "bytes", "bpe:300")
TRAINED = (
    "nltk:order=3",
    "nltk:smoothing=laplace",
    "nltk:smoothing=witten-bell",
    "kenlm:order=5",
    "hmm:iterations=3",
    "transformer:steps=60",
)
OTHERS = ("transformer:architecture=encoder-decoder", "uniform", "ppm", "ppm:order=3,escape=c,adaptive=false")


@parametrize_with_checks(*OTHERS, *(f"{spec},tokenizer={tokenizer}" for spec in TRAINED for tokenizer in TOKENIZERS))
def test_built_ins_pass(check):
    check()
