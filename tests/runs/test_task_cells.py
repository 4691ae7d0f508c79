"""A cell of a task: what is stored, what a broken model leaves, and what runs again."""

import math
import shutil
from dataclasses import replace

import pytest

from lmbench import Corpus, Split
from lmbench.corpora.selection import list_parts, parse_shares
from lmbench.errors import PluginError, TaskError
from lmbench.runs import runner
from lmbench.runs.engines import LocalEngine
from lmbench.runs.events import RunProgress
from lmbench.runs.experiment import Experiment
from lmbench.runs.models import select_models, select_object
from lmbench.runs.objects import ModelObject
from lmbench.runs.store import RunDirectory
from lmbench.runs.task_cells import measure_item
from lmbench.runs.templates import Workers
from lmbench.tasks.task import Completion, Likelihood, Metric, Written
from tests.plugins import MODELS, installed
from tests.running import Recorder, run
from tests.runs.dishonest import Honest
from tests.runs.items import QUESTIONS, TEXT

CORPUS = Corpus("toy", TEXT.train, TEXT.valid, Split(("the cat sat\n",)), provenance="lines")
BROKEN = f"""{MODELS}

class NotANumber(Good):
    def conditional_logprob(self, context, continuation, whole):
        return float("nan")


class Certain(Good):
    def conditional_logprob(self, context, continuation, whole):
        return 1.0


class Late(Good):
    def conditional_logprob(self, context, continuation, whole):
        raise RuntimeError("the question is too hard")


class Pseudo(Good):
    traits = __import__("lmbench").Traits(normalized=False)
"""


@pytest.fixture
def broken(tmp_path):
    names = ("Good", "Dies", "TooLikely", "NotANumber", "Certain", "Late", "Pseudo", "Absent")
    with installed(tmp_path / "plugins", {name.lower(): f"plugin_module:{name}" for name in names}, BROKEN):
        yield


def figures(cell):
    return {figure.metric: (figure.value, figure.items) for figure in cell.figures}


def test_the_figures_are_those_of_a_model_that_prefers_short_texts(tmp_path):
    progress = Recorder()
    directory = run("uniform", [], tmp_path / "run", progress, tasks=[QUESTIONS])
    [cell] = directory.task_cells()
    assert directory.cells() == []
    assert (cell.status, cell.kind, cell.corpus, cell.audit_kind) == ("ok", "task", "questions", "none")
    assert figures(cell)["accuracy"] == (pytest.approx((1 + 0 + 0.5 + 1) / 4), 4)
    assert figures(cell)["accuracy_bytes"] == (pytest.approx((0 + 1 + 0.5 + 0) / 4), 4)  # the space is not divided by
    assert figures(cell)["exact"] == (0, 4)
    assert {"score", "write"} <= {message for message, _ in progress.messages}
    assert progress.events == [(1, 1, "uniform", "questions"), "ok"]


def test_the_items_and_the_responses_are_stored(tmp_path):
    directory = run("uniform", [], tmp_path / "run", tasks=[QUESTIONS])
    [cell] = directory.task_cells()
    items, responses = directory.items(cell), directory.responses(cell)
    assert items["id"] == ["short", "long", "tie", "中"]
    assert items["field"] == ["animals", "animals", None, None]
    assert items["accuracy"] == [1, 0, 0.5, 1]
    assert items["chosen"] == [0, 0, 0, 0]
    assert all(isinstance(text, str) for text in items["text"])
    asked = [(item, number) for item, number in zip(responses["item"], responses["request"], strict=True)]
    assert asked[:6] == [("short", number) for number in range(5)] + [("long", 0)]
    size = len(b" cat")
    assert (responses["logprob"][0], responses["events"][0]) == (pytest.approx(-size * math.log(256)), size)
    assert responses["text"][4] == items["text"][0]


def test_a_model_that_cannot_write_has_no_figures_for_written_answers(tmp_path, broken):
    directory = run("good", [], tmp_path / "run", tasks=[QUESTIONS])
    [cell] = directory.task_cells()
    assert set(figures(cell)) == {"accuracy", "accuracy_bytes", "accuracy_tokens", "accuracy_gain"}
    assert directory.items(cell)["exact"] == [None] * 4
    assert directory.items(cell)["text"] == [None] * 4


