"""The conformance suite: is what a model returns a probability of the text that it was given?

Every check is a function of a Subject that returns where the contract holds, and raises CheckFailedError, naming the
offending event, or NotApplicable. `lmbench check MODEL` runs them; `check_model` and `parametrize_with_checks` are
for plugin authors. docs/checks.md shows which deliberately wrong model each of them catches.
"""

from __future__ import annotations

import math
import random
import string
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from lmbench.corpus import Corpus, Split, TrainingText
from lmbench.errors import SpecError, UnavailableError
from lmbench.model import LanguageModel, ModelOptions, ModelSpec, Saveable
from lmbench.progress import SILENT, Progress
from lmbench.registry import ResolvedModel, resolve
from lmbench.score import Score, probability_violation, tiling_violation
from lmbench.signature import Signature
from lmbench.state import ModelState, NextEvents
from lmbench.text.tokenizers import PRINTABLE

if TYPE_CHECKING:
    import pytest

_SUM_TOLERANCE = 1e-6
_LONG_TEXT_SECONDS = 5.0
_LONG_TEXT_BYTES = 1 << 20
_WORDS = ("a", "b", "c", "ab", "ba", "abc", "cab", "the", "cat", "sat", "on", "mat", ".", "dog's", "12", "état", "汉字")
_HISTORIES = ("", "the", "the cat", "zzqx", "the zzqx", "the cat sat\n", "the cat sat\non ", "汉字 ", "a\n\nb", "  ")
_TEXTS = (
    "the cat sat on a mat .\nab cab\n",
    "a b c\n",
    "zzqx wv\nthe zzqx\n\ncat\n",
    "汉字 état , 中\nthe",
)
_HAN = "".join(map(chr, range(0x4E00, 0x9FA6)))
_CHAIN_TEXT = (
    "the cat sat on a mat .\nThe  Cat's 12\tdogs, 2024 汉字 état zzqx\n\n\u00a0(ab) cab\r\n"
    + "a mat , the cat sat on abc\n" * 5
    + "END 99\n"
)
EDGE_TEXTS = {
    "empty": "",
    "one character": "a",
    "a line end": "\n",
    "empty lines": "\n\n\n",
    "a space": " ",
    "no final newline": "the cat",
    "CRLF": "the cat\r\nsat\r\n\r\n",
    "NBSP": "the\u00a0cat\u3000sat\n",
    "double spaces": "the  cat   sat \n",
    "leading tab": "\tthe\tcat\n",
    "emoji": "😀 the 👩‍👩‍👧 cat\n",
    "combining marks": "e\u0301 a\u0323\u0302 e\u0301\n",
    "Chinese": "汉字 中文字\n",
    "literal </s> and <s>": "<s> the </s> </s>\n",
    "literal <unk>": "<unk> the <UNK> <unk>\n",
    "literal <|endoftext|>": "the <|endoftext|> cat<|endoftext|>\n",
    "control characters": "\x00\x01 \x1b[31m \x7f\n",
    "Unicode separators": "a\x0bb\x1cc\x85d\u2028e\n",
}


@runtime_checkable
class SuspectsHistories(Protocol):
    """A model that knows where its distributions are least likely to sum to 1, such as one read from a file."""

    def suspect_histories(self) -> Sequence[str]:
        """Return texts after which the suite also sums the distribution."""


class CheckFailedError(AssertionError):
    """The contract is broken; the text says where."""


class NotApplicable(Exception):  # noqa: N818  (nothing went wrong)
    """The model has nothing that this check could look at; the text says what is missing."""


