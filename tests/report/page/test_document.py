import json
import re
from html.parser import HTMLParser

import pytest

from lmbench.report import tables
from lmbench.report.page.document import describe_run, format_page, list_charts
from lmbench.report.page.templating import read_template
from lmbench.report.ranked_run import RankedRun
from tests.browser import CHROMIUM, browse
from tests.report.page.conftest import HOSTILE
from tests.storing import new_directory

VOID = {"meta", "link", "input", "br"}


class Reader(HTMLParser):
    """Collects the elements and the text of a page, and fails if they do not nest."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.texts, self.attributes, self._open = [], [], [], []
        self.feed(page)
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *attribute) for attribute in attrs]
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture(scope="session")
def page(results):
    return format_page(results)


@pytest.fixture(scope="session")
def paired_page(paired):
    return format_page(paired)


@pytest.fixture(scope="session")
def tab(tmp_path_factory):
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    with browse(tmp_path_factory.mktemp("chromium")) as opened:
        yield opened


@pytest.fixture
def opened(tab, page, tmp_path):
    """Open the page anew in a browser."""
    return open_anew(tab, page, tmp_path)


@pytest.fixture
def colored(tab, paired_page, tmp_path):
    """Open the page with words anew."""
    return open_anew(tab, paired_page, tmp_path)


def open_anew(tab, page, folder):
    file = folder / "report.html"
    file.write_text(page)
    tab.messages.clear()
    tab.requests.clear()
    tab.emulate()
    tab.resize(1440)
    tab.open(file)
    return tab


def test_hostile_text_stays_text(page):
    reader = Reader(page)
    assert reader.tags.count("script") == 1
    assert not [name for _, name, _ in reader.attributes if name.startswith("on")]
    assert "\x1b" not in page
    assert "\u202e" not in page
    shown = HOSTILE.replace("\u202e", "\\u202e").replace("\x1b", "\\x1b")
    assert shown in reader.texts
    assert shown in [value for _, _, value in reader.attributes]


def test_hostile_words_stay_text(paired_page):
    reader = Reader(paired_page)
    assert reader.tags.count("script") == 1
    assert not [name for _, name, _ in reader.attributes if name.startswith("on")]
    assert "\x1b" not in paired_page
    assert "\u202e" not in paired_page
    assert reader.texts.count(HOSTILE.replace("\u202e", "\\u202e").replace("\x1b", "\\x1b")) > 6
    names = [value for tag, name, value in reader.attributes if tag == "input" and name == "name"]
    assert names == ["pair-1-1"] * 3


def test_the_page_needs_no_other_file(page):
    linked = [(tag, value) for tag, name, value in Reader(page).attributes if name in ("src", "href")]
    files = [value for tag, value in linked if not value.startswith("#")]
    assert files == ["data:,", "table.csv", "pairs.csv", "table.parquet", "pairs.parquet", "table.md", "table.tex"]
    assert "url(" not in read_template("report.css")
    assert "@import" not in page


def test_all_charts_of_the_page_name_their_corpus(paired, results):
    titles = [chart.title for chart in list_charts(describe_run(paired))]
    assert len(set(titles)) == len(titles)
    assert all(re.search(r"\b(on|of) c$", title) for title in titles if title != "Text that differences take")
    assert sum(title.startswith("Documents under") for title in titles) == 1
    assert "Training on hmm on plain" in [chart.title for chart in list_charts(describe_run(results))]


def test_a_page_in_another_folder_links_to_no_file(results):
    attributes = Reader(format_page(results, is_alone=True)).attributes
    assert [value for tag, name, value in attributes if (tag, name) == ("a", "href") and value[0] != "#"] == []


def test_links_within_the_page_lead_somewhere(page):
    attributes = Reader(page).attributes
    names = [value for _, name, value in attributes if name == "id"]
    assert len(set(names)) == len(names)
    targets = {value[1:] for _, name, value in attributes if name == "href" and value.startswith("#")}
    assert targets <= set(names)
    assert {"overview", "corpus-1", "corpus-2", "needs", "learned", "methods"} <= targets


def test_every_picture_has_a_title_a_description_and_its_data(page):
    figures = re.findall(r"<figure>.*?</figure>", page, re.DOTALL)
    assert len(figures) >= 4
    for figure in figures:
        assert re.search(r"<svg[^>]*><title>[^<]+</title><desc>[^<]+</desc>", figure)
        assert '<table class="data">' in figure


def test_two_pages_of_a_run_are_the_same(results, page):
    assert format_page(RankedRun.read(results.directory)) == page


def test_the_page_is_written_beside_the_tables(made, results, page):
    tables.write(results)
    assert (made.path / "report.html").read_text() == page


def test_a_run_without_cells_has_a_page(tmp_path):
    texts = Reader(format_page(RankedRun.read(new_directory(tmp_path / "run")))).texts
    assert "No model has numbers." in texts


def test_the_script_is_small():
    assert len(read_template("report.js")) < 15_000


def test_a_browser_reports_no_error_and_asks_for_nothing_else(opened):
    assert opened.messages == []
    assert [address for address in opened.requests if not address.startswith("file:")] == []
    assert len(opened.requests) == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_the_page_without_scrolling_sideways(opened, scheme):
    opened.emulate(scheme)
    opened.resize(390)
    assert opened.run("document.documentElement.scrollWidth") <= 390


def test_texts_of_charts_are_legible_on_a_phone(opened):
    opened.resize(390)
    scales = "[...document.querySelectorAll('.plot .chart')].map((one) => one.getBoundingClientRect().width / 480)"
    assert opened.run(f"Math.min(...{scales}.filter((scale) => scale > 0)) * 12") >= 10  # pixels
    assert opened.run("document.querySelector('.plot').scrollWidth > document.querySelector('.plot').clientWidth")


def test_the_names_of_rows_stay_in_sight_on_a_phone(opened):
    opened.resize(390)
    table = "document.querySelector('.sortable.filterable')"
    opened.run(f"{table}.parentElement.scrollLeft = 1000")
    left = f"{table}.querySelector('tbody th[scope=row]').getBoundingClientRect().left"
    assert opened.run(f"{table}.parentElement.scrollLeft") > 0
    assert opened.run(f"{left} - {table}.parentElement.getBoundingClientRect().left") == 0


def test_tables_sort_by_keyboard(opened):
    rows = "[...document.querySelectorAll('.overview tbody th')].map(one => one.textContent).join()"
    opened.run("document.querySelectorAll('.overview th button')[1].focus()")
    opened.press("Enter")
    assert opened.run(rows).startswith("mix,ppm,kenlm,uniform,")
    assert opened.run("document.querySelectorAll('.overview thead th')[1].ariaSort") == "ascending"
    opened.press(" ")
    assert opened.run(rows).startswith("uniform,kenlm,ppm,mix,")
    assert opened.run("document.querySelectorAll('.overview thead th')[1].ariaSort") == "descending"


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["2.5", "−0.12 [−0.2, 0.1]", "+1", "–"], ["−0.12 [−0.2, 0.1]", "+1", "2.5", "–"]),
        (["1.2 MB", "900 kB", "under 1 kB", "3 GB"], ["900 kB", "1.2 MB", "3 GB", "under 1 kB"]),
        (["25.6M", "1,000", "2=", "3k", "10"], ["2=", "10", "1,000", "3k", "25.6M"]),
    ],
)
def test_entries_sort_as_numbers(opened, texts, expected):
    found = opened.run(
        f"""(() => {{
        const table = document.querySelector(".overview");
        const rows = [...table.tBodies[0].rows];
        {texts}.forEach((text, place) => {{
            rows[place] = rows[place] || table.tBodies[0].appendChild(rows[0].cloneNode(true));
            rows[place].cells[1].textContent = text;
        }});
        rows.slice({len(texts)}).forEach((row) => row.remove());
        table.querySelectorAll("th button")[1].click();
        return [...table.tBodies[0].rows].map((row) => row.cells[1].textContent);
    }})()"""
    )
    assert found == expected


def test_rows_are_filtered_by_all_words(tab, page, tmp_path):
    """The tables of this run are too short for a filter; so the first row is there ten times."""
    rows = re.search(r'(<table class="sortable filterable ">.*?<tbody>)(\s*<tr.*?</tr>)', page, re.DOTALL)
    longer = page[: rows.end(1)] + 10 * rows[2] + page[rows.end(1) :]
    (tmp_path / "longer.html").write_text(longer)
    tab.open(tmp_path / "longer.html")
    shown = "[...document.querySelectorAll('.filterable')[0].tBodies[0].rows].filter(row => !row.hidden).length"
    total = tab.run(shown)
    first = tab.run("document.querySelectorAll('.filterable')[0].tBodies[0].rows[0].cells[0].textContent")
    last = tab.run("[...document.querySelectorAll('.filterable')[0].tBodies[0].rows].at(-1).cells[0].textContent")
    assert first != last
    for words, expected in ((last, 1), (f"{last.upper()} {last[:2]}", 1), (f"{first} {last}", 0), ("", total)):
        tab.run(
            f"document.querySelector('.filter input').value = {json.dumps(words)};"
            "document.querySelector('.filter input').dispatchEvent(new Event('input'))"
        )
        assert tab.run(shown) == expected


def test_printing_opens_what_is_closed(opened):
    closed = "document.querySelectorAll('details.print:not([open])').length"
    assert opened.run(closed) > 0
    opened.run("dispatchEvent(new Event('beforeprint'))")
    assert opened.run(closed) == 0
    opened.run("dispatchEvent(new Event('afterprint'))")
    assert opened.run(closed) > 0


def test_another_baseline_is_chosen(opened):
    shown = "document.querySelector('.choice>:not([hidden]) h3').textContent"
    assert opened.run(shown) == "Differences to kenlm on plain"
    opened.run("document.querySelector('.filter select').focus()")
    for key in "pp":  # as typed letters choose an option
        opened.press(key)
    assert opened.run(shown) == "Differences to ppm on plain"
    assert opened.run("document.querySelector('.choice').querySelectorAll(':scope>:not([hidden])').length") == 1


COLOR = """
    getComputedStyle([...document.querySelectorAll(".gloss i")].find(one => one.textContent === "hard")).backgroundColor