def test_a_model_that_cannot_write_fails_a_task_that_asks_for_nothing_else(tmp_path, broken):
    items = tuple(replace(item, choices=(), gold=None) for item in QUESTIONS.items)
    task = replace(QUESTIONS, items=items)
    good, uniform = run("good,uniform", [], tmp_path / "run", tasks=[task]).task_cells()
    assert good.error.startswith("none of its answers is measured: the task asks for texts, which it cannot write")
    assert set(figures(uniform)) == {"exact", "f1"}


def test_what_a_broken_model_answers_ends_its_cell_alone(tmp_path, broken):
    models = "dies,toolikely,notanumber,certain,late,pseudo,absent,uniform"
    cells = run(models, [], tmp_path / "run", tasks=[QUESTIONS], jobs=2).task_cells()
    errors = {cell.model: cell.error for cell in cells}
    assert [cell.status for cell in cells] == ["failed"] * 6 + ["unavailable", "ok"]
    assert errors["dies"].startswith("the process was killed by signal 9")
    assert "log-probability 5.54518, is above 0" in errors["toolikely"]
    assert errors["notanumber"].endswith("is nan, not a finite number of at most 0")
    assert errors["certain"].startswith("item ")
    assert errors["certain"].endswith("is 1, not a finite number of at most 0")
    assert errors["late"].startswith("RuntimeError: the question is too hard")
    assert errors["pseudo"] == "its scores are not probabilities, which a task compares; choose another model"
    assert errors["absent"] == "the weights are elsewhere"


def test_a_run_resumes_and_grows(tmp_path):
    path, progress = tmp_path / "run", Recorder()
    run("uniform", [], path, tasks=[QUESTIONS])
    run("uniform", [CORPUS], path, progress, tasks=[QUESTIONS])
    assert progress.events == [(1, 1, "uniform", "toy"), "ok"]
    shutil.rmtree(path / "tasks/uniform-on-questions")
    again = Recorder()
    run("uniform,ppm", [], path, again, tasks=[QUESTIONS])
    assert again.events == [(1, 2, "uniform", "questions"), "ok", (2, 2, "ppm", "questions"), "ok"]
    directory = RunDirectory.open(path)
    assert [(cell.model, cell.kind) for cell in directory.all_cells()] == [
        ("uniform", "task"), ("uniform", "text"), ("ppm", "task")
    ]  # fmt: skip
    assert directory.missing() == directory.missing("task") == []


def test_other_items_are_refused_under_the_same_name(tmp_path):
    run("uniform", [], tmp_path / "run", tasks=[QUESTIONS])
    other = replace(QUESTIONS, items=QUESTIONS.items[1:])
    with pytest.raises(Exception, match="its questions has other items or was read differently; choose another folder"):
        run("uniform", [], tmp_path / "run", tasks=[other])


def test_a_fit_on_the_same_text_is_shared_with_the_cell_of_a_corpus(tmp_path):
    directory = run("ppm", [CORPUS], tmp_path / "run", tasks=[QUESTIONS])
    [text], [task] = directory.cells(), directory.task_cells()
    assert (text.costs.was_stored, task.costs.was_stored) == (False, True)
    assert text.key != task.key


def test_costs_count_the_bytes_of_all_texts_that_are_scored_or_written(tmp_path):
    [cell] = run("uniform", [], tmp_path / "run", tasks=[QUESTIONS]).task_cells()
    directory = RunDirectory.open(tmp_path / "run")
    scored = {request for item in QUESTIONS.items for request in QUESTIONS.requests(item) if hasattr(request, "text")}
    written = sum(len(text.encode()) for text in directory.items(cell)["text"])
    total = written + sum(len((request.context + request.text).encode()) for request in scored)
    assert cell.costs.bytes_per_second * cell.costs.score_seconds == pytest.approx(total)


def test_each_share_of_the_training_text_has_its_cell(tmp_path):
    plan = plan_of("ppm,uniform", QUESTIONS, "50%,100%")
    assert [(cell.row.model, cell.row.train_size) for cell in plan] == [
        ("ppm", "50%"), ("uniform", "50%"), ("ppm", ""), ("uniform", "")
    ]  # fmt: skip
    assert len({cell.row.key for cell in plan}) == 4
    assert plan[0].subject.training.train.documents == TEXT.train.documents[:8]


