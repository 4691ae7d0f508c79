import json
import os
import re

import pytest

from tests.cli.commands import assert_refused, lmbench


def test_corpora_are_listed():
    listed = lmbench("corpora").stdout
    assert "pydocs" in listed
    assert "wikitext-2" in listed
    assert "CC BY-SA 3.0" in listed


def test_corpora_as_json():
    listed = {corpus["name"]: corpus for corpus in map(json.loads, lmbench("corpora", "--json").stdout.splitlines())}
    assert listed["pydocs"] | {"description": ""} == {
        "name": "pydocs",
        "origin": "embedded",
        "description": "",
        "is_local": True,
    }
    assert (listed["ptb"]["origin"], listed["ptb"]["language"], listed["ptb"]["holds"]) == ("catalog", "en", "text")
    refused = lmbench("corpora", "--json", "show", "ptb")
    assert (refused.returncode, refused.stderr) == (2, "Error: --json is for the list of corpora, not for 'show'\n")


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


def test_a_users_text_is_shown_as_a_run_reads_it(tmp_path):
    """The line on its documents is on standard error."""
    (tmp_path / "x.txt").write_text("".join(f"A long line number {i}\nof prose.\n\n" for i in range(10)))
    shown = lmbench("corpora", "show", "x.txt", cwd=tmp_path)
    assert shown.stderr == "x.txt: 10 documents (blocks); --documents line for lines\n"
    assert "  test      1 document, 32 bytes" in shown.stdout
    assert shown.stdout.splitlines()[-3] == "  document  32 bytes, 3 lines: A long line number 0 of prose."
    lines = lmbench("corpora", "show", "x.txt:documents=line,limit=2", cwd=tmp_path)
    assert lines.stderr == ""
    assert "  test      2 documents, " in lines.stdout
    checked = lmbench("corpora", "check", "x.txt", "pydocs", "--documents", "line", cwd=tmp_path)
    assert "1 of its 3 documents" in checked.stdout
    assert checked.returncode == 0
    whole = lmbench("corpora", "check", "x.txt:split=all", cwd=tmp_path)
    assert whole.stdout == "x.txt: there is no training split to compare with\n"


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
    assert re.fullmatch(
        r"Error: cannot download https://\S+ \(\w+\); you can also set LMBENCH_MIRROR to .*\n", failed.stderr
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "wikitext"], "unknown corpus 'wikitext'; did you mean 'wikitext-"),
        (["show", "pydocs", "--documents", "line"], "--documents: only for your own text, not for pydocs"),
        (["check", "wikitext-2", "--strip"], "--strip: only for your own text, not for wikitext-2"),
        (["show", "wikitext-2:field=a"], "unknown option of wikitext-2 'field'; it is an option of your own text"),
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
