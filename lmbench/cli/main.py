"""The command line: the group of all commands, and what becomes of errors."""

from __future__ import annotations

import os
import sys

import click

from lmbench.cli.checking import check, new_model
from lmbench.cli.corpora import corpora
from lmbench.cli.export import export
from lmbench.cli.models import models
from lmbench.cli.options import CommandGroup
from lmbench.cli.runs import report, run
from lmbench.cli.text import generate, inspect, score
from lmbench.distribution import NAME
from lmbench.errors import LmbenchError


@click.group(
    cls=CommandGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
Examples:
  lmbench run --models all
  lmbench run --models kenlm:order=3,hmm:states=64 --corpora my/text.txt
  lmbench models kenlm""",
)
@click.version_option(package_name=NAME, prog_name="lmbench")
@click.option("--offline", is_flag=True, help="Download nothing: neither corpora nor models.")
def cli(offline: bool) -> None:
    """How many bits does each language model need to spell the same text?"""
    if offline:
        os.environ |= {"LMBENCH_OFFLINE": "1", "HF_HUB_OFFLINE": "1"}  # for the processes of cells, too


for command in (run, report, models, corpora, score, generate, export, inspect, check, new_model):
    cli.add_command(command)


def main() -> None:
    """Run the command line; a user's mistake is one line and exit code 2."""
    # read by libgomp when torch is imported: threads that spin while they wait train at an eighth of the speed beside
    # other work (docs/transformer.md)
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        cli.main(prog_name="lmbench", standalone_mode=False)
    except click.exceptions.Exit as exit_:
        sys.exit(exit_.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
    except click.ClickException as error:
        _fail(error.format_message())
    except LmbenchError as error:
        _fail(str(error))
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        sys.exit(130)
    except BrokenPipeError:  # `lmbench … | head` has read enough
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        _fail(f"{error.filename or 'output'}: {error.strerror}")


def _fail(message: str) -> None:
    click.echo(f"Error: {' '.join(message.split())}", err=True)
    sys.exit(2)
