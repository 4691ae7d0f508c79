from pathlib import Path

import pytest

from lmbench.corpora.selection import list_parts
from lmbench.errors import SpecError
from lmbench.runs.study_file import find_line, read_study

TEXT = '''# a study

models = [
    "kenlm",  # the first
    """
uniform""",
    "ppm"]
corpora = "fables-en"
seeds = 2

[[experiment]]
train-size = ["1%",
  "100%"]

[[experiment]]
audit = "full"
'''


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Return a function that writes a study file into the current folder, and returns its path."""
    monkeypatch.chdir(tmp_path)

    def write_study(text):
        Path("study.toml").write_bytes(text.encode() if isinstance(text, str) else text)
        return Path("study.toml")

    return write_study


@pytest.mark.parametrize(
    ("place", "line"),
    [
        (("models",), 3),
        (("models", 0), 4),
        (("models", 1), 6),
        (("models", 2), 7),
        (("corpora",), 8),
        (("seeds",), 9),
        (("experiment", 0), 11),
        (("experiment", 0, "train-size"), 12),
        (("experiment", 0, "train-size", 0), 12),
        (("experiment", 0, "train-size", 1), 13),
        (("experiment", 1), 15),
        (("experiment", 1, "audit"), 16),
    ],
)
def test_the_line_of_a_value_is_found(place, line):
    assert find_line(TEXT, place) == line
    assert find_line(TEXT.replace("\n", "\r\n"), place) == line


def test_keys_above_the_tables_are_those_of_all_experiments(write):
    study, _ = read_study(write(TEXT), {})
    first, second = study.experiments
    assert first.models == second.models == ("kenlm", "uniform", "ppm")
    assert first.all_seeds == (0, 1)
    assert (first.train_size, second.train_size) == (("1%", "100%"), ("100%",))
    assert (first.audit, second.audit) == ("sample", "full")
    assert first.train_parts == list_parts((0.01, 1.0))


def test_options_replace_keys_and_say_so(write):
    study, source = read_study(write(TEXT), {"audit": "none", "seed": 3, "corpora": "fables-en", "jobs": 2})
    assert {experiment.audit for experiment in study.experiments} == {"none"}
    assert {experiment.all_seeds for experiment in study.experiments} == {(3,)}
    assert study.settings.jobs == 2
    assert source.replaced == [("audit", "audit"), ("seed", "seeds")]


def test_without_a_file_the_options_are_the_study():
    study, source = read_study(
        None, {"models": "kenlm:order=2..3,ppm", "train-size": "1%,10%", "train-draws": 3, "memory-limit": "2G"}
    )
    [experiment] = study.experiments
    assert experiment.models == ("kenlm:order=2..3", "ppm")
    assert experiment.corpora[0] == "pydocs"
    assert experiment.train_parts == list_parts((0.01, 0.1), 3)
    assert study.settings.memory_limit == 2 << 30
    assert source.replaced == []


def test_a_table_has_its_own_seeds(write):
    study, _ = read_study(write('models = "hmm"\nseeds = 2\n[[experiment]]\nseed = 7\n'), {})
    assert [experiment.all_seeds for experiment in study.experiments] == [(7,)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('models = ["a"\nseeds = 2\n', "study.toml, line 2: Unclosed array"),
        ('models = ["a"', "study.toml, line 1: Unclosed array"),
        ("a = 1\na = 2\n", "study.toml, line 2: Cannot overwrite a value"),
        (b"models = '\xff'", "study.toml is not UTF-8: byte 0xff at offset 10"),
        ("x = " + "[" * 5000, "study.toml has too many lists within lists"),
        ("\n\nmodel = 'a'\n", "study.toml, line 3, model: unknown key 'model'; did you mean 'models'? (known: audit"),
        (
            "jobs = 2\n[[experiment]]\nsplt = 'all'",
            "study.toml, line 3, splt: unknown key 'splt'; did you mean 'split'?",
        ),
        ("[[experiment]]\njobs = 2", "line 2, jobs: jobs is a key of the whole study; write it above the first [["),
        (
            "[[experiments]]\naudit = 'full'",
            "study.toml, line 1, experiments: unknown key 'experiments'; begin each experiment with [[experiment]]",
        ),
        ("[experiment]\naudit = 'full'", "study.toml, line 1, experiment: begin each experiment with [[experiment]]"),
        ("seed = 1\nseeds = 2", "study.toml, line 1, seed: seed and seeds exclude each other"),
        ("models = 3", "study.toml, line 1, models: write a list, not an int"),
        ("models = [\n'a',\n3]", "study.toml, line 3, models: it must be a valid string"),
        ("audit = 'all'", "study.toml, line 1, audit: it must be 'none', 'sample' or 'full'"),
        ("models = 'a'\n[[experiment]]\n\naudit = 'all'", "study.toml, line 4, audit: it must be"),
        ("seeds = 0", "study.toml, line 1, seeds: write how many seeds, from 1 to 1000"),
        ("seeds = 'three'", "study.toml, line 1, seeds: write how many seeds, from 1 to 1000, or a list of them"),
        ("seeds = [1,\n-2]", "study.toml, line 2, seeds: it must be greater than or equal to 0"),
        ("limit = 0", "study.toml, line 1, limit: it must be greater than 0"),
        ("jobs = 0", "study.toml, line 1, jobs: it must be greater than 0"),
        ("timeout = 'soon'", "study.toml, line 1, timeout: 'soon' is not a duration; write for example 90s"),
        ("timeout = 0", "study.toml, line 1, timeout: it must be greater than 0"),
        ("memory-limit = '2X'", "study.toml, line 1, memory-limit: '2X' is not a size; write for example 512M or 1G"),
        ("memory_limit = '2G'", "unknown key 'memory_limit'; did you mean 'memory-limit'?"),
        ("engine = 'slurm'", "study.toml, line 1, engine: it must be 'local' or 'ray'"),
        ("ray-address = 'ray://a'", "study.toml, line 1, ray-address: it is for the engine ray"),
    ],
)
def test_a_mistake_is_reported_with_its_line_and_key(write, text, message):
    with pytest.raises(SpecError) as caught:
        read_study(write(text), {})
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_byte_order_mark_is_skipped(write):
    study, _ = read_study(write(b"\xef\xbb\xbfmodels = 'a'"), {})
    assert study.experiments[0].models == ("a",)


def test_a_file_that_cannot_be_read_is_one_line(tmp_path):
    with pytest.raises(SpecError, match=r"cannot read .*: No such file or directory$"):
        read_study(tmp_path / "study.toml", {})
    with pytest.raises(SpecError, match=r"cannot read .*: No such file or directory; models are named with --models$"):
        read_study(tmp_path / "kenlm", {})
    with pytest.raises(SpecError, match=r"cannot read .*: Is a directory$"):
        read_study(tmp_path, {})


def test_a_mistake_in_an_option_names_the_option(write):
    with pytest.raises(SpecError, match=r"^--timeout: 'soon' is not a duration"):
        read_study(write("models = 'a'\ntimeout = '1m'"), {"timeout": "soon"})
    with pytest.raises(SpecError, match=r"^--seed: seed and seeds exclude each other"):
        read_study(None, {"seed": 1, "seeds": 2})


def test_an_error_within_a_study_says_where_it_was_written(write):
    _, source = read_study(write(TEXT), {"corpora": "x"})
    for number, key, item, place in (
        (0, "models", 2, "study.toml, line 7, models: wrong"),
        (1, "train-size", 0, "study.toml, line 15, train-size: wrong"),
        (0, "train-size", 1, "study.toml, line 13, train-size: wrong"),
        (0, "corpora", 0, "wrong"),
    ):
        with pytest.raises(SpecError) as caught, source.blamed(number, key, item):
            raise SpecError("wrong")
        assert str(caught.value) == place
