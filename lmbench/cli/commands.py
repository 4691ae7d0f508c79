"""The command ``lmbench``: its commands, and how errors are reported."""

from __future__ import annotations

import io
import os
import sys

import click

from lmbench.about import DISTRIBUTION_NAME
from lmbench.cli.analyze import analyze
from lmbench.cli.cache import cache
from lmbench.cli.check import check
from lmbench.cli.compare import compare
from lmbench.cli.corpora import corpora
from lmbench.cli.export import export
from lmbench.cli.inspect import inspect
from lmbench.cli.merge import merge
from lmbench.cli.models import models
from lmbench.cli.options import CommandGroup
from lmbench.cli.output import echo, echo_text
from lmbench.cli.runs import report, run
from lmbench.cli.scaffold import new_model
from lmbench.cli.score import score
from lmbench.cli.surprisal import surprisal
from lmbench.cli.task_scaffold import new_task
from lmbench.cli.tasks import tasks
from lmbench.cli.text import generate
from lmbench.cli.verify import verify
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
@click.version_option(package_name=DISTRIBUTION_NAME, prog_name="lmbench")
@click.option("--offline", is_flag=True, help="Never download corpora or models.")
def cli(offline: bool) -> None:
    """How many bits does each language model need to spell the same text?"""
    if offline:
        # as environment variables, these reach the processes of cells
        os.environ |= {"LMBENCH_OFFLINE": "1", "HF_HUB_OFFLINE": "1"}


for command in (
    run,
    report,
    analyze,
    compare,
    merge,
    verify,
    models,
    corpora,
    tasks,
    score,
    surprisal,
    generate,
    export,
    inspect,
    check,
    cache,
    new_model,
    new_task,
):
    cli.add_command(command)


def execute() -> int:
    """Run the command line and return its exit code. Errors that a user can fix are printed in one line.

    Raises:
        KeyboardInterrupt: A signal stops the command.
    """
    # libgomp reads this when torch is imported. Threads that spin while they wait slow training down to an eighth of
    # its speed if anything else runs on the machine (docs/transformer.md).
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # not every terminal can show every letter
    try:
        cli.main(prog_name="lmbench", standalone_mode=False)
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        echo_text(error.format_message())
    except click.Abort as abort:
        raise abort.__cause__ or KeyboardInterrupt from None
    except click.ClickException as error:
        return _fail(" ".join(error.format_message().split()))
    except LmbenchError as error:
        return _fail(str(error))
    except BrokenPipeError:  # the reader of `lmbench … | head` has closed the pipe
        sys.stderr.close()
    except MemoryError:
        return _fail("this needs more memory than there is; use a smaller text or model")
    except OSError as error:
        return _fail(f"{error.filename or 'output'}: {error.strerror}")
    return 0


def _fail(message: str) -> int:
    echo(f"Error: {message}", err=True)
    return 2
