import os
import re

import pytest

from tests.cli.commands import assert_refused, lmbench


def test_corpora_are_listed():
    listed = lmbench("corpora").stdout
    assert "pydocs" in listed
    assert "wikitext-2" in listed
    assert "CC BY-SA 3.0" in listed


def test_a_corpus_is_described():
    shown = lmbench("corpora", "show", "ptb").stdout
    assert "141.2 word perplexity (test): Kneser-Ney 5-gram (10,000 types" in shown
    assert "use it only if you have the right to" in shown
    assert "sha256 fcea919f6cf83f35d4d00c6cbf08040d13d4155226340912e2fef9c9c4102cbf" in shown
    assert "  test      24 documents, " in lmbench("corpora", "show", "fables-zh").stdout


def test_a_sources_options_are_described():
    shown = lmbench("corpora", "show", "markov:lines=50,order=1").stdout
    assert "  train     50 documents, " in shown
    assert re.search(r"^  order           .* \(default 2\)$", shown, flags=re.MULTILINE)
    assert re.search(r"^  stop            .* \(default 0.08\)$", shown, flags=re.MULTILINE)


def test_corpora_are_fetched_and_checked(mirror, text):
    fetched = lmbench("corpora", "fetch", "multiple-choice", "tinyshakespeare").stdout
    assert fetched.startswith("multiple-choice: 2 files, verified, in ")
    checked = lmbench("corpora", "check", text, "wikitext-2").stdout.splitlines()
    assert "documents" in checked[0]
    assert "0.09% of the test split's 13-grams of words (224 of 241,199) and 0 of its 60 documents" in checked[1]


def test_a_failed_download_is_one_line(tmp_path):
    nowhere = dict(os.environ, LMBENCH_CACHE=str(tmp_path), LMBENCH_MIRROR="", https_proxy="http://127.0.0.1:9")
    failed = lmbench("corpora", "fetch", "ptb", env=nowhere)
    assert failed.returncode == 2
    assert re.fullmatch(r"Error: cannot download https://\S+ \(\w+\); or set LMBENCH_MIRROR to .*\n", failed.stderr)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "wikitext"], "unknown corpus 'wikitext'; did you mean 'wikitext-"),
        (["fetch", "blim"], "unknown corpus of the catalog 'blim'; did you mean 'blimp'?"),
    ],
)
def test_mistakes_are_refused_in_one_line(tmp_path, arguments, message):
    assert_refused(["corpora", *arguments], message, tmp_path)


@pytest.mark.parametrize("name", ["fables-en", "wikitext-2"])
def test_a_description_has_an_empty_line_and_no_escapes(name):
    shown = lmbench("corpora", "show", name).stdout
    assert shown.splitlines()[1] == ""
    assert "\\n" not in shown
