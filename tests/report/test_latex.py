"""table.tex: LaTeX that compiles, whatever the names are."""

import re

import numpy as np
import pytest

from lmbench.report.latex import escape, format_latex
from lmbench.report.ranked_run import RankedRun
from tests.report.cells import broken_cell, cell, store_bits, text
from tests.storing import new_directory, store

NOISE = np.random.default_rng(0).normal(0, 0.1, 30)
HOSTILE = r"a_b%c\input{/etc/passwd}$x^2$&#~<|>`--x}" + "\n\x1b"


def new_run(path, name="c"):
    return new_directory(path, (text(name),))


def latex_of(directory):
    return format_latex(RankedRun.read(directory))


def body_of(text):
    return [line for line in text.splitlines() if not line.startswith("%")]


@pytest.fixture
def directory(tmp_path):
    made = new_run(tmp_path / "run")
    store_bits(made, cell("best"), 2 + NOISE, [100] * 30)
    store_bits(made, cell("tied"), 2.0001 + NOISE, [100] * 30)
    store_bits(made, cell("other"), 3 + NOISE, [100] * 30)
    store(made, broken_cell("broken"))
    return made


def test_the_best_is_bold_and_ties_are_underlined(directory):
    rows = [line.split(" & ") for line in latex_of(directory).splitlines() if line.endswith(r"\\")]
    value = f"{2 + NOISE.mean():.3f}"
    assert [row[:3] for row in rows[1:]] == [
        ["1=", r"\textbf{best \textdaggerdbl{}}", rf"\textbf{{{value}}}"],
        ["1=", r"\underline{tied \textdaggerdbl{}}", rf"\underline{{{value}}}"],
        ["3", r"other \textdaggerdbl{}", f"{3 + NOISE.mean():.3f}"],
    ]
    assert {len(row) for row in rows} == {6}


def test_environments_and_rules_are_balanced(directory):
    text = latex_of(directory)
    opened, closed = re.findall(r"\\begin{(\w+)}", text), re.findall(r"\\end{(\w+)}", text)
    assert opened == ["table", "tabular"]
    assert closed == ["tabular", "table"]
    assert [text.count(rf"\{rule}rule") for rule in ("top", "mid", "bottom")] == [1, 1, 1]
    assert r"\begin{tabular}{@{}rlrrrr@{}}" in text
    assert r"\label{tab:c}" in text
    assert "30 documents count as 30.0 of equal size." in text
    assert r"\textdaggerdbl{} Not checked by the conformance suite: best, tied, other." in text


def test_methods_are_a_paragraph_and_references_are_comments(directory):
    text = latex_of(directory)
    [paragraph] = [line for line in text.splitlines() if line.startswith(r"\paragraph{Methods.}")]
    assert r"95 \% intervals" in paragraph
    assert "\n% Hartigan, J. A. (1969)." in text


def test_hostile_names_leave_no_commands(tmp_path):
    made = new_run(tmp_path / "run", HOSTILE)
    store_bits(made, cell(HOSTILE, corpus=HOSTILE), 2 + NOISE, [100] * 30)
    text = "\n".join(body_of(latex_of(made)))
    assert r"\input" not in text
    assert "\x1b" not in text
    assert escape(HOSTILE) in text
    assert r"\label{tab:a-b-c-input-etc-passwd-x-2-x-" in text


def test_special_characters_are_escaped():
    assert escape("a_b & 5 % #1 {x} $y") == r"a\_b \& 5 \% \#1 \{x\} \$y"
    assert escape(r"\x^2~<|>") == r"\textbackslash{}x\textasciicircum{}2\textasciitilde{}" + (
        r"\textless{}\textbar{}\textgreater{}"
    )
    assert escape("--seeds 5–6, −1 ± 2") == r"-{}-seeds 5--6, $-$1 $\pm$ 2"
    unescaped = re.sub(r"\\[a-z]+\{\}|\\[{}$&#%_]|-\{\}", "", escape(HOSTILE))
    assert set("\\{}$&#%_^~") & set(unescaped) == set()


@pytest.mark.parametrize("cells", [[], [broken_cell("m")]])
def test_corpora_without_numbers_have_no_table(tmp_path, cells):
    made = new_run(tmp_path / "run")
    for each in cells:
        store(made, each)
    assert [line for line in body_of(latex_of(made)) if line] == []
