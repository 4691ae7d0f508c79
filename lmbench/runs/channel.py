"""The messages between a process that works and the run's process, which does not trust them."""

from __future__ import annotations

import io
import pickle
import sys
import threading
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Generic, TypeVar

from lmbench.errors import LmbenchError, PluginError, UnavailableError, describe, message_of

Value = TypeVar("Value")

_LONGEST_MESSAGE = 1 << 30  # bytes
_NUMPY = ("ndarray", "dtype", "_reconstruct", "_frombuffer", "scalar")  # what a pickled array names


class Channel:
    """Connects the work in a process with the process that waits for it."""

    def __init__(self, replies: Connection, messages: Connection) -> None:
        self._replies, self._messages = replies, messages
        self._sending, self._asking = threading.Lock(), threading.Lock()  # a model may report from several threads

    def send(self, message: object) -> None:
        """Send a message."""
        with self._sending:
            self._messages.send(message)

    def ask(self, message: object) -> Any:
        """Send a message, and return the reply."""
        with self._asking:
            self.send(Question(message))
            return self._replies.recv()


class Question:
    """A message that waits for a reply."""

    def __init__(self, message: object) -> None:
        self.message = message


class Returned(Generic[Value]):
    """The last message of a process that succeeds: what its work returned."""

    def __init__(self, value: Value) -> None:
        self.value = value


@dataclass(frozen=True, slots=True)
class Failure:
    """How a process ended without a result or an LmbenchError, in one line: what its work raised, or its exit code."""

    text: str


def as_message(error: BaseException) -> LmbenchError | Failure:
    """Return an error in a form that can be pickled: a subclass may have a constructor of its own."""
    for kind in (UnavailableError, PluginError, LmbenchError):
        if isinstance(error, kind):
            return kind(message_of(error))
    return Failure(describe(error))


def receive(messages: Connection) -> object:
    """Return the next message. A plugin in the process may send anything.

    Raises:
        EOFError: There are no more messages.
    """
    try:
        return _Unpickler(io.BytesIO(messages.recv_bytes(_LONGEST_MESSAGE))).load()
    except EOFError:
        raise
    except Exception:  # noqa: BLE001  (bytes that are not a pickle can raise anything)
        return Failure("the process sent a message that cannot be read")


class _Unpickler(pickle.Unpickler):
    """Reads messages: plain values, arrays and classes of lmbench. Other names would run other code here."""

    def find_class(self, module: str, name: str) -> Any:
        found = super().find_class(module, name) if module.startswith(("lmbench.", "numpy")) else None
        is_own = isinstance(found, type) and module in sys.modules and module.startswith("lmbench.")
        if is_own or (module.startswith("numpy") and name in _NUMPY):
            return found
        raise pickle.UnpicklingError(f"{module}.{name}")
