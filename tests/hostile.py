"""Hostile models: each does one thing that a plugin must not do, and must cost no more than its own cell.

A model that is no more than a wrong return value is made by `returns`; the others are classes.
"""

import builtins
import gc
import os
import signal
import sys
import threading
import time
import traceback
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace

import numpy as np

import lmbench.score
from lmbench import SILENT, Exhibit, Footprint, LanguageModel, ModelOptions, Score, Signature, metrics
from lmbench.errors import LmbenchError
from lmbench.score import join_groups

EXHIBIT = Exhibit(title="a", shows="b", kind="table", columns=("c",), rows=((1,),))


class Good(LanguageModel):
    """All bytes are equally likely."""

    def fit(self, data, progress=SILENT):
        progress("counting", 0.5)

    def score(self, documents):
        return [self.change(plain_score(document)) for document in documents]

    def change(self, score):
        """Return the score of a document; hostile models change it."""
        return score

    def signature(self):
        return Signature.of(own="yes")


def plain_score(document):
    size = len(document.encode())
    return Score(np.arange(1, size + 1), np.full(size, -np.log(256)), np.zeros(size))


HOSTILE = {}
"""The class and the error of each hostile model, by its name."""

WRONG_VALUES = []
"""The names of those that are no more than a wrong return value."""


def costs(error):
    """Register a hostile model, whose cell must have an error that matches this pattern."""

    def register(model):
        HOSTILE[model.__name__] = model, error
        return model

    return register


def returns(name, error, **methods):
    """Register a model some of whose methods return other values."""
    bodies = {method: (lambda *_, value=value: value) for method, value in methods.items()}
    globals()[name] = costs(error)(type(name, (Good,), {"__module__": __name__, **bodies}))
    WRONG_VALUES.append(name)


def changes(name, error, change):
    """Register a model that returns other scores."""
    globals()[name] = costs(error)(
        type(name, (Good,), {"__module__": __name__, "change": lambda self, score: change(score)})
    )
    WRONG_VALUES.append(name)


class Lazy:
    """An object whose attributes all raise."""

    def __getattribute__(self, name):
        raise RuntimeError("too lazy")


class LazyScore(Score):
    """A score whose log-probabilities are other ones each time."""

    logprobs = property(lambda self: np.zeros(len(self.ends)), lambda self, value: None)


class Array(np.ndarray):
    """An array that is not one."""


class Unpicklable(Signature):
    """A signature that cannot be pickled."""

    def __reduce__(self):
        raise TypeError("not for sale")


class EndsReaderError(Exception):
    """An error that ends the process that reads it."""

    def __reduce__(self):
        return os._exit, (0,)


# Wrong values of `score`.
returns("NoScores", "0 scores for 2 documents", score=[])
returns("NoneForScores", "score returned None; it must return a list of Score", score=None)
returns("DictOfScores", "score returned a dict; it must return a list of Score", score={})
returns("GeneratorOfScores", "score returned a generator; it must return a list", score=(i for i in ()))
changes("WithoutEnds", "document 0: score returned a SimpleNamespace instead of a Score", lambda _: SimpleNamespace())
changes("LazyScores", "document 0: score returned a Lazy instead of a Score", lambda _: Lazy())
changes(
    "SubclassOfScore",
    "score returned a LazyScore instead of a Score, of which it is a subclass",
    lambda s: LazyScore(s.ends, s.logprobs, s.spelling),
)
changes("LazyArrays", "document 0: ends is a Lazy", lambda score: Score(Lazy(), score.logprobs, score.spelling))
changes(
    "Complex", "document 0: logprobs has the dtype complex128", lambda s: Score(s.ends, s.logprobs + 1j, s.spelling)
)
changes("Objects", "logprobs has the dtype object", lambda s: Score(s.ends, s.logprobs.astype(object), s.spelling))
changes("Strings", "logprobs has the dtype <U32", lambda s: Score(s.ends, s.logprobs.astype(str), s.spelling))
changes(
    "FractionalEnds", "event 0 ends at byte 1.5, which is not", lambda s: Score(s.ends + 0.5, s.logprobs, s.spelling)
)
changes("Masked", "logprobs is a MaskedArray", lambda s: Score(s.ends, np.ma.array(s.logprobs, mask=True), s.spelling))
changes("Subclass", "logprobs is an Array", lambda s: Score(s.ends, s.logprobs.view(Array), s.spelling))
changes("Matrix", r"ends has the shape \(1, \d\)", lambda s: Score(s.ends[None], s.logprobs[None], s.spelling[None]))
changes("Scalars", r"ends has the shape \(\)", lambda s: Score(np.array(4), np.array(-1.0), np.array(0.0)))
changes("Crooked", r"ends \(4,\), logprobs \(3,\) and spelling", lambda s: Score(s.ends, s.logprobs[1:], s.spelling))
changes("Bottomless", "add up to -inf, which is not finite", lambda s: Score(s.ends, s.logprobs * 1e307, s.spelling))
changes(
    "Impossible",
    "event 0 .*log-probability -inf, is not finite",
    lambda s: Score(s.ends, s.logprobs - np.inf, s.spelling),
)

