import pytest

from lmbench import SILENT
from tests.recording import Recorded


def test_a_part_reports_its_share_of_the_whole():
    whole = Recorded()
    part = whole.part("fit", 0.2, 0.6)
    part("counting", 0.5)
    part.part("split 2", 0.5)("reading", 1.0)
    assert whole.messages == [("fit: counting", pytest.approx(0.4)), ("fit: split 2: reading", pytest.approx(0.6))]


def test_a_part_passes_notices_and_downloads_on():
    whole = Recorded()
    part = whole.part("fit").part("load")
    part.notice("this downloads 500 MB")
    part.received("https://example.org/x", 3, None)
    assert whole.notices == ["this downloads 500 MB"]
    assert whole.downloads == [("https://example.org/x", 3, None)]


def test_a_silent_progress_still_warns_of_notices():
    SILENT("counting", 0.5)
    SILENT.received("https://example.org/x", 3, 4)
    with pytest.warns(UserWarning, match="this downloads 500 MB"):
        SILENT.notice("this downloads 500 MB")
