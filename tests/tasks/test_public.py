"""The public tasks, against the definitions that lm_eval carries, on the files of LMBENCH_MIRROR."""

import json
import os
from functools import cache
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

import jinja2
import pytest
import yaml

from lmbench.corpora.catalog import find_entry
from lmbench.corpora.fetching import find_file
from lmbench.progress import SILENT
from lmbench.tasks.cloze import Cloze
from lmbench.tasks.public import cut_last_word, load_arc_easy, load_blimp, load_copa, load_lambada

TASKS = Path(find_spec("lm_eval").submodule_search_locations[0]) / "tasks"
DELIMITER = " "  # lm_eval's default of target_delimiter, which none of these definitions changes


def render(definition, field, **record):
    """Return what a definition of lm_eval makes of a record."""
    return read_template(definition, field).render(**record)


@cache
def read_template(definition, field):
    task = yaml.safe_load((TASKS / definition).read_text())
    assert "target_delimiter" not in task
    return jinja2.Environment(keep_trailing_newline=True).from_string(task[field])


def records(name):
    files = [file for file in find_entry("multiple-choice").files if name in file.path]
    path = find_file(files[0])
    if path is None:
        pytest.skip("the file is not on this machine")
    return list(map(json.loads, path.read_text().splitlines()))


def test_arc_easy_asks_what_lm_eval_asks():
    found = records("arc_easy")
    task = load_arc_easy(SILENT)
    assert len(task.items) == len(found) == 2376
    for item, record in zip(task.items, found, strict=True):
        question = record["query"].removeprefix("Question: ")
        assert item.context == render("arc/arc_easy.yaml", "doc_to_text", question=question)
        assert [request.text for request in task.requests(item)[:4]] == [DELIMITER + c for c in record["choices"]]
        assert item.gold == record["gold"]


def test_copa_asks_what_lm_eval_asks():
    spec = spec_from_file_location("copa_utils", TASKS / "super_glue/copa/utils.py")
    utils = module_from_spec(spec)
    spec.loader.exec_module(utils)
    found = records("copa")
    task = load_copa(SILENT)
    for item, record in zip(task.items, found, strict=True):
        premise, _, connector = record["query"].rpartition(", ")
        asked = {"because": "cause", "therefore": "effect"}[connector]
        document = {"premise": f"{premise}.", "question": asked, "label": record["gold"]}
        document |= dict(zip(("choice1", "choice2"), record["choices"], strict=True))
        assert item.context == utils.doc_to_text(document)
        assert [r.text for r in task.requests(item)[:2]] == [DELIMITER + c for c in utils.doc_to_choice(document)]
        assert item.groups == (("relation", asked),)


@pytest.mark.parametrize("text", ["he said it was a mat", "one  two", "word", 'said " yes'])
def test_a_passage_is_cut_as_lm_eval_cuts_it(text):
    item = cut_last_word(text)
    [word, _] = Cloze("lambada", (item,)).requests(item)
    assert word.context == render("lambada/lambada_openai.yaml", "doc_to_text", text=text)
    assert word.text == render("lambada/lambada_openai.yaml", "doc_to_target", text=text)


def test_lambada_has_all_passages():
    if not find_file(find_entry("lambada").files[0]):
        pytest.skip("the file is not on this machine")
    assert len(load_lambada(SILENT).items) == 5153


@pytest.mark.skipif("LMBENCH_MIRROR" not in os.environ, reason="the file is not on this machine")
def test_blimp_has_the_pairs_of_each_paradigm():
    task = load_blimp("blimp-half", SILENT)
    assert len(task.items) == 34 * 1000
    item = task.items[0]
    assert item.id == "adjunct_island-0"
    assert item.groups == (("field", "syntax"), ("phenomenon", "island_effects"), ("paradigm", "adjunct_island"))
    assert item.choices[item.gold] == "Who should Derek hug after shocking Richard?"
    paradigms = {dict(item.groups)["paradigm"] for item in task.items}
    assert paradigms <= set(task.published_by.values)
    named = {field: {dict(item.groups)[field] for item in task.items} for field in ("field", "phenomenon")}
    assert named["field"] == {"morphology", "semantics", "syntax", "syntax_semantics"}
    assert len(named["phenomenon"]) == 12
