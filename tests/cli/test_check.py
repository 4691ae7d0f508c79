import hashlib
import json
import os
import re

import pytest

from lmbench.checks import SUITE_VERSION, Outcome
from lmbench.cli.check import check
from lmbench.errors import LmbenchError
from tests.checks.test_quick import QUICK
from tests.cli.commands import assert_refused, lmbench
from tests.plugins import installed


def test_check_prints_its_results():
    result = lmbench("check", "uniform")
    assert result.returncode == 0
    assert "uniform is verified." in result.stdout
    assert re.search(r"windows +n/a", result.stdout)


def test_check_writes_a_page_to_publish(tmp_path):
    page = tmp_path / "page.md"
    result = lmbench("check", "kenlm:order=2", "--seed", 5, "--report", page)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.endswith(f"kenlm:order=2 is verified.\nWritten: {page}\n")
    text = page.read_text()
    assert "**Verified**" in text
    assert "`lmbench check kenlm:order=2 --seed 5`" in text
    above, _, last = text.rstrip("\n").rpartition("\n")
    assert last.endswith(hashlib.sha256(f"{above}\n".encode()).hexdigest())
    failing = lmbench("check", "nltk:smoothing=mle", "--json", "--report", page)
    assert failing.returncode == 1
    assert failing.stderr.endswith(f"Written: {page}\n")
    report = json.loads(failing.stdout)
    assert report["doubt"].startswith("normalization failed")
    assert "own_outcomes" not in report
    outcomes = {outcome["check"]: outcome for outcome in report["outcomes"]}
    assert outcomes["finite"]["status"] == "fail"
    assert "log-probability -inf" in outcomes["finite"]["detail"]
    assert (report["seed"], report["suite"], report["package"]["name"]) == (0, SUITE_VERSION, "lmbench-suite")
    assert report["options"]["smoothing"] == "mle"
    assert "**Unverified**: normalization failed" in page.read_text()


def test_check_names_the_options_that_it_changes(tmp_path):
    with installed(tmp_path, {"slow": "plugin_module:Slow"}, QUICK):
        pass
    result = lmbench("check", "slow:steps=7", env=os.environ | {"PYTHONPATH": str(tmp_path)})
    assert "Checked with wide=false instead of wide=true.\n" in result.stdout


def test_check_says_that_a_model_is_trained_elsewhere(monkeypatch, capsys):
    """The suite's results are made up."""
    outcomes = tuple(
        Outcome(check=check, status=status, detail="English costs less", seconds=0)
        for check, status in (("normalization", "pass"), ("prior", "fail"))
    )
    monkeypatch.setattr("lmbench.checks.check_spec", lambda spec, progress, seed: outcomes)
    with pytest.raises(SystemExit) as stop:
        check.main(["uniform"], standalone_mode=False)
    assert stop.value.code == 1
    verdict, trained = capsys.readouterr().out.splitlines()[-2:]
    assert verdict == "uniform is verified."
    assert trained == "† uniform is trained on other text than it is fitted on: English costs less"


def test_a_place_where_no_page_can_be_written_is_refused_before_the_suite_runs(tmp_path):
    (tmp_path / "folder").mkdir()
    for path, message in (("folder", "it is a folder; name a file"), ("no/page.md", "does not exist")):
        result = lmbench("check", "kenlm", "--report", path, cwd=tmp_path)
        assert (result.returncode, result.stdout) == (2, "")
        assert result.stderr.startswith(f"Error: cannot write {path}: ")
        assert result.stderr.endswith(f"{message}\n")
        assert result.stderr.count("\n") == 1


def test_a_missing_model_cannot_be_checked():
    with pytest.raises(LmbenchError, match=r"^there is no folder 'no/such/folder'$"):
        check.main(["hf:no/such/folder"], standalone_mode=False)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("kenml", "unknown model 'kenml'"),
        ("kenlm:ordr=3", "unknown option of kenlm 'ordr'; did you mean 'order'?"),
        ("arpa", "arpa needs path=: ARPA file"),
    ],
)
def test_mistakes_are_refused_in_one_line(tmp_path, model, message):
    assert_refused(["check", model], message, tmp_path)
