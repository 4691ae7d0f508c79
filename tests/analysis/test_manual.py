"""The example of the manual runs."""

from tests.test_docs import blocks


def test_the_analysis_example_runs(capsys):
    [code], [printed] = blocks("docs/analyses.md", "python"), blocks("docs/analyses.md", "text")
    exec(code, {})
    assert capsys.readouterr().out == printed