@dataclass(frozen=True)
class Subject:
    """A model under examination: `make` gives it unfitted, as often as it is asked."""

    make: Callable[[], LanguageModel]
    progress: Progress = SILENT
    """Told what the loading of weights does."""

    @cached_property
    def corpus(self) -> Corpus:
        """Tokenized lines over few words, four lines a document; the test words occur in no other split."""
        rng = random.Random(0)
        lines = [" ".join(rng.choices(_WORDS, k=rng.randint(1, 8))) + "\n" for _ in range(240)]
        documents = tuple("".join(lines[i : i + 4]) for i in range(0, len(lines), 4))
        secret = tuple(" ".join(_random_words(rng, 6)) + "\n" for _ in range(8))
        return Corpus("check", Split(documents[:50]), Split(documents[50:]), Split(secret), "check", tokenized=True)

    @cached_property
    def model(self) -> LanguageModel:
        """Fitted on the corpus, or with its pretrained weights."""
        return self.fitted(self.corpus.training)

    @cached_property
    def letters(self) -> LanguageModel:
        """Fitted on lines of one to three letters a, b and c, so that nearly all probability lies on such lines."""
        if self.model.traits.pretrained:
            return self.model
        lines = ["".join(letters) + "\n" for n in (1, 2, 3) for letters in product("abc", repeat=n)]
        return self.fitted(TrainingText(Split(tuple(lines * 8)), Split(tuple(lines)), tokenized=True))

    def fitted(self, data: TrainingText, **options: int) -> LanguageModel:
        """A new model, fitted or with its weights, some options changed. Raises NotApplicable where they cannot be."""
        model = self.make()
        if options:
            model = type(model)(_changed(model.options, options))
        model.prepare(data, self.progress)
        return model

    def score(self, *documents: str) -> list[Score]:
        """Scores in one batch; as many as documents."""
        scores = self.model.score(documents)
        _require(len(scores) == len(documents), f"{len(scores)} scores for {len(documents)} documents")
        return scores

    def next_events(self, text: str) -> NextEvents:
        """The model's distribution after `text`. Raises NotApplicable where it offers none."""
        return _next_events(self.model, text)

    def state_after(self, text: str) -> ModelState:
        """Return the model's state after `text`. Raises NotApplicable if it cannot advance from there."""
        if not self.next_events(text).spellings:
            raise NotApplicable("the model does not say how its next events are spelled: it generates no text")
        return self.model.state_after(text)

    def same(self, first: Score, second: Score, what: str) -> None:
        """Both scores are of the same events, and alike. Raises CheckFailedError naming the first that is not."""
        _require(first.ends.tolist() == second.ends.tolist(), f"{what}: the events differ")
        with np.errstate(invalid="ignore"):
            alike = np.abs(first.logprobs - second.logprobs) <= self.model.score_tolerance
        if not alike.all():
            event = int(np.argmin(alike))
            costs = f"{first.logprobs[event]:.6f} and {second.logprobs[event]:.6f}"
            raise CheckFailedError(f"{what}: event {event} (to byte {int(first.ends[event])}) is scored {costs}")


# Each check's docstring: what it demands; then the kind of real bug that it catches.


def check_tiling(subject: Subject) -> None:
    """The events' ends never fall and end with the document's last byte.

    Catches denominators and offsets in characters instead of bytes, and dropped or doubled text.
    """
    for document, score in _scored(subject, [*EDGE_TEXTS.values(), *_TEXTS]):
        wrong = tiling_violation(score, document)
        _require(not wrong, f"{document!r}: {wrong}")


def check_finite(subject: Subject) -> None:
    """Every log-probability is finite and at most 0, and spelling is a part of it.

    Catches sentinels such as -99 or -inf for "impossible", unnormalized energies, and spelling that is not in the sum.
    """
    for document, score in _scored(subject, [*EDGE_TEXTS.values(), *_TEXTS]):
        wrong = probability_violation(score, document)
        _require(not wrong, f"{document!r}: {wrong}")


def check_edge_texts(subject: Subject) -> None:
    """Odd texts are scored: empty, CRLF, NBSP, emoji, literal markers, and one line of up to a megabyte.

    Catches crashes on empty batches, and special tokens parsed out of text. The long line is shorter for models that
    would need more than five seconds.
    """
    for name, text in EDGE_TEXTS.items():
        [score] = subject.score(text)
        _require(bool(text) == bool(len(score.ends)), f"the text of the case '{name}' has {len(score.ends)} events")
    line, seconds = "the cat sat ", 0.0
    while len(line) < _LONG_TEXT_BYTES and seconds < _LONG_TEXT_SECONDS / 4:  # the next may take four times as long
        line *= 2
        started = time.perf_counter()
        subject.score(line)
        seconds = time.perf_counter() - started


