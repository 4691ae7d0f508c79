"""The benchmark scripts run; what they time is in the documentation."""

import runpy
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


def output(monkeypatch, capsys, script, *arguments):
    monkeypatch.setattr(sys, "argv", [script, *arguments])
    runpy.run_path(str(BENCHMARKS / script), run_name="__main__")
    return capsys.readouterr().out.splitlines()


def test_hmm_prints_a_row_for_each_size(monkeypatch, capsys):
    arguments = ("--corpus", "fables-en", "--states", "2,5", "--events", "300", "--repeats", "1", "--peer-states", "2")
    title, header, *rows = output(monkeypatch, capsys, "hmm.py", *arguments)
    assert title.startswith("fables-en: ")
    assert [row.split()[1] for row in rows] == ["2", "5"]
    assert all(len(row.split()) == len(header.split()) - 3 for row in rows)  # "ratio 32", "ratio 64" and "of peak"
    assert rows[1].split()[4] == "nan"


def test_streaming_prints_a_row_for_each_size(monkeypatch, capsys, tmp_path):
    arguments = ("--corpus", "recall:lines=60", "--documents", "block", "--sizes", "2K,9K", "--model", "uniform")
    _, *rows, growth = output(monkeypatch, capsys, "streaming.py", *arguments, "--folder", str(tmp_path))
    documents, sizes = zip(*(map(int, row.replace(",", "").split()[:2]) for row in rows), strict=True)
    assert all(size <= found < size + 1000 for size, found in zip((2048, 9216), sizes, strict=True))
    assert 10 < documents[0] < documents[1]
    assert growth.startswith("growth: ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("tags", ["upos", "xpos"])
def test_tagging_prints_both_taggers(mirror, monkeypatch, capsys, tags):
    rows = output(monkeypatch, capsys, "tagging.py", "--corpus", "ud-chinese-gsd", "--tags", tags)
    accuracy = {row.split()[0]: float(row.split()[1].rstrip("%")) for row in rows[2:]}
    assert accuracy["lmbench"] > accuracy["nltk"] > 80


def test_causal_lm_prints_equal_numbers(monkeypatch, capsys):
    pytest.importorskip("accelerate", reason="lm-eval's own models need lm-eval[hf]")
    arguments = ("--layers", "1", "--width", "64", "--context", "16", "--documents", "2")
    rows = [row.split() for row in output(monkeypatch, capsys, "causal_lm.py", *arguments) if row.startswith("  ")]
    assert [row[0] for row in rows] == ["lmbench", "lm-eval", "evaluate", "lmbench", "lm-eval"]
    assert all(float(row[-1]) < 1e-2 for row in rows)


def test_ngrams_prints_what_each_step_takes(monkeypatch, capsys):
    """The training split is shorter than the text that is asked for, so that this is sampled."""
    arguments = ("--corpus", "fables-en", "--tokens", "30000", "--order", "3", "--repeats", "1", "--nltk-tokens", "0")
    _, title, _, header, _, *rows = output(monkeypatch, capsys, "ngrams.py", *arguments)
    assert title.startswith("## 30,000 tokens: sampled from the 4-grams of the ")
    assert header == "| what | wall clock, rate or ratio | CPU | memory |"
    names = [row.split("|")[1].strip() for row in rows]
    assert names[:4] == [
        "lmbench: reading",
        "lmbench: estimating",
        "lmbench run: text to perplexity",
        "the same, memory=1G",
    ]
    assert "lmbench: scoring ids" in names
