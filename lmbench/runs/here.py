"""Do work in this process, as a worker does it in another."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self, TypeVar

from lmbench.errors import LmbenchError
from lmbench.runs.channel import Channel, Failure, as_message
from lmbench.runs.worker import UNLIMITED, Limits

Result = TypeVar("Result")


class WorkHere:
    """Does one piece of work in the calling thread, for models that no other process can import.

    Its output is shown, Ctrl-C interrupts it, and neither its memory nor its time is limited.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def report_memory(self, report: Callable[[int], None]) -> None:
        """Report nothing: the memory of this process is not that of the work."""

    def run(
        self,
        work: Callable[[Channel], Result],
        log: Path,
        receive: Callable[[object], object],
        limits: Limits = UNLIMITED,
    ) -> Result | LmbenchError | Failure:
        """Do the work, as `Worker.run` does.

        Args:
            work: A function. It gets a `Channel`, for messages while it works.
            log: A file for the traceback of an error.
            receive: Called with each message. If the work asks, it returns the reply.
            limits: Ignored.

        Returns:
            What the work returned, the LmbenchError that it raised, or another error as a `Failure`.
        """
        channel, process = _DirectChannel(receive), os.getpid()
        try:
            return work(channel)
        except (Exception, SystemExit) as error:  # noqa: BLE001  (a model may raise anything)
            if channel.error is not None:
                raise channel.error from None
            if not isinstance(error, LmbenchError):
                log.write_text(traceback.format_exc(), errors="backslashreplace")
            return as_message(error)
        finally:
            if os.getpid() != process:  # the model forked, and its child must not continue the program
                os._exit(1)


class _DirectChannel(Channel):
    """Hands each message to the function that receives it.

    Attributes:
        error: The error that this function raised, which ends the work; None if it has not raised any.
    """

    def __init__(self, receive: Callable[[object], object]) -> None:
        self._receive = receive
        self.error: Exception | None = None

    def send(self, message: object) -> None:
        self.ask(message)

    def ask(self, message: object) -> Any:
        try:
            return self._receive(message)
        except Exception as error:
            self.error = error
            raise
