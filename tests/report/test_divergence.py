import json

import numpy as np
import pytest

from lmbench.analysis.divergence import Divergence
from lmbench.report.divergence import build_divergence_table, format_divergences


@pytest.fixture
def divergence():
    generator = np.random.default_rng(7)
    return Divergence(generator.exponential(0.1, 1000), generator.normal(0, 0.05, 1000), generator.random(1000) < 0.9)


def test_the_table_has_the_measures_of_llama_cpp(divergence):
    table = build_divergence_table("q4", "f32", {"fables-en": divergence})
    assert [column.heading for column in table.columns] == ["", "fables-en: KL", "fables-en: Δp, %"]
    rows = {name: texts for name, *texts in table.rows}
    assert rows["mean"][0] == f"{divergence.nats.mean():.6f}"
    assert rows["99.0 %"] == [
        f"{np.percentile(divergence.nats, 99):.6f}",
        f"{100 * np.percentile(divergence.changes, 99):.3f}",
    ]
    assert rows["median"][0] == f"{np.median(divergence.nats):.6f}"
    assert rows["1.0 %"][1] == f"−{-100 * np.percentile(divergence.changes, 1):.3f}"
    assert rows["root mean square"] == ["–", f"{100 * np.sqrt(np.mean(divergence.changes**2)):.3f}"]
    assert rows["same top"] == ["–", f"{100 * divergence.agreements.mean():.3f}"]
    assert table.notes == ("fables-en: 1,000 events.",)


def test_json_has_all_digits_and_no_infinity(divergence):
    endless = Divergence(np.array([0.5, np.inf]), np.array([0.0, -0.25]), np.array([True, False]))
    one, other = map(json.loads, format_divergences("a", "b", {"x": divergence, "y": endless}))
    assert one["change"]["percentiles"]["99.9"] == pytest.approx(np.percentile(divergence.changes, 99.9), abs=0)
    assert (other["model"], other["baseline"], other["corpus"], other["events"]) == ("a", "b", "y", 2)
    assert other["divergence"]["maximum"] is None
    assert other["divergence"]["minimum"] == 0.5
    assert other["same_top"] == 0.5
