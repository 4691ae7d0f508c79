"""ARPA files for the tests, and errors to expect in them."""

import re

import pytest

from lmbench.errors import UnavailableError
from lmbench.ngrams.arpa_reader import read_arpa

SMALL = """\\data\\
ngram 1=5
ngram 2=3

\\1-grams:
-1.0\t<unk>
-99\t<s>\t-0.5
-0.6\t</s>
-0.4\ta\t-0.2
-0.7\tb\t-0.3

\\2-grams:
-0.25\t<s> a
-0.15\ta b
-0.35\tb </s>

\\end\\
"""
"""Bigrams over two words."""

ACROSS_LINES = """\\data\\
ngram 1=5
ngram 2=7
ngram 3=5

\\1-grams:
-1.0\t<unk>\t-0.1
-99\t<s>\t-0.5
-0.6\t</s>\t-0.7
-0.4\ta\t-0.2
-0.7\tb\t-0.3

\\2-grams:
-0.25\t<s> a\t-0.2
-0.5\t<s> <s>\t-0.6
-0.15\ta b\t-0.1
-0.35\tb </s>\t-0.4
-0.1\t</s> <s>\t-0.3
-0.05\t</s> a\t-0.8
-0.2\ta <s>

\\3-grams:
-0.01\t</s> <s> a
-0.3\t<s> a b
-0.02\tb </s> <s>
-0.03\t<s> <s> b
-0.04\t</s> a b

\\end\\
"""
"""N-grams that were counted across lines, as some toolkits do, or after two `<s>`. Of the bigrams and trigrams, a line
can contain "<s> a", "a b", "b </s>" and "<s> a b"."""


def assert_refused(path, content, message):
    """Check that reading a file with this content raises an error whose message begins as given after the path."""
    path.write_text(content)
    with pytest.raises(UnavailableError, match=re.escape(f"'{path}'{message}")):
        read_arpa(path)
