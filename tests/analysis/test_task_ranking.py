from itertools import product

import numpy as np
import pytest
from scipy.stats import binomtest

from lmbench.analysis.task_answers import read_answers
from lmbench.analysis.task_ranking import break_down, list_disagreements, list_groups, rank_task
from lmbench.errors import ResultsError
from tests.answering import ACCURACY, BITS, BYTES, F1, answer, fail, new_run, right, task_of


@pytest.fixture
def quiz(tmp_path):
    """Forty questions with four choices, of which good answers 36, fair 24, and poor 10."""
    directory = new_run(tmp_path / "run", task_of())
    for model, count in (("poor", 10), ("good", 36), ("fair", 24)):
        answer(directory, model, accuracy=right(count, 40), groups={"field": ["a", "b"] * 20})
    return directory


def rank(directory):
    return rank_task(directory, directory.manifest.tasks[0])


def test_models_are_ranked_by_the_share_of_right_answers(quiz):
    main = rank(quiz).main
    assert [entry.label for entry in main.entries] == ["good", "fair", "poor"]
    assert [entry.value.value for entry in main.entries] == [0.9, 0.6, 0.25]
    assert [entry.rank for entry in main.entries] == [1, 2, 3]
    assert [entry.letters for entry in main.entries] == ["a", "b", "c"]
    assert [entry.is_best for entry in main.entries] == [True, False, False]


def test_intervals_are_those_of_clopper_and_pearson(quiz):
    for entry, count in zip(rank(quiz).main.entries, (36, 24, 10), strict=True):
        expected = binomtest(count, 40).proportion_ci(0.95, method="exact")
        assert (entry.value.low, entry.value.high) == pytest.approx((expected.low, expected.high))


def test_a_model_is_above_chance_if_its_interval_is(quiz):
    assert [entry.to_chance for entry in rank(quiz).main.entries] == ["above", "above", "not shown"]


def test_a_model_may_be_below_chance(tmp_path):
    directory = new_run(tmp_path / "run", task_of(metrics=(ACCURACY.model_copy(update={"chance": 0.5}),)))
    answer(directory, "fooled", accuracy=right(8, 40))
    assert rank(directory).main.entries[0].to_chance == "below"


def test_a_model_that_always_shares_the_credit_is_at_chance(tmp_path):
    metric = ACCURACY.model_copy(update={"chance": np.nextafter(0.25, 0)})
    directory = new_run(tmp_path / "run", task_of(metrics=(metric,)))
    answer(directory, "even", accuracy=[0.25] * 40, groups={"context": list("abcdefghijklmnopqrst") * 2})
    [entry] = rank(directory).main.entries
    assert (entry.value.low, entry.to_chance) == (0.25, "not shown")


def test_pairs_have_the_p_of_mcnemar_with_holms_correction(quiz):
    main = rank(quiz).main
    values = {label: np.array(right(count, 40)) for label, count in (("good", 36), ("fair", 24), ("poor", 10))}
    labels = [entry.label for entry in main.entries]
    ps = []
    for pair in main.comparisons:
        first, second = values[labels[pair.first]], values[labels[pair.second]]
        wins, losses = int((first > second).sum()), int((first < second).sum())
        assert pair.difference.value == pytest.approx(first.mean() - second.mean())
        assert pair.difference.p == pytest.approx(binomtest(wins, wins + losses).pvalue)
        assert (pair.wins, pair.losses) == (wins, losses)
        ps.append(pair.difference.p)
    order = np.argsort(ps)
    corrected = np.minimum(1, np.maximum.accumulate(np.array(ps)[order] * [3, 2, 1]))
    assert [main.comparisons[number].adjusted_p for number in order] == pytest.approx(corrected)


def test_the_difference_to_the_best_and_to_a_baseline_is_less_for_a_worse_model(quiz):
    main = rank(quiz).main
    assert main.entries[0].to_best is None
    assert main.entries[2].to_best.difference.value == pytest.approx(0.25 - 0.9)
    to_fair = main.compare_with("fair")
    assert {label: pair.difference.value for label, pair in to_fair.items()} == pytest.approx(
        {"good": 0.3, "poor": -0.35}
    )
    assert main.compare_with("nobody") == {}


