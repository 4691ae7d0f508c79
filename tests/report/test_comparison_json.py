import json

import pytest

from lmbench.analysis.comparison import compare_runs
from lmbench.report.comparison_json import format_models, format_runs
from tests.analysis.crafted import NOISE, add, add_broken, compare_two, model_record, new_run
from tests.report.cells import text


def test_two_models_are_an_object_for_each_corpus(tmp_path):
    run = new_run(tmp_path / "run", text(), text("d"))
    for corpus in ("c", "d"):
        add(run, "b", 190 + NOISE, corpus=corpus)
    add(run, "a", 200 - NOISE)
    add_broken(run, "a", "d", error="boom")
    compared = compare_two(run)
    [pair] = compared.pairs
    first, second = map(json.loads, format_models(compared))
    assert second == {"model": "a", "baseline": "b", "corpus": "d", "verdict": "refused", "reason": "a failed: boom"}
    assert (first["model"], first["baseline"], first["corpus"], first["verdict"]) == ("a", "b", "c", "worse")
    assert first["difference"] == pytest.approx(first["model_bits_per_byte"] - first["baseline_bits_per_byte"])
    assert first["relative"] == pytest.approx(first["difference"] / first["baseline_bits_per_byte"])
    assert (first["wins"] + first["losses"], first["documents"]) == (12, 12)
    assert (first["low"], first["p"]) == (pair.comparison.difference.low, pair.comparison.difference.p)


def test_a_baseline_of_no_bits_has_no_relative_difference(tmp_path):
    run = new_run(tmp_path / "run")
    add(run, "a", 200 + NOISE)
    add(run, "b", 0 * NOISE)
    [line] = format_models(compare_two(run))
    assert json.loads(line)["relative"] is None


def test_two_runs_are_an_object_for_each_row(tmp_path):
    runs = new_run(tmp_path / "x", text(), text("d")), new_run(tmp_path / "y", text(), text("d"))
    for directory, order in zip(runs, (5, 3), strict=True):
        add(directory, "same", 200 + NOISE)
        add(directory, "a", 200.0 + order + 0 * NOISE, model=model_record("a", {"order": order}))
        add(directory, "broken", 200 + NOISE, corpus="d")
    add(runs[0], "gone", 200 + NOISE)
    add(runs[1], "added", 200 + NOISE, corpus="d")
    add_broken(runs[1], "broken", "d")
    rows = [json.loads(line) for line in format_runs(compare_runs(*runs))]
    assert [(row["model"], row["corpus"], row["verdict"]) for row in rows] == [
        ("same", "c", "same"),
        ("a", "c", "better"),
        ("broken", "d", "refused"),
        ("gone", "c", "only in first"),
        ("added", "d", "only in second"),
    ]
    assert rows[0]["changes"] == []
    assert rows[1]["changes"] == [{"kind": "option", "name": "order", "before": "5", "after": "3"}]
    assert rows[1]["difference"] == pytest.approx(-0.02)
