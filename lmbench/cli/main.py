"""The command ``lmbench``: its commands, and how errors are reported."""

from __future__ import annotations

import os
import sys

import click

from lmbench.cli.check import check
from lmbench.cli.corpora import corpora
from lmbench.cli.export import export
from lmbench.cli.models import inspect, models
from lmbench.cli.options import CommandGroup
from lmbench.cli.runs import report, run
from lmbench.cli.scaffold import new_model
from lmbench.cli.text import generate, score
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
@click.option("--offline", is_flag=True, help="Never download corpora or models.")
def cli(offline: bool) -> None:
    """How many bits does each language model need to spell the same text?"""
    if offline:
        # as environment variables, these reach the processes of cells
        os.environ |= {"LMBENCH_OFFLINE": "1", "HF_HUB_OFFLINE": "1"}


for command in (run, report, models, corpora, score, generate, export, inspect, check, new_model):
    cli.add_command(command)


def main() -> None:
    """Run the command line. Errors that a user can fix are printed in one line, and the exit code is 2."""
    # libgomp reads this when torch is imported. Threads that spin while they wait slow training down to an eighth of
    # its speed if anything else runs on the machine (docs/transformer.md).
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
    except BrokenPipeError:  # the reader of `lmbench … | head` has closed the pipe
        sys.stderr.close()
        sys.exit(0)
    except MemoryError:
        _fail("this needs more memory than there is; use a smaller text or model")
    except OSError as error:
        _fail(f"{error.filename or 'output'}: {error.strerror}")


def _fail(message: str) -> None:
    click.echo(f"Error: {' '.join(message.split())}", err=True)
    sys.exit(2)
