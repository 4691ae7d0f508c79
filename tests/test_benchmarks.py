"""Every benchmark script runs and prints its table."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


def output(script, *arguments):
    """Run a script and return the lines that it prints. Some scripts start processes that import them."""
    command = [sys.executable, str(BENCHMARKS / script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_hmm_prints_a_row_for_each_size():
    arguments = ("--corpus", "fables-en", "--states", "2,5", "--events", "300", "--repeats", "1", "--peer-states", "2")
    title, header, *rows = output("hmm.py", *arguments)
    assert title.startswith("fables-en: ")
    assert [row.split()[1] for row in rows] == ["2", "5"]
    assert all(len(row.split()) == len(header.split()) - 3 for row in rows)  # "ratio 32", "ratio 64" and "of peak"
    assert rows[1].split()[4] == "nan"


def test_transformer_prints_training_and_scoring():
    training, scoring = output("transformer.py", "--presets", "tiny", "--steps", "3")
    assert re.match(r"tiny: training \d+ ms a step of 512 events, \d+ Gflop/s, \d+% of \d+ \(\w+\)$", training)
    assert re.match(r"tiny: scoring [\d,]+ events/s, \d+ Gflop/s, \d+% of \d+ \(float32\)$", scoring)


def test_streaming_prints_a_row_for_each_size(tmp_path):
    arguments = ("--corpus", "recall:lines=60", "--documents", "block", "--sizes", "2K,9K", "--model", "uniform")
    _, *rows, growth = output("streaming.py", *arguments, "--folder", str(tmp_path))
    documents, sizes = zip(*(map(int, row.replace(",", "").split()[:2]) for row in rows), strict=True)
    assert all(size <= found < size + 1000 for size, found in zip((2048, 9216), sizes, strict=True))
    assert 10 < documents[0] < documents[1]
    assert growth.startswith("growth: ")
    assert list(tmp_path.iterdir()) == []


def test_bombs_are_answered_in_one_line():
    header, *rows, outcomes = output("bombs.py", "--size", "96M", "--only", "zstd bomb")
    assert header.split()[:5] == ["input", "bytes", "command", "outcome", "seconds"]
    assert len(rows) == 4
    assert outcomes == "4 attempts: 4 one line"


def test_tagging_prints_both_taggers(mirror):
    rows = output("tagging.py", "--corpus", "ud-chinese-gsd", "--tags", "upos")
    accuracy = {row.split()[0]: float(row.split()[1].rstrip("%")) for row in rows[2:]}
    assert accuracy["lmbench"] > accuracy["nltk"] > 80


def test_causal_lm_prints_equal_numbers():
    pytest.importorskip("accelerate", reason="lm-eval's own models need lm-eval[hf]")
    arguments = ("--layers", "1", "--width", "64", "--context", "16", "--documents", "2", "--repeat", "1")
    rows = [row.split() for row in output("causal_lm.py", *arguments, "--only", "short") if row.startswith("  ")]
    assert [row[0] for row in rows] == ["lmbench", "lm-eval", "evaluate"]
    assert all(float(row[-1]) < 1e-2 for row in rows)


def test_arpa_prints_both_readers_and_their_ratio():
    title, *rows = output("arpa.py", "--corpus", "fables-en", "--order", "2", "--repeats", "2")
    assert title.startswith("fables-en, order 2: ")
    assert [row.split()[0] for row in rows] == ["lmbench", "KenLM", "ratio"]
    assert all(float(rows[place].split()[1]) > 0 for place in (0, 2))  # KenLM needs 0.00 s for a file of this size


def test_ngrams_prints_the_costs_of_each_step():
    """The training split has fewer than 30,000 tokens, so the text is sampled."""
    arguments = ("--corpus", "fables-en", "--tokens", "30000", "--order", "3", "--repeats", "1", "--nltk-tokens", "0")
    _, title, _, header, _, *rows = output("ngrams.py", *arguments)
    assert title.startswith("## 30,000 tokens: sampled from the 4-grams of the ")
    assert header == "| step | wall clock, rate or ratio | CPU | memory |"
    names = [row.split("|")[1].strip() for row in rows]
    assert names[:4] == [
        "lmbench: reading",
        "lmbench: estimating",
        "lmbench run: text to perplexity",
        "the same, memory=1G",
    ]
    assert "lmbench: scoring ids" in names


def test_fuzz_commands_prints_how_every_attempt_ended():
    rows = output("fuzz_commands.py", "--attempts", "3", "--seed", "3")
    assert sum(int(row.split()[-1]) for row in rows[:3]) == 3
    assert rows[3] == "3 attempts, 0 faults"


def test_conformance_prints_what_catches_a_mutant():
    header, _, row, _, missed = output("conformance.py", "mutants", "--models", "LearnsBlocksFirst")
    assert header.split(" | ")[1:4] == ["checks that fail", "checks that fail on fables", "audit"]
    _, name, _, _, audit, bits, base, *_ = (cell.strip() for cell in row.split("|"))
    assert (name, audit) == ("`LearnsBlocksFirst`", "audit")
    assert float(bits) < float(base)
    assert missed == "1 mutants, 0 missed by what is meant to catch them: -"


def test_conformance_counts_false_alarms_and_continues(tmp_path):
    arguments = ("alarms", "--models", "uniform", "--seeds", "2", "--results", str(tmp_path / "alarms.jsonl"))
    assert output("conformance.py", *arguments) == ["0 false alarms in 2 runs of the suite and the audit, of 1 models"]
    first = (tmp_path / "alarms.jsonl").read_text()
    output("conformance.py", *arguments)
    assert (tmp_path / "alarms.jsonl").read_text() == first


def test_conformance_prints_the_seconds_of_suite_and_audit():
    *_, row = output("conformance.py", "seconds", "--models", "uniform")
    assert re.fullmatch(r"\| uniform \| [\d.]+ \| [\w-]+ [\d.]+ \| [\d.]+ \|", row)


def test_overhead_prints_a_row_for_each_set_of_libraries():
    header, *rows = output("overhead.py", "--libraries", ",colorsys", "--repeats", "1")
    assert header.split()[:5] == ["libraries", "template", "spawned", "two", "forked"]
    assert [row.split()[0] for row in rows] == ["(none)", "colorsys"]
    assert all(float(row.split()[2]) > float(row.split()[4]) for row in rows)


def test_report_prints_the_costs_of_a_page():
    header, row = output("report.py", "--models", "uniform", "--corpora", "grammar:lines=60", "--repeats", "1")
    assert header.split() == ["cells", "seconds", "CPU", "s", "peak", "MiB", "page", "MB", "imports", "s", "ratio"]
    cells, seconds, cpu_seconds, peak, page, imports, ratio = map(float, row.split())
    assert cells == 1
    assert min(seconds, cpu_seconds, peak, page, imports, ratio) > 0


def test_seeds_prints_the_coverage_of_each_method():
    header, *rows = output("seeds.py", "--units", "24", "--seeds", "3", "--ratios", "0,10", "--simulations", "60")
    assert header.split() == ["units", "seeds", "ratio", "crossed", "satter.", "pigeon.", "text"]
    first, second = (list(map(float, row.split())) for row in rows)
    assert (first[:3], second[:3]) == ([24, 3, 0], [24, 3, 10])
    assert second[6] < 0.75 < second[3]


def test_intervals_prints_the_coverage_of_each_method():
    title, *rows = output("intervals.py", "--simulations", "4", "--documents", "3,12")
    assert title == "4 simulations"
    shares = [row.split() for row in rows if re.match(r" +\d", row)]
    assert [share[0] for share in shares] == ["3", "12"] * 2
    assert all(len(share) == 7 and 0 <= float(share[-1]) <= 1 for share in shares)


def test_intervals_prints_the_time_beside_scipy():
    own, peer = output("intervals.py", "--speed", "50")
    assert own.startswith("20 models, 50 documents, 190 pairs: ")
    assert re.search(r"[\d.]+ times as long$", peer)
