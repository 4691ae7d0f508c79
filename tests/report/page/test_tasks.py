import re

import pytest

from lmbench.analysis.questions import Questions
from lmbench.report.page.document import describe_run, format_page, list_charts
from lmbench.report.page.findings import list_findings
from lmbench.report.page.tasks import describe_tasks
from lmbench.report.ranked_run import RankedRun
from tests.answering import answer, new_run, right, task_of
from tests.report.page.test_document import Reader
from tests.report.tasked import HOSTILE, make_run, read


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return read(make_run(tmp_path_factory.mktemp("tasked") / "run"))


@pytest.fixture(scope="module")
def section(results):
    return describe_tasks(results)


def test_a_run_without_tasks_has_no_section(made):
    assert describe_tasks(RankedRun.read(made)) is None
    page = format_page(RankedRun.read(made))
    assert 'id="tasks"' not in page
    assert ".asked" not in page


def test_the_matrix_has_value_interval_group_chance_and_reading(section):
    overview = section.overview
    assert overview.columns == ["quiz: accuracy in %, guessing 25.0", "few: accuracy in %, guessing 25.0"]
    rows = dict(overview.rows)
    kenlm, few = rows["kenlm"]
    assert (kenlm.text, kenlm.note, kenlm.tone) == ("85.0", "[70.2–94.3] ab ‡", "best")
    assert kenlm.hint == "rank 1=; 1.2 % of the items with 13 words or more share 13 in a row with its training text"
    assert rows["gpt2"][0].note.endswith("† ‡")
    assert rows["gpt2"][0].hint.endswith("what it has read is not known")
    assert "○" in rows["uniform"][0].note
    assert few.hint.startswith("no rank is claimed")
    assert (rows["broken"][1].text, rows["broken"][1].hint) == ("failed", HOSTILE)
    assert rows["broken"][0].text == "–"


def test_groups_are_beside_published_figures(section):
    [task, few] = section.tasks
    assert [figure.title for figure in task.figures] == ["accuracy on quiz", "quiz by color"]
    chart = task.figures[1].chart
    assert [level.value for level in chart.levels] == [25.0]
    assert chart.series[-1].name == "people <b> (published)"
    assert chart.series[-1].x == (90.0, 70.0, 50.0)
    [groups] = task.groups
    assert groups.rows[0][0] == "red (20)"
    assert groups.columns[-1] == "people <b> (published)"
    assert [items[-1].text for _, items in groups.rows] == ["90.0", "70.0", "50.0"]
    assert task.published.rows == (("people <b>", "70.0", "accuracy, %", HOSTILE, "A paper"),)
    headings = [(column.heading, column.align) for column in task.published.columns]
    assert headings[1:3] == [("value", "right"), ("measure", "left")]
    assert few.groups == []
    assert few.published is None


def test_items_that_divide_the_models_show_choices_and_texts(section):
    task = section.tasks[0]
    assert 0 < len(task.items) <= 10
    item = task.items[0]
    assert [choice.is_right for choice in item.choices] == [False, True, False, False]
    named = ", ".join(choice.models for choice in item.choices)
    assert {"kenlm", "ppm", "uniform", "net (2 seeds)"} <= set(named.split(", "))
    assert {models for _, models in item.texts} == {"kenlm", "ppm", "net (2 seeds)"}


def test_items_are_left_out_with_a_reason_if_they_are_not_those_of_the_run(results):
    run = RankedRun.read(results.directory, questions=Questions(results.directory.manifest))
    task = describe_tasks(run).tasks[0]
    assert task.items == []
    assert task.note.startswith("Items are not shown: the items of quiz cannot be read again: unknown task 'quiz'")


def test_the_page_nests_and_escapes(results):
    page = format_page(results)
    reader = Reader(page)
    assert reader.tags.count("script") == 1
    assert HOSTILE not in page
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert page.count('id="tasks"') == 1
    assert not re.search(r'id="(overview|needs)"', page)
    targets = {value[1:] for tag, name, value in reader.attributes if (tag, name) == ("a", "href") and value[0] == "#"}
    assert targets <= {value for _, name, value in reader.attributes if name == "id"}


def test_findings_name_the_best_and_those_that_guess(results):
    first, second, third = list_findings(results)
    assert first == "No model is shown to be the best on quiz and few."
    assert second.endswith("values are not shown to be better than guessing: uniform on quiz and kenlm on few.")
    assert third == "8 of 9 cells have numbers; 8 of them are in doubt (‡); the notes below the tables say why."


def test_findings_name_a_best_model_only_if_all_others_are_worse(tmp_path):
    directory = new_run(tmp_path / "run", task_of(items=60), task_of("other", items=60))
    for task, good in (("quiz", 55), ("other", 32)):
        answer(directory, "kenlm", accuracy=right(good, 60), task=task)
        answer(directory, "ppm", accuracy=right(30, 60), task=task)
    assert list_findings(RankedRun.read(directory))[0] == (
        "kenlm gives the best answers on quiz (accuracy 91.7 %). There, every other model is worse by more than "
        "chance. No model is shown to be the best on other."
    )


def test_the_charts_of_tasks_are_among_those_of_a_page(results):
    titles = [chart.title for chart in list_charts(describe_run(results))]
    assert titles == ["accuracy on quiz", "quiz by color", "accuracy on few"]


def test_many_groups_are_a_table_alone(tmp_path):
    directory = new_run(tmp_path / "run", task_of(items=60))
    answer(directory, "kenlm", accuracy=right(30, 60), groups={"paradigm": [str(number // 2) for number in range(60)]})
    [task] = describe_tasks(RankedRun.read(directory)).tasks
    assert [figure.title for figure in task.figures] == ["accuracy on quiz"]
    assert len(task.groups[0].rows) == 30