def check_line_ends(subject: Subject) -> None:
    """Each line end between words is the text of exactly one event.

    Catches n-gram models that pad with order - 1 `</s>`, which flatters them, and those that drop the last one.
    """
    document = "the cat\nsat on\na mat\n"
    [(_, score)] = _scored(subject, [document])
    starts = [0, *score.ends[:-1].tolist()]
    data = document.encode()
    events = [data[start:end] for start, end in zip(starts, score.ends.tolist(), strict=True)]
    ends = [event for event in events if b"\n" in event]
    _require(len(ends) == 3, f"{len(ends)} events hold the 3 line ends")
    joined = max(ends, key=len)
    if joined != b"\n" and subject.model.traits.pretrained:
        raise NotApplicable(f"the model's own tokenizer joins the line end with other text: {joined!r}")
    _require(joined == b"\n", f"the line end is a part of the event {joined!r}")
    _require(b"" not in events, f"event {events.index(b'') if b'' in events else 0} has no text")


def check_normalization(subject: Subject) -> None:
    """The next-event distribution sums to 1 at seen, unseen and empty histories.

    Looked at are also those that the model itself names as doubtful, as `arpa` does the worst of its file. Catches
    unnormalized back-off, `<s>` that keeps probability, and padding in a softmax.
    """
    for history in (*_HISTORIES, *_suspect_histories(subject.model)):
        total = float(np.exp(subject.next_events(history).logprobs).sum())
        _require(abs(total - 1) <= _SUM_TOLERANCE, f"after {history!r} the next events sum to {total:.7f}")


def check_sums(subject: Subject) -> None:
    """By brute force: the probabilities of texts of which none begins another never sum to more than 1.

    Catches probabilities that are no such thing where no distribution is offered: scores in log10, stupid back-off.
    """
    lines = ["".join(letters) + "\n" for n in range(4) for letters in product("abc", repeat=n)]
    sets = {"lines of up to 3 letters": lines}
    sets |= {f"texts of {n} letters": ["".join(letters) for letters in product("abc", repeat=n)] for n in (1, 2, 3)}
    for name, texts in sets.items():
        total = sum(math.exp(score.logprobs.sum()) for score in subject.letters.score(texts))
        _require(total <= 1 + _SUM_TOLERANCE, f"the probabilities of all {name} sum to {total:.6f}")


def check_chain_rule(subject: Subject) -> None:
    """Every event of a text, its spelling aside, is scored as the distribution after the text before it says, in nats.

    Catches log10 or log2 in one of the two, events scored from another history than the one they have, and what is left
    unpaid: white space, digits, case.
    """
    _follows_its_distribution(subject.model, _CHAIN_TEXT)


def check_causality(subject: Subject) -> None:
    """Changing what follows changes no earlier event.

    Catches bidirectional attention, normalizing by the document's length, and tokenizers that look ahead without end.
    """
    text = "the cat sat on a mat .\nab cab the cat\nsat\n"
    for cut in range(3, len(text), 7):
        whole, changed, shorter = subject.score(text, text[:cut] + " zzqx 汉字 zzqx\n" * 3, text[:cut])
        for other in (changed, shorter):
            same = (_beginning(whole, other, cut), _beginning(other, whole, cut))
            subject.same(*same, f"with another text after byte {cut}")


def check_batches(subject: Subject) -> None:
    """A document's score does not depend on what else is scored, nor in which order.

    Catches padding that is counted or attended to, shuffled batches, and caches that are keyed too coarsely.
    """
    documents = [*_TEXTS, "", "a", "the cat sat on a mat .\n" * 12]
    alone = [subject.score(document)[0] for document in documents]
    orders = [list(range(len(documents))), list(reversed(range(len(documents)))), [3, 0, 3, 1, 6, 2, 6]]
    for order in orders:
        for i, score in zip(order, subject.score(*(documents[i] for i in order)), strict=True):
            subject.same(alone[i], score, f"{documents[i][:30]!r} in a batch of {len(order)} and alone")


