"""Templates that outlive the runs of a test, so that the next run need not import everything again.

The processes of a run are forked from templates, which import what most of the work needs and use nothing of it. In the
tests a run gets the template of an earlier one, if no other run has it at the moment. Its processes differ in nothing:
they get the folder, the path and the variables of the process that starts them.
"""

from __future__ import annotations

import os
import pickle
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

import pytest

from lmbench.runs import templates
from lmbench.runs.channel import Channel
from lmbench.runs.processes import Process
from lmbench.runs.templates import Template

_MOST = 4
_SET_LATER = ("LMBENCH_", "PYTEST_")


@contextmanager
def lend_templates() -> Iterator[None]:
    """Let all runs within the context use templates again."""
    shelf = _Shelf()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(templates, "Template", shelf.lend)
            yield
    finally:
        shelf.clear()


@contextmanager
def own_templates() -> Iterator[None]:
    """Let each run within the context have templates of its own, as outside the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(templates, "Template", Template)
        yield


@dataclass(slots=True)
class _Kept:
    """A template, and the variables that it was started with: those that a library may read as it is imported."""

    template: Template
    variables: dict[str, str]


@dataclass(slots=True)
class _Shelf:
    """The templates that no run uses, those that were used last at the end."""

    kept: list[_Kept] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def lend(self, libraries: tuple[str, ...]) -> _Lent:
        """Return a template that has imported libraries."""
        variables = {name: value for name, value in os.environ.items() if not name.startswith(_SET_LATER)}
        with self.lock:
            for kept in reversed(self.kept):
                if (kept.template.libraries, kept.variables) == (libraries, variables):
                    self.kept.remove(kept)
                    return _Lent(kept, self)
        return _Lent(_Kept(Template(libraries), variables), self)

    def take_back(self, kept: _Kept) -> None:
        """Keep a template, and end the one that was not used for the longest time if there are too many."""
        with self.lock:
            self.kept.append(kept)
            ended = self.kept[:-_MOST]
            del self.kept[:-_MOST]
        for other in ended:
            other.template.end()

    def clear(self) -> None:
        """End all templates."""
        for kept in self.kept:
            kept.template.end()
        self.kept.clear()


class _Lent:
    """A template that one run has, as Template is for it."""

    def __init__(self, kept: _Kept, shelf: _Shelf) -> None:
        self._kept, self._shelf = kept, shelf
        self._is_broken = self._has_ended = False
        self.libraries = kept.template.libraries

    @property
    def is_ready(self) -> bool:
        """Whether it has imported the libraries."""
        return self._kept.template.is_ready

    def fork(self, threads: int | None) -> Process:
        """Return a new process that waits for work."""
        try:
            process: Any = self._kept.template.fork(threads)
        except BaseException:
            self._is_broken = True
            raise
        process.pipes = replace(process.pipes, work=_Work(process.pipes.work))
        return process

    def end(self) -> None:
        """Give the template back, unless it is broken."""
        if self._has_ended:
            return
        self._has_ended = True
        if self._is_broken or not self.is_ready:
            self._kept.template.end()
        else:
            self._shelf.take_back(self._kept)


class _Work:
    """The end of a pipe for work. What is sent first gets the surroundings of this process."""

    def __init__(self, pipe: Any) -> None:
        self._pipe, self._is_first = pipe, True

    def send(self, message: object) -> None:
        """Send the work, or a reply."""
        if self._is_first:
            variables = {name: value for name, value in os.environ.items() if name.startswith(_SET_LATER)}
            message = _Elsewhere(bytes(ForkingPickler.dumps(message)), str(Path.cwd()), list(sys.path), variables)
        self._is_first = False
        self._pipe.send(message)

    def close(self) -> None:
        """Close the pipe."""
        self._pipe.close()


@dataclass(frozen=True, slots=True)
class _Elsewhere:
    """Work with the surroundings of the process that asks for it."""

    work: bytes
    folder: str
    path: list[str]
    variables: dict[str, str]

    def __call__(self, channel: Channel) -> object:
        os.chdir(self.folder)
        sys.path[:] = self.path
        for name in [name for name in os.environ if name.startswith(_SET_LATER)]:
            del os.environ[name]
        os.environ.update(self.variables)
        work: Callable[[Channel], object] = pickle.loads(self.work)
        return work(channel)