"""


def test_words_are_colored_by_either_model_or_the_difference(colored):
    """The word costs 2 bits under the first model, and 100 under the second one."""
    assert colored.messages == []
    assert colored.run(COLOR) == "rgba(245, 120, 10, 0.2)"
    colored.run("document.querySelector('.by-a').focus()")
    colored.press("ArrowRight")
    assert colored.run(COLOR) == "rgba(245, 120, 10, 0.95)"
    colored.press("ArrowRight")
    assert colored.run(COLOR) == "rgba(60, 150, 255, 0.9)"
    colored.emulate("dark")
    assert colored.run(COLOR) == "rgba(20, 110, 215, 0.9)"


FOCUSED = "[document.activeElement.textContent, getComputedStyle(document.activeElement, '::after').content].join(' ')"


def test_bits_appear_by_keyboard_and_by_tap(colored):
    assert colored.run("document.querySelectorAll('.text i[tabindex=\"0\"]').length") == 1
    colored.run("document.querySelector('.text i').focus()")
    assert colored.run(FOCUSED) == 'A "A: 2.0 bits, B: 2.0 bits"'
    colored.press("ArrowLeft")
    colored.press("ArrowRight")
    assert colored.run(FOCUSED) == 'hard "A: 2.0 bits, B: 100.0 bits"'
    place = colored.run(
        """(() => {
        const word = document.querySelectorAll(".text i")[2];
        word.scrollIntoView({block: "center"});
        const box = word.getBoundingClientRect();
        return [box.x + box.width / 2, box.y + box.height / 2];
    })()"""
    )
    colored.tap(*place)
    assert colored.run(FOCUSED).startswith('word "A: ')
    assert colored.run("document.querySelectorAll('.text i[tabindex=\"0\"]').length") == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_words_without_scrolling_sideways(colored, scheme):
    colored.emulate(scheme)
    colored.resize(390)
    colored.run("[...document.querySelectorAll('.text i')].at(-1).focus()")
    assert colored.run("document.documentElement.scrollWidth") <= 390
