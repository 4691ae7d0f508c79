"""Scored texts as tables, JSON and pages."""

import csv
import io
import json
import math

import numpy as np

from lmbench.report.scored_texts import FORMATS, ScoredText, format_texts
from lmbench.score import Score

NATS = math.log(2)
ITEMS = ("é<b>\n", "")
SCORES = (
    Score(np.array([1, 2, 5, 6]), -NATS * np.array([1.0, 2.0, 32.0, 0.0]), -NATS * np.array([0.0, 0.0, 3.0, 0.0])),
    Score(np.array([], dtype=np.int64), np.zeros(0), np.zeros(0)),
)
TEXT = ScoredText("m:<i>,=1", "sig|<x>", ITEMS, SCORES)


def rendered(layout, *texts):
    return "\n".join(format_texts(texts or (TEXT,), layout))


def test_a_table_has_a_row_for_each_event_of_each_item():
    rows = [line.split("\t") for line in rendered("tsv").split("\n")]
    assert rows[1:] == [
        ["m:<i>,=1", "1", "0", "1", "1.0000", "0.0000", r"b'\xc3'"],
        ["m:<i>,=1", "1", "1", "2", "2.0000", "0.0000", r"b'\xa9'"],
        ["m:<i>,=1", "1", "2", "5", "32.0000", "3.0000", "'<b>'"],
        ["m:<i>,=1", "1", "5", "6", "0.0000", "0.0000", r"'\n'"],
    ]


def test_no_spreadsheet_runs_an_entry_of_csv():
    [_, *rows] = csv.reader(io.StringIO(rendered("csv", ScoredText("=1", "", ITEMS, SCORES))))
    assert {row[0] for row in rows} == {"'=1"}


def test_json_has_unrounded_numbers_and_totals():
    [text] = json.loads(rendered("json"))
    assert (text["model"], text["signature"], text["bytes"], text["events"], text["unknown"]) == (
        "m:<i>,=1",
        "sig|<x>",
        6,
        4,
        1,
    )
    assert math.isclose(text["bits"], 35.0)
    first, second = text["items"]
    assert [event["text"] for event in first["events"]] == [None, None, "<b>", "\n"]
    assert math.isclose(first["bits_per_byte"], 35 / 6)
    assert second == {"bits": 0.0, "bytes": 0, "bits_per_byte": None, "events": []}


def test_a_page_escapes_texts_and_colors_events_by_their_bits():
    page = rendered("html")
    assert "<b>" not in page
    assert "<i>" not in page
    assert "&lt;b&gt;" in page
    assert 'title="32.00 bits, 3.00 of them for its letters"' in page
    assert [share for share in ("0.19", "1.00", "0.00") if f"rgb(230 90 30 / {share})" not in page] == []
    assert ">é</span>" in page  # both of its bytes, with 3 of 16 bits
    assert "⏎" in page


def test_texts_without_events_are_shown_in_every_format():
    empty = ScoredText("m", "", (), ())
    for layout in FORMATS:
        assert rendered(layout, empty)
    assert empty.describe_total() == "m: 0 bits, since the text is empty"