def check_state(subject: Subject) -> None:
    """Scoring leaves no trace: a text scores the same the second time, and after other texts.

    Catches adaptive models that update before they score, or that keep what they learned from the last document.
    """
    text = "the cat zzqx sat zzqx on zzqx\n"
    [first] = subject.score(text)
    subject.score("zzqx zzqx zzqx\n" * 20)
    for _ in range(2):
        [again] = subject.score(text)
        subject.same(first, again, "the same text scored again")


def check_windows(subject: Subject) -> None:
    """With a short context, at any stride, each event of a long document is scored once, as its distribution says.

    Catches events that are scored twice, dropped or free at the seams, and windows that begin with an empty history.
    """
    fields = type(subject.model.options).model_fields
    if "stride" not in fields or "context" not in fields:
        raise NotApplicable("the model has no context and stride")
    document = "the cat sat on a mat . ab cab\n" * 10
    [whole] = subject.score(document)
    for stride in (1, 5, 8):
        model = subject.fitted(subject.corpus.training, context=8, stride=stride)
        [score] = model.score([document])
        _require(score.ends.tolist() == whole.ends.tolist(), f"at stride {stride} the events end elsewhere")
        _follows_its_distribution(model, document[:90])


def check_continuations(subject: Subject) -> None:
    """A text costs what its beginning costs and then the rest, given the beginning, wherever an event ends.

    Catches conditional scores that forget the context, or that count an event at the seam twice.
    """
    text = "the cat sat\non a mat .\n"
    [(_, whole)] = _scored(subject, [text])
    data = text.encode()
    for end in whole.ends[:-1:3].tolist():
        beginning, rest = data[:end].decode(), data[end:].decode()
        [(_, first)] = _scored(subject, [beginning])
        if first.ends.tolist() != whole.ends[: len(first.ends)].tolist():
            continue  # the tokenizer spells the beginning otherwise when nothing follows it
        total = float(first.logprobs.sum()) + subject.model.score_continuation(beginning, rest)
        expected = float(whole.logprobs.sum())
        _require(
            abs(total - expected) <= subject.model.score_tolerance * len(whole.ends),
            f"cut at byte {end}: {total:.6f} is not {expected:.6f}",
        )


def check_step_by_step(subject: Subject) -> None:
    """Read event by event, a text is scored as it is whole, and the events' spellings join to it.

    Catches text generated from another history than it is scored by, and words written without their space.
    """
    [(text, score)] = _scored(subject, ["the cat sat\non a mat . zzqx état 汉字 the cat\n"])
    data, starts = text.encode(), [0, *score.ends.tolist()]
    state: ModelState | None = None
    for number, (start, end) in enumerate(zip(starts, score.ends.tolist(), strict=False)):
        beginning, event = data[:start], data[start:end]
        if state is None and (known := _decoded(beginning)) is not None:
            state = subject.state_after(known)
        spelled = _spelled(state, event) if score.spelling[number] == 0 else []
        if state is None or not spelled:  # resume with a new state after the next whole character
            single = event and end not in (start, *starts[number + 2 : number + 3])
            excused = state is None or score.spelling[number] < 0 or _decoded(event) is None or not single
            _require(excused, f"after {beginning[-20:]!r} no event is spelled {event!r}, which the text has there")
            state = None
            continue
        said = state.next_events().logprobs
        chosen = min(spelled, key=lambda i: abs(float(said[i] - score.logprobs[number])))
        if not abs(float(said[chosen] - score.logprobs[number])) <= subject.model.score_tolerance:
            raise CheckFailedError(
                f"read on to {beginning[-20:]!r}, the event {event!r} has {said[chosen]:.6f}, and it is scored "
                f"{score.logprobs[number]:.6f}"
            )
        state.advance(chosen)


