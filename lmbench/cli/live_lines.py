"""Lines of a terminal that change during the work: a label, the current step, a bar, clocks and memory.

A line is as wide as the terminal. Its label and its step are shortened to fit; the bar and the clocks are not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from rich import progress as bars
from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions
from rich.measure import Measurement
from rich.table import Column
from rich.text import Text

from lmbench.printable import printable

_SPEED = re.compile(r"(?<=,) [\d.,]+ ?\S+/s$")
_SECONDS = 2.0  # the remaining time is estimated after this time
_SHORTEST = 4  # cells of a head before its tail
_NARROW = 60  # columns of the terminal


@dataclass(frozen=True, slots=True)
class Shortened:
    """Text in one line. If it does not fit, the end of its head is left out, and its tail is kept."""

    head: str
    tail: str = ""

    def __str__(self) -> str:
        return self.head + self.tail

    def fit(self, width: int) -> str:
        """Return the text in at most `width` cells of a terminal."""
        head, tail = printable(self.head), printable(self.tail)
        if cell_len(head) + cell_len(tail) <= width:
            return head + tail
        room = width - cell_len(tail)
        return _shorten(head, room) + tail if room >= _SHORTEST else _shorten(head + tail, width)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        yield Text(self.fit(options.max_width), no_wrap=True)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(1, options.max_width)


class LiveLine:
    """The content of a line.

    Attributes:
        label: The name of the work.
        step: The current step of the work.
        share: The share of the work that is done, from 0 to 1. If it falls, a new stage of the work has begun.
        memory: The bytes of memory that the work takes now, if known.
    """

    def __init__(self, label: Shortened) -> None:
        self.label = label
        self.step = Shortened("starting")
        self.share = 0.0
        self.memory: int | None = None
        self._begun = (0.0, 0.0)  # time and share at which the stage began
        self._end: float | None = None

    def begin(self, share: float, now: float) -> None:
        """Start to estimate the remaining time, with this share done before."""
        self.share, self._begun, self._end = share, (now, share), None

    def advance(self, message: str, share: float, now: float) -> None:
        """Show another step.

        Args:
            message: Describes the step. A speed at its end is never left out, as in "step 3, 20 tokens/s".
            share: The share of the work that is done.
            now: Seconds since the line appeared.
        """
        speed = _SPEED.search(message)
        cut = speed.start() if speed else len(message)
        self.step = Shortened(message[:cut], message[cut:])
        if share < self.share or share == self._begun[1]:
            self.begin(share, now)
        elif share > self.share:
            self._end = self._estimate_end(share, now)
        self.share = share

    def remaining(self, now: float) -> float | None:
        """Return how many seconds the stage still takes, if that is known."""
        return None if self._end is None or self._end <= now else self._end - now

    def _estimate_end(self, share: float, now: float) -> float | None:
        start, done = self._begun
        return now + (now - start) * (1 - share) / (share - done) if now - start >= _SECONDS else None


def columns(width: int) -> tuple[bars.ProgressColumn, ...]:
    """Return the columns of lines for a terminal of this width."""
    bar = bars.BarColumn(bar_width=6 if width < _NARROW else 10)
    if width < _NARROW:
        return _LabelColumn(), _StepColumn(), bar, _ElapsedColumn()
    return _LabelColumn(), _StepColumn(), bar, _ElapsedColumn(), _RemainingColumn(), _MemoryColumn()


def line_of(task: bars.Task) -> LiveLine:
    """Return the content of a line that was added with ``line=``."""
    line: LiveLine = task.fields["line"]
    return line


def clock(seconds: float) -> str:
    """Return a duration as ``0:07``, ``12:34`` or ``1:02:03``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def size(count: int) -> str:
    """Return a number of bytes in few letters: ``310 MiB``, ``1.2 GiB``."""
    return f"{count / 2**20:.0f} MiB" if count < 1000 * 2**20 else f"{count / 2**30:.1f} GiB"


def _shorten(text: str, width: int) -> str:
    return set_cell_size(text, max(width - 1, 0)).rstrip() + "…" if cell_len(text) > width else text


class _LabelColumn(bars.ProgressColumn):
    def __init__(self) -> None:
        super().__init__(Column(ratio=1))

    def render(self, task: bars.Task) -> Shortened:
        return line_of(task).label


class _StepColumn(bars.ProgressColumn):
    def __init__(self) -> None:
        super().__init__(Column(ratio=1))

    def render(self, task: bars.Task) -> Shortened:
        return line_of(task).step


class _ElapsedColumn(bars.ProgressColumn):
    def __init__(self) -> None:
        super().__init__(Column(justify="right", no_wrap=True, min_width=5))

    def render(self, task: bars.Task) -> Text:
        return Text(clock(task.elapsed or 0.0))


class _RemainingColumn(bars.ProgressColumn):
    def __init__(self) -> None:
        super().__init__(Column(justify="right", no_wrap=True, min_width=10))

    def render(self, task: bars.Task) -> Text:
        remaining = line_of(task).remaining(task.elapsed or 0.0)
        return Text("" if remaining is None else f"{clock(remaining)} left")


class _MemoryColumn(bars.ProgressColumn):
    def __init__(self) -> None:
        super().__init__(Column(justify="right", no_wrap=True, min_width=7))

    def render(self, task: bars.Task) -> Text:
        memory = line_of(task).memory
        return Text("" if memory is None else size(memory))
