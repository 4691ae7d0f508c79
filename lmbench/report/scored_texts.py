"""The events of a text under some models: as a table, as JSON, and as a page that colors them by their bits."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape

from lmbench.metrics import Metrics, bits, bits_per_byte, summarize, tally
from lmbench.printable import printable, printable_lines
from lmbench.report.markup import csv_text
from lmbench.score import Score

_COLUMNS = ("model", "item", "start", "end", "bits", "spelling", "event")
_MOST_BITS = 16.0  # of an event, whose color is the strongest
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Surprisal</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font-family: system-ui, sans-serif; margin: 2em auto; max-width: 60em; padding: 0 1em; line-height: 1.7; }}
ol {{ list-style-position: outside; }}
li {{ white-space: pre-wrap; overflow-wrap: anywhere; margin-bottom: 0.5em; }}
span {{ border-radius: 0.2em; }}
</style>
</head>
<body>
<p>The stronger the color of an event, the more bits it costs; {most:g} bits and more have the strongest. Point at an
event to see its bits. Events inside a character are shown as one.</p>
{body}
</body>
</html>"""


@dataclass(frozen=True, slots=True)
class ScoredText:
    """Items, each scored by itself.

    Attributes:
        model: The model's spec.
        signature: Everything that the scores depend on.
        items: The items.
        scores: The score of each item.
    """

    model: str
    signature: str
    items: Sequence[str]
    scores: Sequence[Score]

    @property
    def metrics(self) -> Metrics | None:
        """The numbers of all items together; None without text."""
        return summarize(tally(self.items, self.scores)) if any(self.items) else None

    def describe_total(self) -> str:
        """Return the total bits, and what they are divided by, in one line."""
        metrics = self.metrics
        if metrics is None:
            return f"{self.model}: 0 bits, since the text is empty"
        return (
            f"{self.model}: {metrics.bits:,.2f} bits in all, {metrics.bits_per_byte:.4f} bits/byte ({metrics.bytes:,} "
            f"bytes, {metrics.events:,} events, {metrics.unknown:,} of them unknown words)"
        )


@dataclass(frozen=True, slots=True)
class _Event:
    """An event of an item, with its offsets in bytes and its costs in bits; `text` is None inside a character."""

    start: int
    end: int
    bits: float
    spelling: float
    text: str | None
    literal: str


def format_texts(texts: Sequence[ScoredText], layout: str) -> Iterator[str]:
    """Yield the lines of scored texts in a format, one of FORMATS."""
    return FORMATS[layout](texts)


def _format_table(texts: Sequence[ScoredText], join: Callable[[Sequence[str]], str]) -> Iterator[str]:
    yield join(_COLUMNS)
    for text in texts:
        for number, (item, score) in enumerate(zip(text.items, text.scores, strict=True), start=1):
            for event in _list_events(item, score):
                places = (str(number), str(event.start), str(event.end))
                yield join((text.model, *places, f"{event.bits:.4f}", f"{event.spelling:.4f}", event.literal))


def _format_tsv(texts: Sequence[ScoredText]) -> Iterator[str]:
    return _format_table(texts, lambda row: "\t".join(map(printable, row)))


def _format_csv(texts: Sequence[ScoredText]) -> Iterator[str]:
    return _format_table(texts, _join_csv)


def _join_csv(row: Iterable[str]) -> str:
    line = io.StringIO(newline="")
    csv.writer(line, lineterminator="").writerow(map(csv_text, row))
    return line.getvalue()


def _format_json(texts: Sequence[ScoredText]) -> Iterator[str]:
    yield json.dumps([_text_entries(text) for text in texts], ensure_ascii=False, indent=1)


def _text_entries(text: ScoredText) -> Mapping[str, object]:
    metrics = text.metrics
    return {
        "model": text.model,
        "signature": text.signature,
        "bits": metrics.bits if metrics else 0.0,
        "bytes": metrics.bytes if metrics else 0,
        "bits_per_byte": metrics.bits_per_byte if metrics else None,
        "events": metrics.events if metrics else 0,
        "unknown": metrics.unknown if metrics else 0,
        "items": [_item_entries(item, score) for item, score in zip(text.items, text.scores, strict=True)],
    }


def _item_entries(item: str, score: Score) -> Mapping[str, object]:
    total, size = float(bits(score.logprobs).sum()), len(item.encode())
    names = ("start", "end", "bits", "spelling", "text")
    return {
        "bits": total,
        "bytes": size,
        "bits_per_byte": bits_per_byte(total, size) if size else None,
        "events": [{name: getattr(event, name) for name in names} for event in _list_events(item, score)],
    }


def _format_html(texts: Sequence[ScoredText]) -> Iterator[str]:
    yield _PAGE.format(most=_MOST_BITS, body="\n".join(map(_section, texts)))


def _section(text: ScoredText) -> str:
    items = zip(text.items, text.scores, strict=True)
    listed = "\n".join(f"<li>{''.join(map(_span, _whole_characters(item, score)))}</li>" for item, score in items)
    total = text.describe_total().removeprefix(f"{text.model}: ")
    return (
        f"<h2>{escape(printable(text.model))}</h2>\n<p>{escape(total)}</p>\n<ol>\n{listed}\n</ol>\n"
        f"<p>Signature: <code>{escape(printable(text.signature))}</code></p>"
    )


def _span(event: _Event) -> str:
    """Return an event as HTML; a line end is visible."""
    shown = (event.text or "").replace("\n", "⏎\n")
    spelling = f", {event.spelling:.2f} of them for its letters" if event.spelling else ""
    strength = min(event.bits / _MOST_BITS, 1.0)
    color = f"rgb(230 90 30 / {strength:.2f})"  # transparent, so that it suits a light page and a dark one
    return (
        f'<span style="background:{color}" title="{event.bits:.2f} bits{spelling}">'
        f"{escape(printable_lines(shown))}</span>"
    )


def _whole_characters(item: str, score: Score) -> Iterator[_Event]:
    """Yield the events of an item, with those inside a character joined to one."""
    data, parts = item.encode(), list[_Event]()
    for event in _list_events(item, score):
        parts.append(event)
        start = parts[0].start
        text = _decode(data[start : event.end])
        if text is not None:
            cost, spelling = sum(part.bits for part in parts), sum(part.spelling for part in parts)
            yield replace(event, start=start, bits=cost, spelling=spelling, text=text)
            parts.clear()


def _list_events(item: str, score: Score) -> Iterator[_Event]:
    data = item.encode()
    ends = score.ends.tolist()
    columns = zip([0, *ends], ends, bits(score.logprobs), bits(score.spelling), strict=False)
    for start, end, cost, spelling in columns:
        text = _decode(data[start:end])
        literal = repr(data[start:end]) if text is None else repr(text)
        yield _Event(start, end, float(cost), float(spelling), text, literal)


def _decode(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


FORMATS: Mapping[str, Callable[[Sequence[ScoredText]], Iterator[str]]] = {
    "tsv": _format_tsv,
    "csv": _format_csv,
    "json": _format_json,
    "html": _format_html,
}
"""The formats of scored texts."""
