"""The built-in models pass every check, each as a pytest case. benchmarks/conformance.py checks many more options."""

import pytest

from lmbench.checks import parametrize_with_checks

pytestmark = pytest.mark.usefixtures("one_thread")

TOKENIZERS = ("words", "pieces", "bytes", "bpe:300")
FAST = ("kenlm:order=5", "ngram:order=3", "cache")
OTHERS = (
    "uniform",
    "mix",
    "ppm:order=3,escape=c,adaptive=false",
    "nltk:order=3,tokenizer=bytes",
    "nltk:smoothing=witten-bell,tokenizer=pieces",
    "hmm:iterations=3,tokenizer=bpe:300",
    "transformer:steps=20,tokenizer=pieces",
    "transformer:steps=20,architecture=encoder-decoder,tokenizer=bytes",
)


@parametrize_with_checks(
    *OTHERS,
    *(f"{model}{',' if ':' in model else ':'}tokenizer={tokenizer}" for model in FAST for tokenizer in TOKENIZERS),
)
def test_built_ins_pass(check):
    check()
