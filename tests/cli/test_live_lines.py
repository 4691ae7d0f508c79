import pytest
from rich.cells import cell_len

from lmbench.cli.live_lines import LiveLine, Shortened, clock, size


@pytest.mark.parametrize(
    ("head", "tail", "width", "shown"),
    [
        ("kenlm", " on pydocs", 15, "kenlm on pydocs"),
        ("kenlm:order=3", " on pydocs", 17, "kenlm:… on pydocs"),
        ("kenlm:order=3", " on pydocs", 12, "kenlm:order…"),
        ("长名字模型", "", 6, "长名…"),
        ("loading", "", 1, "…"),
        ("a\nb", "", 9, "a\\nb"),
    ],
)
def test_a_text_is_shortened_in_its_head(head, tail, width, shown):
    assert Shortened(head, tail).fit(width) == shown
    assert cell_len(shown) <= width


def test_a_speed_is_kept():
    line = LiveLine(Shortened("m"))
    line.advance("fit: step 3, loss 2.345, 1,234 tokens/s", 0.5, 1.0)
    assert line.step.fit(25) == "fit: step… 1,234 tokens/s"


def test_the_remaining_time_is_that_of_the_stage():
    line = LiveLine(Shortened("m"))
    line.advance("fit", 0.0, 0.0)
    line.advance("fit", 0.1, 1.0)
    assert line.remaining(1.0) is None  # too early to tell
    line.advance("fit", 0.25, 10.0)
    assert line.remaining(10.0) == pytest.approx(30)
    assert line.remaining(20.0) == pytest.approx(20)
    assert line.remaining(40.0) is None  # it takes longer than it seemed
    line.advance("score", 0.0, 50.0)
    assert line.remaining(50.0) is None
    line.advance("score", 0.5, 60.0)
    assert line.remaining(60.0) == pytest.approx(10)


def test_the_time_before_the_first_share_says_nothing_about_the_remaining_time():
    line = LiveLine(Shortened("m"))
    line.advance("loading PyTorch", 0.0, 0.0)
    line.advance("fit", 0.0, 20.0)
    line.advance("fit", 0.5, 30.0)
    assert line.remaining(30.0) == pytest.approx(10)


def test_what_was_done_before_says_nothing_about_the_remaining_time():
    line = LiveLine(Shortened("all"))
    line.begin(0.5, 10.0)
    line.advance("", 0.75, 20.0)
    assert line.remaining(20.0) == pytest.approx(10)


def test_durations_and_sizes_are_short():
    assert [clock(seconds) for seconds in (7.9, 754, 3723)] == ["0:07", "12:34", "1:02:03"]
    assert [size(count) for count in (310 << 20, 1 << 30, 123 << 29)] == ["310 MiB", "1.0 GiB", "61.5 GiB"]
