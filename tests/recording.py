"""A Progress that records what it receives."""

from __future__ import annotations

from lmbench.progress import Progress


class Recorded(Progress):
    """Records everything that is reported.

    Attributes:
        messages: The (message, share) pairs, in order.
        notices: The lines announced.
        downloads: The (url, done, total) of each report of a download.
    """

    def __init__(self) -> None:
        self.messages: list[tuple[str, float]] = []
        self.notices: list[str] = []
        self.downloads: list[tuple[str, int, int | None]] = []

    def __call__(self, message: str, share: float) -> None:
        self.messages.append((message, share))

    def notice(self, line: str) -> None:
        self.notices.append(line)

    def received(self, url: str, done: int, total: int | None) -> None:
        self.downloads.append((url, done, total))
