import json

import pytest

from tests.cli.commands import assert_refused, lmbench


def test_check_prints_its_results():
    result = lmbench("check", "kenlm:order=2")
    assert result.returncode == 0
    assert "kenlm:order=2 is verified." in result.stdout
    assert "windows         n/a" in result.stdout
    failing = lmbench("check", "nltk:smoothing=mle", "--json")
    assert failing.returncode == 1
    verification = json.loads(failing.stdout)
    assert verification["doubt"].startswith("normalization failed")
    outcomes = {outcome["check"]: outcome for outcome in verification["outcomes"]}
    assert outcomes["finite"]["status"] == "fail"
    assert "log-probability -inf" in outcomes["finite"]["detail"]


def test_a_missing_model_cannot_be_checked():
    result = lmbench("check", "hf:no/such/folder")
    assert (result.returncode, result.stderr) == (2, "Error: there is no folder 'no/such/folder'\n")


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("kenml", "unknown model 'kenml'"),
        ("kenlm:ordr=3", "unknown option of kenlm 'ordr'; did you mean 'order'?"),
        ("arpa", "arpa: option path"),
    ],
)
def test_mistakes_are_refused_in_one_line(tmp_path, model, message):
    assert_refused(["check", model], message, tmp_path)