def check_unknown_words(subject: Subject) -> None:
    """All words of one length together, in one place, have a probability of at most 1.

    Looked at are words of 8 letters, of 20, and of 6 Chinese characters. Catches models that give every unknown word
    the probability of `<unk>` and leave its spelling unpaid, so that a smaller vocabulary looks better, those that
    charge a long spelling like a short one, and those that leave a character's later bytes unpaid. The sum is estimated
    from 300 random words; by Markov's inequality a model that keeps to it exceeds the bound of 100 with a probability
    below 1 %.
    """
    for alphabet, length in ((string.ascii_lowercase, 8), (string.ascii_lowercase, 20), (_HAN, 6)):
        words = _random_words(random.Random(1), 300, length, alphabet)
        costs = [float(score.logprobs.sum()) for score in subject.score(*words)]
        estimate = math.log(len(alphabet)) * length + float(np.logaddexp.reduce(costs)) - math.log(len(words))
        total, cheapest = math.exp(min(estimate, 700)), words[int(np.argmax(costs))]
        price = f"{cheapest!r} has {math.exp(max(costs)):.3g}"
        _require(total <= 100, f"words of {length} characters sum to about {total:.3g}; {price}")


def check_determinism(subject: Subject) -> None:
    """Fitting again with the same options gives the same scores.

    Catches unseeded initialization.
    """
    if subject.model.traits.pretrained:
        raise NotApplicable("the model is pretrained")
    again = subject.fitted(subject.corpus.training)
    for text, first, second in zip(_TEXTS, subject.score(*_TEXTS), again.score(_TEXTS), strict=True):
        subject.same(first, second, f"{text[:30]!r} by a model that was fitted again")


def check_save(subject: Subject) -> None:
    """A model that was saved and restored gives the same scores and the same signature.

    Catches files that lack a part of what was learned, such as the vocabulary or the tokenizer.
    """
    saved, restored = subject.model, subject.make()
    if not (isinstance(saved, Saveable) and isinstance(restored, Saveable)):
        raise NotApplicable("the model cannot be saved")
    with TemporaryDirectory(prefix="lmbench-") as folder:
        saved.save(Path(folder))
        restored.restore(Path(folder))
    texts = [*_TEXTS, *EDGE_TEXTS.values()]
    for text, first, second in zip(texts, subject.score(*texts), restored.score(texts), strict=True):
        subject.same(first, second, f"{text[:30]!r} by the model that was saved and by the one restored")
    signatures = str(subject.model.signature()), str(restored.signature())
    _require(signatures[0] == signatures[1], f"the signature {signatures[0]} has become {signatures[1]}")


def check_signature(subject: Subject) -> None:
    """The model says what its scores depend on, and scoring does not change what it says.

    Catches a signature that raises, is empty, or is no Signature.
    """
    before = subject.model.signature()
    _require(isinstance(before, Signature), f"the signature is {before!r}, no Signature")
    _require(bool(before.parts), "the signature is empty")
    subject.score(*_TEXTS)
    after = subject.model.signature()
    _require(before == after, f"the signature {before} is {after} after scoring")


def check_test_split(subject: Subject) -> None:
    """The test split's words, which no model can have seen, cost as much as others of their kind.

    Catches models that find a way to read the test text while they are fitted.
    """
    if subject.model.traits.pretrained:
        raise NotApplicable("the model is pretrained")
    rng = random.Random(2)
    others = [" ".join(_random_words(rng, 6)) + "\n" for _ in subject.corpus.test.documents]
    test = sum(float(score.logprobs.sum()) for score in subject.score(*subject.corpus.test.documents))
    control = sum(float(score.logprobs.sum()) for score in subject.score(*others))
    _require(-test > 0.8 * -control, f"the test split costs {-test:.0f} nats, words of the same kind {-control:.0f}")


CHECKS: dict[str, Callable[[Subject], None]] = {
    check.__name__.removeprefix("check_").replace("_", "-"): check
    for check in (
        check_tiling,
        check_finite,
        check_edge_texts,
        check_line_ends,
        check_normalization,
        check_sums,
        check_chain_rule,
        check_causality,
        check_batches,
        check_state,
        check_windows,
        check_continuations,
        check_step_by_step,
        check_unknown_words,
        check_determinism,
        check_save,
        check_signature,
        check_test_split,
    )
}


_PROOF = ("normalization", "sums", "chain-rule")
"""Without these a model's scores may be fine, but nobody has seen that they are probabilities."""