# Wrong values of other methods.
returns("SignatureOfText", "signature returned a str; it must return a Signature", signature="own:yes")
returns("SignatureOfNumbers", "a part of the signature is a tuple; it must be", signature=Signature((("a", 1),)))
returns("SignatureOfLists", "the parts of the signature are a list", signature=Signature([["a", "b"]]))
returns("FootprintOfTexts", "parameters of the footprint is a str", footprint=Footprint("many", None))
returns("NegativeFootprint", "disk_bytes of the footprint is -1; it must be at least 0", footprint=Footprint(1, -1))
returns("FootprintOfNothing", "footprint returned a dict", footprint={"parameters": 1})
returns("RemarksOfText", "remarks returned a str; it must return a tuple of str", remarks="slow")
returns("RemarksOfNumbers", "remarks returned a tuple with an int; it must hold str alone", remarks=(1,))
returns("LongRemark", "a remark has 61 characters; it must have 1 to 60", remarks=("a" * 61,))
returns("EmptyRemark", "a remark has 0 characters; it must have 1 to 60", remarks=("",))
returns("ExhibitsOfText", "exhibits returned a str; it must return a tuple of Exhibit", exhibits="a table")
returns("ExhibitsOfDicts", "exhibits returned a tuple with a dict", exhibits=({"title": "a"},))
returns(
    "UnvalidatedExhibit",
    "exhibits returned an Exhibit that is not valid",
    exhibits=(Exhibit.model_construct(**dict(EXHIBIT) | {"rows": ((print,),)}),),
)


@costs("ZeroDivisionError: division by zero")
class RaisingExhibits(Good):
    def exhibits(self):
        return 1 / 0


@costs("progress received an object as a message; it must be a str")
class ReportsAnObject(Good):
    def fit(self, data, progress=SILENT):
        progress(object(), 0.5)


@costs("progress received a str as the share that is done; it must be a number")
class ReportsAText(Good):
    def fit(self, data, progress=SILENT):
        progress("counting", "a")


@costs("progress received the share nan; it must be from 0 to 1")
class ReportsNan(Good):
    def fit(self, data, progress=SILENT):
        progress("counting", float("nan"))


@costs("progress received the share 50; it must be from 0 to 1")
class ReportsPercent(Good):
    def fit(self, data, progress=SILENT):
        progress("counting", 50)


@costs("progress received None as a number of bytes; it must be an int")
class ReportsNoBytes(Good):
    def fit(self, data, progress=SILENT):
        progress.received("https://example.org", None, 1)


@costs("model 'traitsofadict' of lmbench-hostile 1.2 has traits that are a dict")
class TraitsOfADict(Good):
    traits = {"weights": "fitted"}  # noqa: RUF012


@costs("traits is a dict; it must be a Traits")
class LateTraits(Good):
    def fit(self, data, progress=SILENT):
        self.traits = {}


@costs("RuntimeError: no traits today")
class LazyTraits(Good):
    @property
    def traits(self):
        raise RuntimeError("no traits today")


# How the process ends.
@costs("model 'exitswhenbuilt' cannot be built: SystemExit: needs a license")
class ExitsWhenBuilt(Good):
    def __init__(self, options):
        sys.exit("needs a license")


@costs("model 'vanisheswhenbuilt' cannot be built: the process ended too early, with exit code 0")
class VanishesWhenBuilt(Good):
    def __init__(self, options):
        os._exit(0)


