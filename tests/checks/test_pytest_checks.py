"""The built-in models pass every check, each as a pytest case, and each tokenizer does with two of them.

benchmarks/conformance.py checks many more options.
"""

import pytest

from lmbench.checks import parametrize_with_checks

pytestmark = pytest.mark.usefixtures("one_thread")

MODELS = (
    "uniform",
    "kenlm:order=5,tokenizer=words",
    "kenlm:order=5,tokenizer=bpe:300",
    "ngram:order=3,tokenizer=pieces",
    "cache:tokenizer=bytes",
    "mix",
    "ppm:order=3,escape=c,adaptive=false",
    "nltk:order=3,tokenizer=bytes",
    "nltk:smoothing=witten-bell,tokenizer=pieces",
    "hmm:iterations=3,tokenizer=bpe:300",
    "transformer:steps=8,tokenizer=pieces",
    "transformer:steps=8,architecture=encoder-decoder,tokenizer=bytes",
    "transformer:steps=8,architecture=encoder-decoder,segments=pairs,tokenizer=words",
)


@parametrize_with_checks(*MODELS)
def test_built_ins_pass(check):
    check()
