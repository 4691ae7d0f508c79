from html.parser import HTMLParser

from lmbench.report.contents import Column, Contents
from lmbench.report.html import format_html, format_table
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
    assert texts["td"] == ["b\\x1b[1m", "2.00"]
    assert (texts["p"], texts["li"]) == (["a <note>"], ["what & why"])
    assert "<script>" not in html


def test_a_page_has_the_tables_methods_and_signatures(directory):
    html = format_html(RankedRun.read(directory))
    texts = Reader(html).texts
    assert texts["h2"] == ["Methods", "Signatures"]
    assert texts["strong"][0].startswith("toy|corpus:")
    assert texts["code"] == [cell.signature for cell in directory.cells() if cell.signature]
    assert "no | weights &lt;b&gt;" in html
