import math

import pytest

from lmbench import build, load_corpus, registry
from lmbench.cli.inspect import inspect
from lmbench.errors import LmbenchError
from tests.cli.commands import assert_refused, lmbench


def test_inspect_shows_and_draws_what_a_model_learned(tmp_path, text):
    folder = tmp_path / "corpus"
    folder.mkdir()
    for split in ("train", "valid", "test"):
        (folder / f"{split}.txt").write_text(text.read_text() + f"{split} [b]\n" * 2)
    result = lmbench("inspect", "hmm:states=3,iterations=2", "--corpus", folder, "--save", "s.pdf", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "States" in result.stdout
    assert "␣the" in result.stdout
    assert "from the state of a row to the state of a column" in " ".join(result.stdout.split())
    assert (tmp_path / "s.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("spec", "shown"),
    [
        ("kenlm:order=2", "mean back-off"),
        ("ngram:order=2", "most likely next"),
        ("ppm", "P(escape)"),
        ("cache", "The past"),
    ],
)
def test_models_that_count_show_what_they_know(text, spec, shown):
    result = lmbench("inspect", spec, "--corpus", text)
    assert result.returncode == 0, result.stderr
    assert shown in " ".join(result.stdout.split())


def test_the_most_likely_events_after_a_text(text):
    """They are those of the model's distribution, with its probabilities."""
    model = build("kenlm:order=2")
    model.fit(load_corpus(str(text)).training)
    following = model.next_events("the cat")
    best = int(following.logprobs.argmax())
    assert following.spellings[best] == b" sat"
    rows = lmbench("inspect", "kenlm:order=2", "--corpus", text, "--after", "the cat").stdout.splitlines()
    assert rows[0].strip() == "After 'the cat'"
    [[_, cost, probability, total]] = [row.split() for row in rows if row.startswith("␣sat")]
    assert float(probability) == pytest.approx(math.exp(following.logprobs[best]), rel=1e-3)
    assert float(cost) == pytest.approx(-following.logprobs[best] / math.log(2), rel=1e-3)
    assert total == probability


def test_a_model_without_exhibits_is_refused(monkeypatch, tmp_path):
    """An example is a KenLM binary: the class has exhibits, and this file has none."""
    monkeypatch.setenv("LMBENCH_CACHE", str(tmp_path))  # others must not find the fitted model

    class Empty(type(build("uniform"))):
        def exhibits(self):
            return ()

    monkeypatch.setattr(registry, "build", lambda spec: Empty(build("uniform").options))
    with pytest.raises(LmbenchError, match="uniform cannot show what it learned; --after TEXT shows"):
        inspect.main(["uniform"], standalone_mode=False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["uniform"], "uniform cannot show what it learned; --after TEXT shows the most likely events after a text"),
        (["hmm", "--save", "states.jpg"], "'states.jpg' does not end in .svg, .png or .pdf"),
        (["hmm", "--save", "no/states.png"], "cannot save the picture: the folder 'no' does not exist"),
        (["kenml"], "unknown model 'kenml'"),
        (["uniform", "--after", "a\udcff"], "the text of --after is not UTF-8 at character 1"),
    ],
)
def test_mistakes_are_refused_in_one_line(tmp_path, arguments, message):
    assert_refused(["inspect", *arguments], message, tmp_path)