def test_the_key_of_a_cell_depends_on_what_is_asked_and_on_the_training_text():
    [first] = plan_of("ppm", QUESTIONS)
    item = replace(QUESTIONS.items[0], choices=("cat", "a dog"))
    changed = [
        replace(QUESTIONS, items=(item, *QUESTIONS.items[1:])),
        replace(QUESTIONS, delimiter="\n"),
        replace(QUESTIONS, name="others"),
        replace(QUESTIONS, training=replace(TEXT, tokenized=True)),
    ]
    keys = {plan_of("ppm", task)[0].row.key for task in changed}
    assert len(keys | {first.row.key}) == 5
    described = replace(QUESTIONS, description="animals", note="few")
    assert plan_of("ppm", described)[0].row.key == first.row.key


def test_a_group_cannot_have_the_name_of_a_measure():
    clash = replace(QUESTIONS, items=(replace(QUESTIONS.items[0], groups=(("accuracy", "high"),)),))
    with pytest.raises(TaskError, match="questions: a group cannot be called 'accuracy', as another column is"):
        Experiment(select_models("uniform"), (), tasks=(clash,))


def test_a_task_without_a_training_text_fails_the_models_that_are_fitted(tmp_path):
    [cell] = run("ppm", [], tmp_path / "run", tasks=[replace(QUESTIONS, training=None)]).task_cells()
    assert (cell.status, cell.error) == (
        "failed", "questions has no text to fit a model on; name a corpus with train="
    )  # fmt: skip


def make_up(requests):
    """Return an answer to each request."""
    return {request: Written("cat") if isinstance(request, Completion) else Likelihood(-1.0, 1) for request in requests}


class Nonsense(type(QUESTIONS)):
    """A task that measures what a test says; an error is raised."""

    def measure(self, item, responses):
        if isinstance(self.note, Exception):
            raise self.note
        return self.note if isinstance(self.note, str) else super().measure(item, responses) | self.note


class NonsenseOfAll(type(QUESTIONS)):
    metrics = (*QUESTIONS.metrics, Metric("bleu", "as a library has it", "score", corpus="bleu"))

    def measure(self, item, responses):
        return super().measure(item, responses) | {"bleu": 0.0}

    def measure_corpus(self, metric, answers):
        return 101.0


@pytest.mark.parametrize(
    ("measured", "error"),
    [
        ({"accuracy": math.nan}, ": measure gives nan for accuracy; it must be a number from 0 to 1"),
        ({"accuracy": 3.0}, ": measure gives 3.0 for accuracy; it must be a number from 0 to 1"),
        ({"accuracy": "all"}, ": measure gives 'all' for accuracy; it must be a number from 0 to 1"),
        ({"luck": 1.0}, ": 'luck' is not one of the task's metrics"),
        ("good", ": measure returned a str; it must return the value of each metric"),
        (KeyError("gold"), " cannot be measured: KeyError: 'gold'"),
    ],
)
def test_a_task_that_measures_nonsense_fails_its_cell_and_names_the_item(measured, error):
    task = Nonsense("nonsense", QUESTIONS.items[:1], training=TEXT, note=measured)
    with pytest.raises(PluginError) as refused:
        measure_item(task, task.items[0], make_up(task.requests(task.items[0])))
    assert str(refused.value) == f"nonsense, item short{error}"


def test_a_share_of_all_texts_beyond_its_bounds_fails_the_cell(tmp_path):
    task = NonsenseOfAll("nonsense", QUESTIONS.items[:1], training=TEXT)
    [cell] = run("uniform", [], tmp_path / "run", tasks=[task]).task_cells()
    assert cell.error == "nonsense, all items gives 101.0 for bleu; it must be a number from 0 to 100"


def plan_of(models, task, shares="100%"):
    parts = list_parts(parse_shares(shares))
    return Experiment(select_models(models), (), train_parts=parts, tasks=(task,)).plan()


def test_a_model_of_the_calling_process_answers_too(tmp_path):
    """A class of a notebook runs where it is defined."""

    class Here(Honest):
        pass

    with Workers() as workers:
        experiment = Experiment(tuple(select_object(ModelObject.of(Here), "here", ())), (), False, tasks=(QUESTIONS,))
        directory = runner.run(experiment, tmp_path / "run", LocalEngine(workers), RunProgress())
    [cell] = directory.task_cells()
    assert (cell.status, cell.costs.peak_bytes) == ("ok", None)
    assert figures(cell)["accuracy"] == (pytest.approx(2.5 / 4), 4)
