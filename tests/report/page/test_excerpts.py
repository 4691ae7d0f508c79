"""The words of excerpts, and their colors against the contrast of WCAG 2.2 and the simulations of Machado et al."""

import itertools
import re

import numpy as np
import pytest

from lmbench.analysis.words import align_to_words
from lmbench.report.drawing.style import DARK, LIGHT
from lmbench.report.page.excerpts import (
    LEVELS,
    STEPS,
    find_excerpts,
    find_typical_text,
    list_levels,
    list_steps,
    make_tokens,
)
from lmbench.report.page.templating import read_template
from tests.analysis.scored import align_events, corpus
from tests.report.drawing.test_style import VISION, contrast, linear, oklab


def align_words(*documents, costs):
    """Return the words of documents; costs are bits of words under a and b, which need 1 bit for others."""
    events = [re.findall(r"[^\S\n]*(?:\S+|\n)", document) for document in documents]
    models = {
        label: [[(len(piece.encode()), costs.get(piece.strip(), (1, 1))[place]) for piece in each] for each in events]
        for place, label in enumerate("ab")
    }
    return align_to_words(align_events(corpus(*documents), **models))


def test_words_have_their_bits_and_colors():
    rows = align_words("汉字  x\n\ty\n", costs={"x": (4, 12.25), "y": (20, 0.5)})
    assert [
        (token.space, token.text, token.bits, token.other_bits, token.colors) for token in make_tokens(rows, 0, 5)
    ] == [
        ("", "汉字", "1.0", "1.0", "a1 b1"),
        ("  ", "x", "4.0", "12.2", "a3 b5 n5"),
        ("", "⏎", "1.0", "1.0", "a1 b1"),
        ("\t", "y", "20.0", "0.5", "a6 p5"),
        ("", "⏎", "1.0", "1.0", "a1 b1"),
    ]
    assert [token.is_last for token in make_tokens(rows, 0, 5)] == [False, False, True, False, True]


def test_a_long_word_is_shortened():
    [token] = make_tokens(align_words("x" * 500, costs={}), 0, 1)
    assert token.text == "x" * 119 + "…"


def test_excerpts_show_the_words_around_a_passage():
    first, second = "0 1 2 3 4 5 6 7 8 X 9 A B C D E F G H\n", "X\n"
    rows = align_words(first, second, costs={"X": (9, 1)})
    shown = [
        [[token.text for token in part] for part in (one.before, one.tokens, one.after)]
        for one in find_excerpts(rows, "a", "b")
    ]
    assert sorted(shown) == [[[], ["X"], ["⏎"]], [list("345678"), ["X"], list("9ABCDE")]]
    assert {one.title for one in find_excerpts(rows, "a", "b")} == {
        f"Document {number}: 1 word, 9.0 bits under a and 1.0 under b." for number in (0, 1)
    }
    assert list(find_excerpts(rows, "b", "a")) == []


def test_of_a_long_passage_the_words_that_differ_most_are_shown():
    words = [*("x" for _ in range(50)), *("y" for _ in range(60)), *("x" for _ in range(50))]
    rows = align_words(" ".join([*words, *("z" for _ in range(900))]), costs={"x": (9, 1), "y": (19, 1)})
    [excerpt] = find_excerpts(rows, "a", "b")
    assert {token.text for token in excerpt.tokens} == {"y"}
    assert excerpt.title == "Document 0: 160 words, 2,040.0 bits under a and 160.0 under b; 60 of them are shown."
    assert [token.text for token in excerpt.before] == ["x"] * 6


def test_the_typical_text_differs_as_all_documents_do():
    """The first and the last document differ by 4 bits, the second one by 2, and all of them by 2.5."""
    documents = ("q " * 99 + "q", "r " * 99 + "r", "s " * 99 + "s", "s " * 99 + "s")
    rows = align_words(*documents, costs={"q": (5, 1), "r": (3, 1), "s": (3, 1)})
    first, second = find_typical_text(rows)
    assert (first.title, second.title) == ("Document 1", "Document 2")
    assert [token.text for token in (*first.tokens, *second.tokens)] == ["r"] * 100 + ["s"] * 100


def test_each_color_is_in_the_legend_and_in_the_style_sheet():
    names = {name for colors, _ in (*list_levels(), *list_steps()) for name in colors.split()} - {"a0", "b0"}
    assert names == {
        f"{letter}{level}" for letter, most in zip("abpn", (6, 6, 5, 5), strict=True) for level in range(1, most + 1)
    }
    assert set(re.findall(r"\.([abpn]\d)\b", read_template("report.css"))) == names
    assert (len(LEVELS), len(STEPS)) == (6, 5)
    assert [text for _, text in list_steps()][4:8] == ["−0.5–1", "under 0.5", "+0.5–1", "+1–2"]


def mix(color, paper, share):
    """Return a color that is drawn on paper with this opacity, as #rrggbb."""
    paper = np.array([int(paper[start : start + 2], 16) for start in (1, 3, 5)])
    return "#" + "".join(f"{round(value):02x}" for value in share * np.array(color) + (1 - share) * paper)


def read_colors(scheme):
    """Return the colors of levels 0 to 6, and of differences from −5 to 5, of a color scheme."""
    css = read_template("report.css")
    more, fewer = (
        list(map(int, re.findall(rf"--{name}:(\d+) (\d+) (\d+)", css)[scheme is DARK])) for name in ("more", "fewer")
    )
    levels = [0.0, *(float(re.search(rf"\.a{level}\{{--a:([.\d]+)", css)[1]) for level in range(1, 7))]
    steps = [0.0, *(float(re.search(rf"\.p{step},\.n{step}\{{--d:([.\d]+)", css)[1]) for step in range(1, 6))]
    paper = scheme["paper"]
    below = [mix(fewer, paper, share) for share in reversed(steps[1:])]
    return [mix(more, paper, share) for share in levels], below + [mix(more, paper, share) for share in steps]


@pytest.mark.parametrize("scheme", [LIGHT, DARK])
def test_words_are_readable_on_each_color(scheme):
    assert min(contrast(scheme["ink"], color) for colors in read_colors(scheme) for color in colors) >= 4.5


@pytest.mark.parametrize("scheme", [LIGHT, DARK])
@pytest.mark.parametrize("vision", VISION)
def test_neighboring_colors_and_both_directions_stay_apart_for_all_readers(scheme, vision):
    for colors in read_colors(scheme):
        seen = [oklab(np.array(VISION[vision]) @ linear(color)) for color in colors]
        assert min(np.linalg.norm(one - other) for one, other in itertools.pairwise(seen)) > 0.02
    assert min(np.linalg.norm(seen[5 - step] - seen[5 + step]) for step in range(2, 6)) > 0.07
