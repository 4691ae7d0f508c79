import pytest

from tests.cli.commands import assert_refused


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rum"], "unknown command 'rum'; did you mean 'run'?"),
        (["corpora", "shw"], "unknown command 'shw'; did you mean 'show'?"),
    ],
)
def test_an_unknown_command_is_refused_with_the_nearest_one(tmp_path, arguments, message):
    assert_refused(arguments, message, tmp_path)