@costs("model 'diveswhenbuilt' cannot be built: RecursionError: maximum recursion depth exceeded")
class DivesWhenBuilt(Good):
    def __init__(self, options):
        self.__init__(options)


class WrongFiles(ModelOptions):
    """Options whose files are a number."""

    def files(self):
        return 3


@costs("model 'filesofanumber' cannot be built: TypeError: 'int' object is not iterable")
class FilesOfANumber(Good):
    Options = WrongFiles


@costs("SystemExit: 3")
class Exits(Good):
    def change(self, score):
        sys.exit(3)


@costs("the process ended too early, with exit code 0")
class Vanishes(Good):
    def change(self, score):
        os._exit(0)


@costs("the process ended too early, with exit code 7: 0000000000")
class Chatters(Good):
    """Prints 8 MB, the last line alone a megabyte long."""

    def change(self, score):
        sys.stdout.write(("1" * 999 + "\n") * 7_000)
        os.write(1, b"0" * 1_000_000)
        os._exit(7)


@costs("ValueError: I/O operation on closed file")
class ClosesStdout(Good):
    def change(self, score):
        sys.stdout.close()
        sys.stdout.write("anyone?")


@costs("the process ended too early, with exit code")
class ClosesEverything(Good):
    def change(self, score):
        os.closerange(0, 256)
        raise RuntimeError("nobody hears this")


def ancestors():
    """Yield the numbers of the processes above this one, its parent first."""
    pid = os.getppid()
    while pid > 1:
        yield pid
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def log():
    """Return the log of this cell, which a process above this one has open."""
    files = (file.readlink() for pid in ancestors() for file in Path(f"/proc/{pid}/fd").iterdir())
    return next(file for file in files if file.suffix == ".txt" and "hostile" in str(file))


@costs("RuntimeError: without a log")
class DeletesItsLog(Good):
    def change(self, score):
        log().unlink()
        raise RuntimeError("without a log")


@costs("RuntimeError: with a pipe as a log")
class ReplacesItsLog(Good):
    """A reader of the pipe would wait without end."""

    def change(self, score):
        path = log()
        path.unlink()
        os.mkfifo(path)
        raise RuntimeError("with a pipe as a log")


@costs("the process ended too early, with exit code 7: the last words")
class ChattersOn(Good):
    """Prints 100 MB."""

    def change(self, score):
        for _ in range(100):
            os.write(2, b"1" * 999_999 + b"\n")
        os.write(1, b"the last words")
        os._exit(7)


def sleep_in_child(*, is_daemon=False):
    """Leave a process that has every pipe of this one, and sleeps."""
    if os.fork() == 0:
        if is_daemon:
            os.setsid()
        if not is_daemon or os.fork() == 0:
            time.sleep(3600)
        os._exit(0)


@costs("the process ended too early, with exit code 3")
class LeavesAChild(Good):
    """Ends without a word, and leaves a process that holds the pipes open."""

    def change(self, score):
        sleep_in_child()
        os._exit(3)


@costs("RuntimeError: a daemon is left")
class LeavesADaemon(Good):
    def change(self, score):
        sleep_in_child(is_daemon=True)
        raise RuntimeError("a daemon is left")


@costs("the process was killed by signal 9")
class KillsItsParent(Good):
    """Ends the process that started its own, unless that is the run itself."""

    def change(self, score):
        parent = os.getppid()
        is_template = "lmbench.runs.templates" in Path(f"/proc/{parent}/cmdline").read_text()
        os.kill(parent if is_template else os.getpid(), signal.SIGKILL)
        time.sleep(3600)


@costs("the process was killed by signal 11")
class Crashes(Good):
    def change(self, score):
        os.kill(os.getpid(), signal.SIGSEGV)


@costs("SystemExit: no fit today")
class ExitsInFit(Good):
    def fit(self, data, progress=SILENT):
        sys.exit("no fit today")


def connection():
    """Return this process's connection to the run."""
    return next(item for item in gc.get_objects() if isinstance(item, Connection) and item.writable and not item.closed)


@costs("the process sent a message that cannot be read")
class SendsGarbage(Good):
    def change(self, score):
        connection().send_bytes(os.urandom(100))
        return score