def test_shared_credit_has_the_exact_interval_and_the_test_of_flipped_signs(tmp_path):
    directory = new_run(tmp_path / "run", task_of(items=12))
    first = [1, 1, 0.25, 1, 0, 1, 1, 0.5, 1, 1, 0, 1]
    answer(directory, "tied", accuracy=first)
    answer(directory, "sure", accuracy=right(3, 12))
    main = rank(directory).main
    assert all(entry.is_exact for entry in main.entries)
    signs = np.array(list(product((1, -1), repeat=12)))
    differences = np.array(first) - right(3, 12)
    expected = np.mean(np.abs(signs @ differences) >= abs(differences.sum()) - 1e-9)
    assert main.comparisons[0].difference.p == pytest.approx(expected)


def test_values_that_are_no_credits_have_the_interval_of_typical_values(tmp_path):
    directory = new_run(tmp_path / "run", task_of(metrics=(F1,)))
    values = np.random.default_rng(1).random(40)
    answer(directory, "writer", f1=values)
    main = rank(directory).main
    error = values.std(ddof=1) / np.sqrt(40)
    assert not main.entries[0].is_exact
    assert main.entries[0].value.low == pytest.approx(values.mean() - 1.96 * error, abs=0.3 * error)


def test_the_interval_of_a_model_does_not_depend_on_the_other_models(tmp_path):
    directory = new_run(tmp_path / "run", task_of(metrics=(F1,)))
    answer(directory, "mute", f1=np.zeros(40))
    answer(directory, "writer", f1=np.random.default_rng(1).random(40))
    writer, mute = rank(directory).main.entries
    assert (writer.is_exact, mute.is_exact) == (False, True)
    assert mute.value.high == pytest.approx(binomtest(0, 40).proportion_ci(0.95).high)


def test_intervals_of_shares_and_of_their_differences_stay_in_their_range(tmp_path):
    directory = new_run(tmp_path / "run", task_of(items=3, metrics=(F1,)))
    answer(directory, "high", f1=[0.9, 1, 0.7])
    answer(directory, "low", f1=[0.05, 0.9, 0])
    high, low = rank(directory).main.entries
    assert (high.value.high, low.value.low, low.to_best.difference.low) == (1, 0, -1)


def test_lower_is_better_if_the_metric_says_so(tmp_path):
    directory = new_run(tmp_path / "run", task_of(metrics=(BITS,)))
    noise = np.random.default_rng(1).normal(0, 0.1, 40)
    answer(directory, "dear", bits=5 + noise)
    answer(directory, "cheap", bits=4 + noise[::-1])
    main = rank(directory).main
    assert [(entry.label, entry.rank) for entry in main.entries] == [("cheap", 1), ("dear", 2)]
    assert main.comparisons[0].wins == 40


def test_the_seeds_of_a_model_are_one_entry(tmp_path):
    directory = new_run(tmp_path / "run", task_of())
    for seed, count in enumerate((20, 24, 22)):
        answer(directory, f"net:seed={seed}", accuracy=right(count, 40))
    answer(directory, "ppm", accuracy=right(10, 40))
    net, ppm = rank(directory).main.entries
    assert (net.label, len(net.cells), len(ppm.cells)) == ("net", 3, 1)
    assert net.value.value == pytest.approx(0.55)
    assert net.seed_deviation == pytest.approx(np.std([0.5, 0.6, 0.55], ddof=1))
    single = binomtest(22, 40).proportion_ci(0.95)
    assert net.value.high - net.value.low > 0.5 * (single.high - single.low)


