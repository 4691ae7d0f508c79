import re

import pytest

from lmbench.corpora.loading import known_names, load_corpus, refuse_idle_options
from lmbench.corpora.options import CorpusOptions
from lmbench.corpora.plugins import GROUP, list_plugins
from lmbench.errors import CorpusError, PluginError, UnavailableError
from tests.cli.commands import lmbench
from tests.plugins import installed

MODULE = '''
from lmbench import Corpus, Split
from lmbench.errors import UnavailableError

def tweets():
    """Tweets of a day.

    More about them.
    """
    return Corpus("any", Split(("a b\\n", "b\\n")), Split(("c\\n",)), Split(["d\\n", "e\\n"]), provenance="tweets")

def absent():
    raise UnavailableError("the tweets are elsewhere")

def broken():
    raise SystemExit("stop")

def bytes_():
    return Corpus("any", Split((b"a",)), Split(()), Split(("a",)), provenance="x")

def text():
    return Corpus("any", Split("abc"), Split(()), Split(("a",)), provenance="x")

def control():
    return Corpus("any", Split(()), Split(()), Split(("a", "b\\0")), provenance="x")

def blank():
    return Corpus("any", Split(()), Split(()), Split(("\\n",)), provenance="x")

def origin():
    return Corpus("any", Split(()), Split(()), Split(("a",)), provenance=3)

def spaceless():
    return Corpus("any", Split(()), Split(()), Split(("a",)), provenance="x", spaced="no")

def listed():
    return ["a", "b"]

number = 3
'''
FUNCTIONS = re.findall(r"^def (\w+)", MODULE, flags=re.MULTILINE)


@pytest.fixture(autouse=True)
def package(tmp_path):
    """A package whose corpora have the names of its functions."""
    points = {name: f"plugin_module:{name}" for name in [*FUNCTIONS, "number", "missing"]}
    with installed(tmp_path, points | {"pydocs": "plugin_module:listed"}, MODULE, group=GROUP):
        yield


def test_a_registered_corpus_is_loaded_by_its_name():
    corpus = load_corpus("tweets")
    assert (corpus.name, corpus.provenance) == ("tweets", "tweets")
    assert [split.documents for split in (corpus.train, corpus.valid, corpus.test)] == [
        ("a b\n", "b\n"),
        ("c\n",),
        ("d\n", "e\n"),
    ]
    assert load_corpus("tweets:split=valid").test.documents == ("c\n",)
    assert known_names()[-1] == "tweets"
    with pytest.raises(CorpusError, match="--field: only for your own text, not for tweets"):
        refuse_idle_options(["tweets"], CorpusOptions(field="a"))


def test_a_plugin_cannot_replace_an_embedded_corpus():
    assert load_corpus("pydocs").test.documents != ()
    assert known_names().count("pydocs") == 1


def test_corpora_are_described_by_their_functions():
    plugins = list_plugins()
    assert plugins["tweets"].summarize() == "Tweets of a day."
    assert plugins["tweets"].origin == "lmbench-plugin 1.2"
    assert plugins["listed"].summarize() == "a corpus without a description"
    assert plugins["missing"].summarize().startswith("broken: corpus 'missing' of lmbench-plugin 1.2 cannot be")


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("absent", UnavailableError, "^the tweets are elsewhere$"),
        ("broken", PluginError, "^corpus 'broken' of lmbench-plugin 1.2 cannot be loaded: SystemExit: stop$"),
        ("missing", PluginError, "'missing' .* cannot be imported: AttributeError: .* has no attribute 'missing'"),
        ("number", PluginError, "'number' .* is an int; it must be a function that returns a Corpus"),
        ("listed", PluginError, "'listed' .* is a list; its function must return a Corpus"),
        ("text", PluginError, "'text' .*: its train is not a Split with a sequence of documents"),
        ("bytes_", PluginError, "'bytes_' .*: train document 1 is a bytes; it must be a str"),
        ("control", CorpusError, "'control' .*: test document 2 is not text: it has a NUL byte at offset 1"),
        ("origin", PluginError, "'origin' .*: its provenance is an int; it must be a str"),
        ("spaceless", PluginError, "'spaceless' .*: its spaced is a str; it must be a bool"),
        ("blank", PluginError, "'blank' .* does not have a test text"),
    ],
)
def test_broken_corpora_say_what_is_wrong(name, error, message):
    with pytest.raises(error, match=message):
        load_corpus(name)


def test_the_command_lists_and_reads_corpora_of_plugins(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    listed = lmbench("corpora").stdout
    assert re.search(r"tweets +Tweets of a day\. \[lmbench-plugin 1\.2\]", listed)
    run = lmbench("run", "--models", "uniform", "--corpora", "tweets", "--out", "out", cwd=tmp_path)
    assert "tweets" in run.stdout