@costs("the process sent a message that cannot be read")
class SendsALength(Good):
    """Announces a message of 2^60 bytes."""

    def change(self, score):
        os.write(connection().fileno(), b"\xff\xff\xff\xff" + (1 << 60).to_bytes(8, "big"))
        return score


@costs("the process sent a message that cannot be read")
class SendsAnExit(Good):
    """Sends an object that ends the process that reads it."""

    def change(self, score):
        connection().send(EndsReaderError())
        return score


@costs("the process sent a dict instead of a report")
class SendsADict(Good):
    def change(self, score):
        connection().send({"status": "ok"})
        return score


def sent_scores(documents):
    """Return the message with the scores of documents."""
    from lmbench.runs.scoring import Events

    [joined] = join_groups([plain_score(document) for document in documents], documents, range(len(documents)))
    return Events(joined.events, joined.ends, joined.logprobs, joined.spelling)


@costs("the process sent a result that is not valid: Input should be an object")
class SendsAResult(Good):
    """Sends the scores of all documents itself, and then a record that is none."""

    def score(self, documents):
        from lmbench.runs.cells import _Finished

        connection().send(sent_scores(documents))
        connection().send(_Finished("[]"))
        return super().score(documents)


@costs("the process did not send one score for each document")
class SendsTooManyScores(Good):
    def score(self, documents):
        connection().send(sent_scores(documents))
        connection().send(sent_scores(documents))
        return super().score(documents)


@costs("the process did not send one score for each document")
class SendsOtherArrays(Good):
    def score(self, documents):
        connection().send(replace(sent_scores(documents), logprobs=np.zeros(10, dtype=object)))
        return super().score(documents)


@costs("the process sent other events than it counted")
class Miscounts(Good):
    """Counts 2^64 events more than there are, which NumPy's sum does not notice."""

    def score(self, documents):
        events = sent_scores(documents)
        counts = np.array([2**62, 2**62, 2**62, 2**62 + events.counts.sum()])
        connection().send(replace(events, counts=counts))
        return super().score(documents)


@costs("the process sent more scores than there are documents")
class CountsMoreDocuments(Good):
    def score(self, documents):
        events = sent_scores(documents)
        connection().send(replace(events, counts=np.append(events.counts, 0)))
        return super().score(documents)


@costs("the process did not send one score for each document")
class AsksTwice(Good):
    """Asks for the next batch before this one is scored."""

    def score(self, documents):
        from lmbench.runs.scoring import Scored

        connection().send(Scored())
        return super().score(documents)


@costs("the process sent a Returned instead of a report")
class SendsAnEmptyResult(Good):
    """Sends a result that lacks its value."""

    def score(self, documents):
        from lmbench.runs.channel import Returned

        connection().send(Returned.__new__(Returned))
        return super().score(documents)


@costs("document 0: event 0 .*log-probability 5.54518, is above 0")
class PatchesChecks(Good):
    """Makes the checks useless in its own process, and returns scores that are wrong."""

    def change(self, score):
        metrics.tally_joined = lmbench.score.probability_violation = Score.check = lambda *_: ""
        return Score(score.ends, -score.logprobs, score.spelling)


@costs("AttributeError: 'tuple' object has no attribute 'clear'")
class ClearsDocuments(Good):
    """Removes documents from the batch, which would then be fewer bytes to divide by."""

    def score(self, documents):
        documents.clear()
        return []


class RaisesWhenShownError(Exception):
    """An error that cannot be shown."""

    def __str__(self):
        raise ValueError("no")


@costs("RaisesWhenShownError: its message cannot be read")
class CannotSayWhy(Good):
    def change(self, score):
        raise RaisesWhenShownError


@costs("ValueError: xxxxxxx")
class SaysTooMuch(Good):
    def change(self, score):
        raise ValueError("x" * 10_000_000)


@costs(r"a \\x1b\[31m line and more")
class ManyLines(Good):
    def change(self, score):
        raise LmbenchError("a \x1b[31m line\nand more")


@costs("the process ended too early, with exit code 130")
class Interrupts(Good):
    def change(self, score):
        raise KeyboardInterrupt


@costs("MemoryError")
class RunsOutOfMemory(Good):
    def change(self, score):
        raise MemoryError


