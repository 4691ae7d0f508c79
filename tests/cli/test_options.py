import click
import pytest
from click.testing import CliRunner

from lmbench.cli.options import corpus_options, margin_option, text_options
from lmbench.corpora.options import CorpusOptions
from lmbench.statistics import MARGIN
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


def parse(decorator, *arguments):
    """Return the options of a corpus that a command gets."""
    received = []

    @click.command()
    @decorator
    def command(defaults):
        received.append(defaults)

    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0, result.output
    return received[0]


@pytest.mark.parametrize("decorator", [text_options, corpus_options])
def test_options_of_texts_arrive_as_one_value(decorator):
    assert parse(decorator) == CorpusOptions()
    arguments = ("--documents", "block", "--format", "jsonl", "--encoding", "big5", "--field", "body", "--no-strip")
    assert parse(decorator, *arguments) == CorpusOptions(
        documents="block", format="jsonl", encoding="big5", field="body", strip=False
    )


def test_a_run_selects_documents():
    assert parse(corpus_options, "--split", "all", "--limit", "3") == CorpusOptions(split="all", limit=3)


@pytest.mark.parametrize(("arguments", "margin"), [([], MARGIN), (["--margin", "0"], 0), (["--margin", "0.5"], 0.5)])
def test_the_margin_is_that_of_statistics_unless_another_is_given(arguments, margin):
    received = []
    result = CliRunner().invoke(click.command()(margin_option(lambda margin: received.append(margin))), arguments)
    assert (result.exit_code, received) == (0, [margin])


@pytest.mark.parametrize("value", ["-0.1", "nan", "inf", "x"])
def test_margins_are_numbers_from_0_up(value):
    result = CliRunner().invoke(click.command()(margin_option(lambda margin: None)), ["--margin", value])
    assert result.exit_code == 2
    assert "--margin" in result.output
