"""The documentation's examples run, and its links, commands and lines are in order."""

import re
import shlex
from pathlib import Path

import click
import pytest

from lmbench import check_task, load_corpus
from lmbench.checks import check_model
from lmbench.runs.models import select_models
from lmbench.runs.study_file import read_study
from lmbench.tasks.files import KINDS
from lmbench.tasks.loading import TASKS

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]

WRITTEN_PAGES = [*PAGES, *(page for page in sorted((ROOT / "results").glob("*/*.md")) if page.name != "table.md")]
"""All pages except those that `lmbench run` writes, whose rows and signatures may have any length."""


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text(), flags=re.DOTALL)


def test_the_scoring_example_runs(capsys):
    score, evaluation, continuation = blocks("docs/scoring.md", "python")
    exec(score, {})
    assert capsys.readouterr().out.splitlines()[0] == "[1 2 3 4]"
    exec(evaluation, {})
    assert 2 < float(capsys.readouterr().out.splitlines()[0]) < 3
    exec(continuation, {})
    assert capsys.readouterr().out == "True\n"


def test_the_statistics_examples_run(capsys):
    fables, by_hand, shares = blocks("docs/statistics.md", "python")
    exec(fables, {})
    difference, wins = capsys.readouterr().out.splitlines()
    assert "value=-0.088" in difference
    assert "low=-0.099" in difference
    assert wins == "24 0"
    exec(by_hand, {})
    assert capsys.readouterr().out == "[0.25] [0.005] [0.04333333]\n"
    exec(shares, {})
    share, p = capsys.readouterr().out.splitlines()
    assert "value=0.791" in share
    assert "low=0.578" in share
    assert "high=0.928" in share
    assert p.startswith("0.065")


def test_the_generation_example_runs(capsys):
    [code] = blocks("docs/generation.md", "python")
    exec(code, {})
    assert capsys.readouterr().out.startswith("The fox")


def test_the_surprisal_example_runs(capsys):
    [code], [printed] = blocks("docs/surprisal.md", "python"), blocks("docs/surprisal.md", "text")
    exec(code, {})
    assert capsys.readouterr().out == printed


def test_the_checks_example_runs():
    [code] = blocks("docs/checks.md", "python")
    namespace = {}
    exec(code, namespace)
    [mark] = namespace["test_contract"].pytestmark
    for parameter in mark.args[1][:3]:
        namespace["test_contract"](*parameter.values)


def test_the_perplexities_of_one_model_are_those_of_the_faq(capsys):
    [code] = blocks("docs/faq.md", "python")
    exec(code, {})
    printed = [f"{float(number):.1f}" for number in capsys.readouterr().out.split()]
    page = (ROOT / "docs/faq.md").read_text()
    assert printed == [cell for cell in re.findall(r"\| ([\d.]+) \|$", page, flags=re.MULTILINE) if cell != "2.535"]


def test_the_examples_of_the_first_steps_and_of_a_paper_run(tmp_path, monkeypatch, capsys):
    [tutorial], [paper] = blocks("docs/tutorial.md", "python"), blocks("docs/howto/paper.md", "python")
    monkeypatch.chdir(tmp_path)
    namespace = {}
    exec(tutorial, namespace)
    namespace["results"].save("results/paper")
    capsys.readouterr()
    exec(paper, {})
    assert "kenlm & 2.463 & 2." in capsys.readouterr().out


def test_the_readmes_example_runs(capsys):
    [code] = blocks("README.md", "python")
    exec(code, {})
    assert 2 < float(capsys.readouterr().out) < 3


def test_the_simplest_model_is_short_and_keeps_the_contract():
    code, _, _ = blocks("docs/plugins.md", "python")
    lines = [line for line in code.splitlines() if line.strip() and '"""' not in line]
    assert len(lines) <= 16
    namespace = {}
    exec(code, namespace)
    outcomes = check_model(namespace["ByteFrequencies"])
    assert [outcome.check for outcome in outcomes if outcome.status == "fail"] == []
    assert "sums" in [outcome.check for outcome in outcomes if outcome.status == "pass"]


def test_the_tutorials_model_keeps_the_contract_and_can_be_saved():
    _, code, _ = blocks("docs/plugins.md", "python")
    namespace = {}
    exec(code, namespace)
    outcomes = {outcome.check: outcome.status for outcome in check_model(namespace["ByteCacheModel"])}
    assert "fail" not in outcomes.values()
    assert outcomes["save"] == "pass"


def test_the_tutorials_task_keeps_the_contract():
    _, _, code = blocks("docs/plugins.md", "python")
    namespace = {}
    exec(code, namespace)
    task = namespace["load"]()
    check_task(task)
    assert all(eval(item.context.removesuffix(" =")) == int(item.choices[item.gold]) for item in task.items)


def test_the_examples_of_tasks_run(tmp_path, monkeypatch, capsys):
    fables, capitals = blocks("docs/tasks.md", "python")
    exec(fables, {})
    assert len(capsys.readouterr().out.splitlines()) == 5
    monkeypatch.chdir(tmp_path)
    [task], [printed] = blocks("docs/tasks.md", "toml"), blocks("docs/tasks.md", "text")
    (tmp_path / "capitals.toml").write_text(task)
    exec(capitals, {})
    assert capsys.readouterr().out == printed


def test_the_page_of_tasks_lists_all_of_them_and_their_measures():
    page = (ROOT / "docs/tasks.md").read_text()
    for name, task in TASKS.items():
        assert f"`{name}`" in page
        assert task.kind in KINDS
    for kind in KINDS.values():
        assert [metric.name for metric in kind.metrics if f"`{metric.name}`" not in page] == []


def test_the_studies_of_the_manual_name_models_and_corpora(tmp_path):
    found = []
    for block in blocks("docs/running.md", "toml"):
        file = tmp_path / "study.toml"
        file.write_text(block)
        study, _ = read_study(file, {})
        for table in study.experiments:
            models = select_models(",".join(table.models), table.all_seeds)
            found.append((len(models), len(list(map(load_corpus, table.corpora))), len(table.train_parts), table.audit))
    assert found == [(4 + 2 + 3, 2, 2, "full"), (4, 2, 1, "none"), (2, 1, 1, "none")]


@pytest.mark.parametrize("page", WRITTEN_PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_line_written_by_hand_is_longer_than_120_characters(page):
    assert [line for line in page.read_text().splitlines() if len(line) > 120] == []


def test_every_command_line_parses():
    """Each documented `lmbench …` line names a command, and options, that exist."""
    from lmbench.cli.commands import cli

    lines = [
        line
        for page in PAGES
        for line in re.findall(r"^(?:\$ |.*&& \.venv/bin/)lmbench (.*)$", page.read_text(), flags=re.MULTILINE)
    ]
    assert lines
    for line in lines:
        name, *arguments = shlex.split(line, comments=True)
        command = cli.commands[name]
        if isinstance(command, click.Group) and arguments:
            command = command.commands[arguments.pop(0)]
        known = {option for parameter in command.params for option in parameter.opts}
        assert {argument for argument in arguments if argument.startswith("--")} <= known


def anchors(page):
    """Return the fragments by which GitHub links to the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", WRITTEN_PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)]+)\)", page.read_text()):
        target, _, fragment = link.partition("#")
        if not target.startswith("http"):
            linked = page.parent / target if target else page
            assert linked.exists(), link
            assert not fragment or fragment in anchors(linked), link