@costs("RecursionError: maximum recursion depth exceeded")
class Dives(Good):
    def change(self, score):
        return self.change(score)


@costs("RuntimeError: a thread is left")
class LeavesAThread(Good):
    """Leaves a thread that would keep the process alive."""

    def change(self, score):
        threading.Thread(target=time.sleep, args=(3600,)).start()
        raise RuntimeError("a thread is left")


@costs("TypeError")
class PatchesBuiltins(Good):
    def change(self, score):
        builtins.len = None
        return score


@costs("TypeError")
class PatchesWhenBuilt(Good):
    """Makes builtins useless while it is built."""

    def __init__(self, options=None):
        super().__init__(options)
        builtins.any = builtins.sorted = builtins.tuple = None


@costs("the process did not send the scores of each document")
class SendsNoScores(Good):
    def score(self, documents):
        from lmbench.runs.channel import Returned

        connection().send(Returned("{}"))
        return super().score(documents)


# Unusual but harmless models, whose cells succeed.
HARMLESS = {}


def is_harmless(model):
    """Register a model that does something unusual, but is evaluated."""
    HARMLESS[model.__name__] = model
    return model


@is_harmless
class NumpyFootprint(Good):
    """Counts its parameters with NumPy."""

    def footprint(self):
        return Footprint(np.int64(3), np.uint8(4))


@is_harmless
class LowPrecision(Good):
    """Scores in float32, and counts in uint16."""

    def change(self, score):
        return Score(score.ends.astype(np.uint16), score.logprobs.astype(np.float32), score.spelling.astype(np.float16))


@is_harmless
class ChangesLater(Good):
    """Changes its scores from a thread, after they were returned."""

    def change(self, score):
        threading.Timer(2.0, score.logprobs.fill, [np.nan]).start()  # the scores are copied long before, on any machine
        return score


@is_harmless
class KeepsRunning(Good):
    """Leaves a thread when it is done."""

    def change(self, score):
        threading.Thread(target=time.sleep, args=(3600,)).start()
        return score


@is_harmless
class StartsAChild(Good):
    """Leaves a process that holds the pipes open, when it is done."""

    def change(self, score):
        sleep_in_child()
        sleep_in_child(is_daemon=True)
        return score


@is_harmless
class SignalsItsGroup(Good):
    """Sends a signal to its group of processes, which is its own."""

    def change(self, score):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.kill(0, signal.SIGTERM)
        return score


@is_harmless
class Moves(Good):
    """Changes the working directory, while it is built and while it scores."""

    def __init__(self, options=None):
        super().__init__(options)
        os.chdir("/")

    def change(self, score):
        os.chdir("/proc")
        return score


@is_harmless
class Prints(Good):
    """Prints megabytes, and is done."""

    def change(self, score):
        sys.stdout.write("x" * 3_000_000)
        return score


@is_harmless
class UnpicklableSignature(Good):
    """Returns a signature that cannot be pickled, but can be copied."""

    def signature(self):
        return Unpicklable((("own", "yes"),))


@is_harmless
class PatchesMetrics(Good):
    """Makes every number better, in its own process."""

    def score(self, documents):
        metrics.bits = lambda logprobs: np.zeros(len(logprobs))
        metrics.summarize = metrics.tally = metrics.tally_joined = None
        return super().score(documents)


@is_harmless
class SearchesForDocuments(Good):
    """Searches its process for the test split while it is fitted. The same search finds the training split."""

    def fit(self, data, progress=SILENT):
        texts = {value.encode(errors="replace") for value in reachable_values() if type(value) is str}
        if b"a b\n" not in texts or b"b \xe4\xb8\xad\n" in texts:  # the two splits
            raise RuntimeError("the training split was not found, or the test split was")


def reachable_values():
    """Yield all values that Python's garbage collector and the frames of all threads can reach."""
    frames = [frame for top in sys._current_frames().values() for frame, _ in traceback.walk_stack(top)]
    waiting, seen = [*gc.get_objects(), *(frame.f_locals for frame in frames[1:])], set()
    while waiting:
        value = waiting.pop()
        if id(value) not in seen:
            seen.add(id(value))
            yield value
            waiting.extend(gc.get_referents(value))
