"""The entry point of the command line.

It imports next to nothing before signals are handled, so that Ctrl-C never prints a traceback.
"""

from __future__ import annotations

import sys
from contextlib import suppress

from lmbench.runs import interrupts


def main() -> None:
    """Run the command line and exit: with 2 after an error that a user can fix, or as a signal asks."""
    try:
        with interrupts.deferred():
            interrupts.handle()
            from lmbench.cli.commands import execute
        code = execute()
    except KeyboardInterrupt as stop:
        interrupts.release()
        from lmbench.printable import printable

        line, code = interrupts.describe(stop)
        with suppress(OSError):  # the terminal may be closed
            sys.stderr.write(f"{printable(line)}\n")
    interrupts.release()
    sys.exit(code)