class Outcome(BaseModel):
    """What a check found: where it failed or why it does not apply, and how long it took."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    check: str
    status: Literal["pass", "fail", "n/a"]
    detail: str
    seconds: float


def check_model(make: Callable[[], LanguageModel], progress: Progress = SILENT) -> tuple[Outcome, ...]:
    """All checks on the models that `make` gives, unfitted; where the model cannot be fitted, that alone.

    Args: progress, told what the loading of weights does. Raises UnavailableError where weights are missing.
    """
    if not make().traits.normalized:
        detail = "the model says that its scores are no probabilities of a text; it is never ranked with those that are"
        return (Outcome(check="probability", status="fail", detail=detail, seconds=0.0),)
    subject = Subject(make, progress)
    fit = _outcome("fit", _fit, subject)
    if fit.status == "fail":
        return (fit,)
    return tuple(_outcome(name, check, subject) for name, check in CHECKS.items())


def check_spec(spec: ModelSpec, progress: Progress = SILENT) -> tuple[Outcome, ...]:
    """All checks on the model that `spec` names, small enough to be quick. Raises LmbenchError."""
    return check_model(_quick(spec), progress)


def doubt(outcomes: Sequence[Outcome]) -> str:
    """Why a model is not verified, the gravest reason; empty for a verified one."""
    failed = [outcome for outcome in outcomes if outcome.status == "fail"]
    unseen = [outcome for outcome in outcomes if outcome.status == "n/a" and outcome.check in _PROOF]
    for outcome in (*(outcome for outcome in failed if outcome.check in _PROOF), *unseen, *failed):
        return f"{outcome.check} {'failed' if outcome.status == 'fail' else 'cannot be checked'}: {outcome.detail}"
    return "" if outcomes else "not checked"


def parametrize_with_checks(*specs: str) -> pytest.MarkDecorator:
    """Parametrize a test over all checks of these models: ``def test_contract(check): check()``."""
    import pytest

    subjects = {spec: Subject(_quick(ModelSpec.parse(spec))) for spec in specs}
    return pytest.mark.parametrize(
        "check",
        [
            pytest.param(_PytestCheck(check, subject), id=f"{spec}-{name}")
            for spec, subject in subjects.items()
            for name, check in CHECKS.items()
        ],
    )


@dataclass(frozen=True)
class _PytestCheck:
    """A check that pytest calls: it fails as an assertion does, and skips where it does not apply."""

    check: Callable[[Subject], None]
    subject: Subject

    def __call__(self) -> None:
        import pytest

        try:
            self.check(self.subject)
        except NotApplicable as reason:
            pytest.skip(str(reason))


def _quick(spec: ModelSpec) -> Callable[[], LanguageModel]:
    """Return a maker of the model under its quick options, except those that `spec` gives or contradicts."""
    model = resolve(spec)
    traits, given = model.model.traits, dict(spec.arguments)
    kept = tuple((name, value) for name, value in spec.arguments if name not in traits.unchecked_options)
    quick = resolve(ModelSpec(spec.name, kept))
    for name, value in traits.quick_options:
        quick = quick if name in given else _with_argument(quick, name, value)
    quick.build()  # a user's mistake is not a failure of the model
    return quick.build


def _with_argument(model: ResolvedModel, name: str, value: str) -> ResolvedModel:
    try:
        return model.with_arguments((name, value))
    except SpecError:
        return model


def _suspect_histories(model: LanguageModel) -> Sequence[str]:
    return model.suspect_histories() if isinstance(model, SuspectsHistories) else ()


def _fit(subject: Subject) -> None:
    _require(subject.model is not None, "there is no model")


def _changed(options: ModelOptions, changes: Mapping[str, int]) -> ModelOptions:
    try:
        return type(options).model_validate(options.model_dump() | dict(changes))
    except ValidationError as error:
        raise NotApplicable(f"the model does not take {dict(changes)}") from error


def _next_events(model: LanguageModel, text: str) -> NextEvents:
    try:
        return model.next_events(text)
    except NotImplementedError as reason:
        raise NotApplicable(str(reason)) from reason


def _follows_its_distribution(model: LanguageModel, text: str) -> None:
    """Every event of the text, its spelling aside, costs what the model's distribution after its beginning says."""
    [score] = model.score([text])
    data, start = text.encode(), 0
    for end, logprob, spelling in zip(score.ends.tolist(), score.logprobs, score.spelling, strict=True):
        beginning, event = _decoded(data[:start]), data[start:end]
        start = end
        if beginning is None:
            continue  # no text ends inside a character
        nexts = _next_events(model, beginning)
        scored = float(logprob - spelling)
        said = nexts.logprobs[_entries(nexts, event, unknown=spelling < 0)]
        nearest = float(said[np.argmin(np.abs(said - scored))])
        if not abs(nearest - scored) <= model.score_tolerance:
            raise CheckFailedError(
                f"after {beginning[-20:]!r} the event {data[:end][-20:]!r} is scored {scored:.6f}, and its "
                f"distribution says {nearest:.6f}{_units(scored, nearest)}"
            )


