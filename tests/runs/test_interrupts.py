import signal
import threading

import pytest

from lmbench.runs import interrupts

pytestmark = pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="this system cannot defer signals")


@pytest.fixture(autouse=True)
def interruptible():
    """Ctrl-C raises KeyboardInterrupt; a shell that runs the tests in the background may have turned this off."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt():
    """Send the signal to this thread: another test's library may have started threads that do not block it."""
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)


def test_an_interrupt_takes_effect_when_the_context_ends():
    done = []
    with pytest.raises(KeyboardInterrupt), interrupts.deferred():  # noqa: PT012
        interrupt()
        done.append("the work")
    assert done == ["the work"]


def test_an_interrupt_takes_effect_once_it_is_allowed():
    done = []
    with pytest.raises(KeyboardInterrupt), interrupts.deferred():  # noqa: PT012
        interrupt()
        done.append("the start")
        interrupts.allow()
        done.append("the work")
    assert done == ["the start"]


def test_nested_contexts_defer_to_the_end_of_the_outer_one():
    done = []
    with pytest.raises(KeyboardInterrupt), interrupts.deferred():  # noqa: PT012
        with interrupts.deferred():
            interrupt()
        done.append("after the inner one")
    assert done == ["after the inner one"]


def test_without_signal_masks_nothing_is_deferred(monkeypatch):
    monkeypatch.delattr(signal, "pthread_sigmask")
    with pytest.raises(KeyboardInterrupt), interrupts.deferred():
        interrupt()
    interrupts.allow()


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_other_signals_stop_a_process_as_an_interrupt_does(name):
    number = getattr(signal, name)
    before = {other: signal.getsignal(other) for other in (signal.SIGTERM, signal.SIGHUP)}
    try:
        interrupts.handle()
        with pytest.raises(interrupts.Stopped) as stop:
            signal.pthread_kill(threading.get_ident(), number)
        assert signal.getsignal(number) is signal.SIG_IGN  # a second one does not disturb the cleanup
    finally:
        for other, handler in before.items():
            signal.signal(other, handler)
    stop.value.add_note("1 cell is stored")
    word = {"SIGTERM": "Terminated", "SIGHUP": "Hung up"}[name]
    assert interrupts.describe(stop.value) == (f"{word}: 1 cell is stored.", 128 + number)


def test_an_ignored_signal_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN), signal.getsignal(signal.SIGTERM)
    try:
        interrupts.handle()
        interrupts.release()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before[0])
        signal.signal(signal.SIGTERM, before[1])
