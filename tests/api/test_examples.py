"""The examples of docs/python.md run, one after the other."""

import re
from pathlib import Path

import lmbench

PAGE = Path(__file__).parents[2] / "docs" / "python.md"


def test_the_examples_run(capsys):
    run, corpora, model = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    namespace = {}
    exec(run, namespace)
    assert re.search(r"kenlm:order=3 +2\.46\d +2\.3\d+ +2\.5\d+", capsys.readouterr().out)
    exec(corpora, namespace)
    assert "train=Split(80 documents" in capsys.readouterr().out
    exec(model, namespace)
    assert capsys.readouterr().out == "better\n"


def test_every_column_is_on_the_page():
    results = lmbench.run("uniform", "markov:lines=300", check=False, progress=False)
    machine = {"cpus", "gpu", "platform", "python", "revision", "threads", "load"}
    named = set(re.findall(r"`(\w+)`", PAGE.read_text())) | machine
    for table in (results.to_pandas(), results.documents(), results.events(), results.words()):
        assert {name for name in table if not name.startswith(("kenlm_", "srilm_", "audit_"))} <= named