def test_each_metric_has_its_ranking_and_those_without_values_none(tmp_path):
    directory = new_run(tmp_path / "run", task_of(metrics=(ACCURACY, BYTES, F1)))
    answer(directory, "a", accuracy=right(30, 40), accuracy_bytes=right(10, 40))
    answer(directory, "b", accuracy=right(10, 40), accuracy_bytes=right(30, 40))
    accuracy, per_byte, f1 = rank(directory).metrics
    assert [entry.label for entry in accuracy.entries] == ["a", "b"]
    assert [entry.label for entry in per_byte.entries] == ["b", "a"]
    assert f1.entries == ()
    assert [other.metric for other in rank(directory).others] == [BYTES]


def test_a_model_that_did_not_answer_every_item_is_left_out(tmp_path):
    directory = new_run(tmp_path / "run", task_of())
    answer(directory, "whole", accuracy=right(30, 40))
    answer(directory, "part", accuracy=[None, *right(30, 39)])
    assert [entry.label for entry in rank(directory).main.entries] == ["whole"]


def test_too_few_items_give_no_ranks(tmp_path):
    directory = new_run(tmp_path / "run", task_of(items=9))
    answer(directory, "a", accuracy=[1.0] * 9)
    answer(directory, "b", accuracy=[0.0] * 9)
    main = rank(directory).main
    assert [entry.rank for entry in main.entries] == [None, None]
    assert not main.is_claimed
    assert (main.entries[0].value.low, main.entries[0].to_chance) == (pytest.approx(0.025 ** (1 / 9)), "above")


def test_items_about_one_text_are_resampled_together(tmp_path):
    directory = new_run(tmp_path / "run", task_of())
    texts = [f"text {number % 20}" for number in range(40)]
    values = np.tile(right(10, 20), 2)
    answer(directory, "a", accuracy=values, groups={"context": texts})
    main, alone = rank(directory).main, binomtest(20, 40).proportion_ci(0.95)
    assert (main.units.are_blocks, len(main.units.sizes)) == (True, 20)
    assert main.entries[0].value.high - main.entries[0].value.low > 1.2 * (alone.high - alone.low)
    assert list_groups(rank(directory)) == []


def test_a_failed_cell_is_no_entry(quiz):
    fail(quiz, "broken")
    assert [entry.label for entry in rank(quiz).main.entries] == ["good", "fair", "poor"]


def test_a_task_without_answers_has_no_entries(tmp_path):
    directory = new_run(tmp_path / "run", task_of())
    fail(directory, "broken")
    ranking = rank(directory)
    assert (ranking.main.entries, ranking.main.units, ranking.answers.ids) == ((), None, ())
    assert list_disagreements(ranking, 5) == list_groups(ranking) == []


def test_cells_with_other_items_are_refused(quiz):
    answer(quiz, "other", accuracy=right(10, 39))
    with pytest.raises(ResultsError, match="has other items than another cell of quiz"):
        read_answers(quiz, quiz.manifest.tasks[0])


def test_values_are_broken_down_by_groups(quiz):
    ranking = rank(quiz)
    assert list_groups(ranking) == ["field"]
    found = break_down(ranking, "field")
    assert (found.groups, found.sizes, list(found.values)) == (("a", "b"), (20, 20), ["good", "fair", "poor"])
    for label, count in (("good", 36), ("poor", 10)):
        for number, estimate in enumerate(found.values[label]):
            members = right(count, 40)[number::2]
            expected = binomtest(int(sum(members)), 20).proportion_ci(0.95)
            assert estimate.value == pytest.approx(np.mean(members))
            assert (estimate.low, estimate.high) == pytest.approx((expected.low, expected.high))
    with pytest.raises(ResultsError, match="do not have groups named color"):
        break_down(ranking, "color")


def test_models_disagree_most_where_half_of_them_are_right(tmp_path):
    directory = new_run(tmp_path / "run", task_of())
    for number, model in enumerate("abcd"):
        values = [1.0, 0.0, 1.0, *[1.0] * 37]
        values[1] = float(number < 2)
        values[2] = float(number < 3)
        answer(directory, model, accuracy=values)
    assert list_disagreements(rank(directory), 10) == [1, 2]
    assert list_disagreements(rank(directory), 1) == [1]
