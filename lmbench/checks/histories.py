"""Checks that a model keeps its history: across windows, after a context, and event by event."""

from __future__ import annotations

from lmbench.checks.comparison import tolerance_of, total_tolerance
from lmbench.checks.events import Event, decode, event_at, events_of, matching_entries
from lmbench.checks.reading import require_own_distribution
from lmbench.checks.subject import Subject, next_events, on_raw_text_too
from lmbench.checks.verdicts import CheckFailedError, NotApplicable, require
from lmbench.score import plain_scores
from lmbench.state import ModelState


def check_windows(subject: Subject) -> None:
    """With a short context and any stride, each event of a long document is scored once, as its distribution says.

    Catches events that are scored twice, dropped or free at the seams, and windows that begin with an empty history.
    """
    fields = type(subject.model.options).model_fields
    if "stride" not in fields or "context" not in fields:
        raise NotApplicable("the model does not have the options context and stride")
    document = "the cat sat on a mat . ab cab\n" * 10
    [whole] = subject.score(document)
    for stride in (1, 5, 8):
        model = subject.prepare(subject.corpus.training, context=8, stride=stride)
        [score] = plain_scores(model.score((document,)), (document,))
        require(score.ends.tolist() == whole.ends.tolist(), f"at stride {stride} the events end elsewhere")
        require_own_distribution(model, document[:90])


def check_continuations(subject: Subject) -> None:
    """The cost of a text is that of its beginning plus that of the rest given the beginning, after any event.

    If other events may also spell the beginning, the rest costs as much more as the next event does in the distribution
    after the beginning: both are conditioned on the same bytes. Catches conditional scores that forget the context, or
    that count an event at the seam twice.
    """
    text = "the cat sat\non a mat .\n"
    [whole] = subject.score(text)
    data, tolerance = text.encode(), total_tolerance(tolerance_of(subject.model), len(whole.ends))
    for number, end in enumerate(whole.ends[:-1].tolist()):
        beginning, rest = data[:end].decode(), data[end:].decode()
        [first] = subject.score(beginning)
        if number % 3 or first.ends.tolist() != whole.ends[: len(first.ends)].tolist():
            continue  # the tokenizer splits the beginning differently if nothing follows it
        total = float(first.logprobs.sum()) + subject.model.score_continuation(beginning, rest)
        expected = float(whole.logprobs.sum())
        costs = _find_extra_costs(subject, event_at(data, whole, number + 1))
        require(
            any(abs(total + cost - expected) <= tolerance and cost >= -tolerance for cost in costs),
            f"cut at byte {end}: {total:.6f} is not {expected - costs[0]:.6f}",
        )


def _find_extra_costs(subject: Subject, event: Event) -> list[float]:
    """Return by how many nats an event costs more after the text than in its score, for each event with its text."""
    try:
        nexts = next_events(subject.model, event.before.decode())
    except NotApplicable:
        return [0.0]
    return [event.logprob - float(nexts.logprobs[entry]) for entry in matching_entries(nexts, event)] or [0.0]


@on_raw_text_too
def check_step_by_step(subject: Subject) -> None:
    """Read event by event, a text has the scores of the whole text, and the spellings of its events join to it.

    Catches text that is generated from another history than it is scored with, and words written without their space.
    """
    text = "the cat sat\non a mat . zzqx état 汉字 the cat\n"
    [score] = subject.score(text)
    events = list(events_of(text, score))
    state: ModelState | None = None
    for event, following in zip(events, [*events[1:], None], strict=True):
        if state is None and (before := decode(event.before)) is not None:
            state = subject.state_after(before)
        if state is None or not _advance(subject, state, event, following):
            state = None  # start again after the next whole character


def _advance(subject: Subject, state: ModelState, event: Event, following: Event | None) -> bool:
    """Advance a state by one event of the text, and check its score.

    Returns:
        Whether the state could advance: an unknown word and a part of a character may lack a spelling.
    """
    nexts = state.next_events()
    candidates = [
        i for i, spelling in enumerate(nexts.spellings) if spelling == event.spelling and not event.is_unknown
    ]
    after = repr(event.before[-20:])
    if not candidates:
        message = f"after {after} no event is spelled {event.spelling!r}, which follows in the text"
        require(_may_lack_spelling(event, following), message)
        return False
    chosen = min(candidates, key=lambda i: abs(float(nexts.logprobs[i]) - event.logprob))
    predicted = float(nexts.logprobs[chosen])
    if not abs(predicted - event.logprob) <= tolerance_of(subject.model):
        raise CheckFailedError(
            f"read step by step to {after}, the model gives the event {event.spelling!r} {predicted:.6f}, "
            f"but it is scored {event.logprob:.6f}"
        )
    state.advance(chosen)
    return True


def _may_lack_spelling(event: Event, following: Event | None) -> bool:
    """Return whether an event is an unknown word, a part of a character, or shares its bytes with an empty event."""
    shares_bytes = not event.spelling or (following is not None and not following.spelling)
    return event.is_unknown or decode(event.spelling) is None or shares_bytes
