from html.parser import HTMLParser

from lmbench.report.contents import Column, Contents
from lmbench.report.html import format_table, format_tables
from lmbench.report.ranked_run import RankedRun


class Reader(HTMLParser):
    """Collects the text of each element."""

    def __init__(self, html):
        super().__init__()
        self.texts, self._open = {}, []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self._open.append(tag)

    def handle_endtag(self, tag):
        self._open.remove(tag)

    def handle_data(self, data):
        if self._open and data.strip():
            self.texts.setdefault(self._open[-1], []).append(data)


CONTENTS = Contents(
    title="a <i>title</i>",
    columns=(Column("model", "left"), Column("bits/byte")),
    rows=(("<script>", "1.00"), ("b\x1b[1m", "2.00")),
    legend=("what & why",),
    notes=("a <note>",),
    best=(0,),
)


def test_texts_are_escaped_and_the_best_model_is_bold():
    html = format_table(CONTENTS)
    texts = Reader(html).texts
    assert texts["strong"] == ["a <i>title</i>"]
    assert texts["b"] == ["<script>", "1.00"]
    assert (texts["th"][-1:], texts["td"]) == (["b\\x1b[1m"], ["2.00"])
    assert (texts["p"], texts["li"]) == (["a <note>"], ["what & why"])
    assert "<script>" not in html


def test_each_table_of_a_run_is_shown(directory):
    texts = Reader(format_tables(RankedRun.read(directory))).texts
    assert texts["strong"][0].startswith("toy|corpus:")
    assert any("no | weights <b>" in note for note in texts["p"])
