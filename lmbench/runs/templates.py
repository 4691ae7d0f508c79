"""Start worker processes for a run, and end them with it."""

from __future__ import annotations

from typing import Self

from lmbench.runs.worker import Worker


class Workers:
    """Starts the worker processes of a run, from any thread. They end with the context."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def prepare(self, libraries: tuple[str, ...] = ()) -> None:
        """Begin to import libraries in the background, so that `start` need not wait for them."""

    def start(self, libraries: tuple[str, ...] = (), threads: int | None = None, other: bool = False) -> Worker:
        """Start a process that waits for work.

        Args:
            libraries: Heavy libraries that the work imports, which the process has imported before.
            threads: How many threads the numeric libraries get at most; None: as many as they choose.
            other: Whether the process must differ from those started without this in all that Python chooses at
                random as it starts, such as the hashes of strings and so the order of sets.

        Raises:
            LmbenchError: The context has ended, or a process cannot be started.
        """
        return Worker(threads)
