"""Reports of progress that a process sends to the run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from lmbench.errors import PluginError, kind_of
from lmbench.progress import CheckedProgress, Progress
from lmbench.runs.worker import Channel


@dataclass(frozen=True, slots=True)
class _Report:
    """One call of the progress of work in a process."""

    method: Literal["__call__", "notice", "received"]
    arguments: tuple[Any, ...]


class SendingProgress(Progress):
    """The progress of work in a process: sends every report to the run."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def __call__(self, message: str, share: float) -> None:
        self._channel.send(_Report("__call__", (message, share)))

    def notice(self, line: str) -> None:
        self._channel.send(_Report("notice", (line,)))

    def received(self, url: str, done: int, total: int | None) -> None:
        self._channel.send(_Report("received", (url, done, total)))


def repeat_report(progress: Progress, message: object) -> None:
    """Repeat a report that a process sent, as a call of `progress`.

    Raises:
        PluginError: The process sent anything else.
    """
    checked = CheckedProgress(progress)
    match message:
        case _Report("__call__", (text, share)):
            checked(text, share)
        case _Report("notice", (line,)):
            checked.notice(line)
        case _Report("received", (url, done, total)):
            checked.received(url, done, total)
        case _:
            raise PluginError(f"the process sent {kind_of(message)} instead of a report")
