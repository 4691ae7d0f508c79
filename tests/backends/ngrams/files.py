"""Files of n-grams for the tests."""

from importlib.util import find_spec

import pytest

from lmbench import ModelSpec, build
from tests.recording import Recorded

needs_kenlm = pytest.mark.skipif(find_spec("kenlm") is None, reason="the extra kenlm is not installed")

LETTERS = "\u00a0\u3000\u2009\u2028\x85\x1c\x0b\x0c"
"""White space of Unicode, and control codes, that do not separate words for lmplz, SRILM and ARPA files."""


def opened(path, tokenizer="words", escaped=False, progress=None):
    """Return the arpa model of a file."""
    options = (("path", str(path)), ("tokenizer", tokenizer), ("escaped", str(escaped)))
    model = build(ModelSpec("arpa", options))
    model.load(progress or Recorded())
    return model