def _spelled(state: ModelState | None, event: bytes) -> list[int]:
    """Which next events are spelled so."""
    spellings = state.next_events().spellings if state else ()
    return [i for i, spelling in enumerate(spellings) if spelling == event]


def _entries(nexts: NextEvents, event: bytes, unknown: bool) -> list[int]:
    """Which entries of the distribution may be this event of a text; any may be, where none is known to.

    An unknown word is one that has no spelling: with `pieces` " ." may be unknown where "." is not. Any other is what
    is spelled so or, for a model that does not say how, named so: as it is, without its space, or in GPT-2's way.
    """
    if unknown:
        found = [i for i, spelling in enumerate(nexts.spellings) if spelling is None]
    else:
        text = _decoded(event) or ""
        shortened = {text.removeprefix(" "), text.replace(" ", PRINTABLE[ord(" ")])}
        found = [i for i, spelling in enumerate(nexts.spellings) if spelling == event]
        found = found or _named(nexts, {text}) or _named(nexts, shortened)
    return found or list(range(len(nexts.names)))


def _named(nexts: NextEvents, names: set[str]) -> list[int]:
    return [i for i, name in enumerate(nexts.names) if name in names]


def _decoded(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def _units(scored: float, said: float) -> str:
    """What the ratio of two log-probabilities gives away."""
    slips = {"log10": 1 / math.log(10), "log2": 1 / math.log(2)}
    ratio = scored / said if said else math.nan
    return "".join(f": these look like {name}" for name, value in slips.items() if abs(ratio - value) < 1e-3)


def _outcome(name: str, check: Callable[[Subject], None], subject: Subject) -> Outcome:
    started = time.perf_counter()
    status: Literal["pass", "fail", "n/a"] = "pass"
    detail = ""
    try:
        check(subject)
    except NotApplicable as reason:
        status, detail = "n/a", str(reason)
    except CheckFailedError as failure:
        status, detail = "fail", str(failure)
    except UnavailableError:
        raise
    except Exception as error:  # noqa: BLE001  (other people's code: whatever it raises, the other checks go on)
        status, detail = "fail", f"{type(error).__name__}: {error}"
    return Outcome(check=name, status=status, detail=detail, seconds=time.perf_counter() - started)


def _scored(subject: Subject, documents: Sequence[str]) -> list[tuple[str, Score]]:
    return list(zip(documents, subject.score(*documents), strict=True))


def _beginning(score: Score, other: Score, cut: int) -> Score:
    """The events of a score, up to byte `cut`, that another score of a text with the same beginning has too."""
    length = min(np.count_nonzero(score.ends <= cut), np.count_nonzero(other.ends <= cut))
    shared = int(np.argmin(np.append(score.ends[:length] == other.ends[:length], False)))
    return Score(score.ends[:shared], score.logprobs[:shared], score.spelling[:shared])


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise CheckFailedError(otherwise)


def _random_words(
    rng: random.Random, number: int, length: int = 8, alphabet: str = string.ascii_lowercase
) -> list[str]:
    return ["".join(rng.choices(alphabet, k=length)) for _ in range(number)]
