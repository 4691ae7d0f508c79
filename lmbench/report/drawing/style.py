"""The style sheet of charts: colors, dashes and the shapes of markers.

The eight colors of each scheme have a contrast of at least 3 to the background (WCAG 2.2, 1.4.11), and stay apart for
readers with protanopia, deuteranopia or tritanopia as Machado et al. (2009) simulate them; the tests check both.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from lmbench.chart import Chart, is_dashed

COLORS = 8
"""The number of colors; series beyond them repeat the colors with other dashes."""

LIGHT: Mapping[str, str] = {
    "paper": "#ffffff",
    "ink": "#1f2328",
    "quiet": "#57606a",
    "rule": "#d8dee4",
    "0": "#3a45ad",
    "1": "#fe5572",
    "2": "#079600",
    "3": "#ae60b2",
    "4": "#6f5400",
    "5": "#0099fe",
    "6": "#54026e",
    "7": "#003a0b",
}
"""The colors on a light background, by name; those of series have numbers."""

DARK: Mapping[str, str] = {
    "paper": "#16191d",
    "ink": "#e6edf3",
    "quiet": "#9aa4af",
    "rule": "#363c44",
    "0": "#1f8eff",
    "1": "#d76300",
    "2": "#a5c173",
    "3": "#d18ebb",
    "4": "#f8db26",
    "5": "#62e0ff",
    "6": "#a268b3",
    "7": "#c2ffdc",
}
"""The colors on a dark background."""

MARKERS = (
    "m-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0-7 0z",  # circle
    "m-3 -3h6v6h-6z",  # square
    "m0 -4l4 7h-8z",  # triangle
    "m0 -4.5l4.5 4.5l-4.5 4.5l-4.5 -4.5z",  # diamond
    "m0 4l4 -7h-8z",  # triangle upside down
    "m-1.2 -4h2.4v2.8h2.8v2.4h-2.8v2.8h-2.4v-2.8h-2.8v-2.4h2.8z",  # plus
    "m-4 -2.5h8v5h-8z",  # broad rectangle
    "m0 -4.5l1.3 3.2h3.4l-2.7 2.1l1 3.4l-3 -2l-3 2l1 -3.4l-2.7 -2.1h3.4z",  # star
)
"""The shapes of markers, as paths from their middle."""

DASHES = ("", "7 3", "2 3", "8 3 2 3", "12 4")
"""The dashes of the first eight series, of the next eight, and so on."""

EXTRAPOLATED = "4 4"
"""The dashes of a line that is not a measurement."""

_CHINESE = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Droid Sans Fallback",
    "PingFang SC",
    "Hiragino Sans GB",
    "Microsoft YaHei",
    "SimHei",
    "Arial Unicode MS",
)
_LATIN = 'Helvetica,Arial,"Liberation Sans",sans-serif'  # of the same widths

_BROAD = f'"DejaVu Sans","Noto Sans",{_LATIN}'

_RULES = f"""
.chart text{{font-family:{_LATIN};font-size:12px;fill:var(--chart-ink)}}
.chart .han{{font-family:{",".join(f'"{name}"' for name in _CHINESE)},{_LATIN}}}
.chart .rare{{font-family:{_BROAD}}}
.chart .halo{{paint-order:stroke;stroke:var(--chart-paper);stroke-width:3;stroke-linejoin:round}}
.chart .end{{text-anchor:end}}
.chart .middle{{text-anchor:middle}}
.chart .title{{font-size:14px;font-weight:bold}}
.chart .quiet{{fill:var(--chart-quiet)}}
.chart .paper{{fill:var(--chart-paper)}}
.chart .rule{{fill:none;stroke:var(--chart-rule);stroke-width:1}}
.chart .level{{fill:none;stroke:var(--chart-quiet);stroke-width:1.5}}
.chart .line{{fill:none;stroke:currentColor;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}}
.chart .thin{{stroke-width:1}}
.chart .gray{{color:var(--chart-quiet)}}
.chart .interval{{fill:none;stroke:currentColor;stroke-width:1.5}}
.chart .over{{fill:none;stroke:var(--chart-ink);stroke-width:1.2}}
.chart .band{{fill:currentColor;fill-opacity:.18}}
.chart .fill{{fill:currentColor}}
.chart .mark{{fill:currentColor;stroke:var(--chart-paper);stroke-width:.8}}
.chart .dots{{fill:none;stroke:currentColor;stroke-width:3.5;stroke-linecap:round;stroke-opacity:.55}}
""" + "".join(f".chart .s{number}{{color:var(--chart-{number})}}\n" for number in range(COLORS))


def choose_styles(chart: Chart) -> Sequence[int | None]:
    """Return a number for each series that chooses its color, marker and dashes.

    Series of the same name have the same number. A dashed line has None, and is gray, if no other series has its name.
    """
    solid = {one.name for one in chart.series if not is_dashed(one)}
    numbers: dict[str | int, int] = {}
    styles: list[int | None] = []
    for order, one in enumerate(chart.series):
        is_gray = is_dashed(one) and one.name not in solid
        styles.append(None if is_gray else numbers.setdefault(one.name or order, len(numbers)))
    return styles


def name_class(style: int | None) -> str:
    """Return the class of the color of a style."""
    return "gray" if style is None else f"s{style % COLORS}"


def page_style() -> str:
    """Return the style sheet of a page with charts, for light and dark screens and for print."""
    light = "".join(f"--chart-{name}:{color};" for name, color in LIGHT.items())
    dark = "".join(f"--chart-{name}:{color};" for name, color in DARK.items())
    sizes = ".chart{display:block;width:100%;max-width:40rem;height:auto}"  # texts are at most 1rem high
    return f":root{{{light}}}\n@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n{sizes}{_RULES}"


def file_style() -> str:
    """Return the style sheet of a picture, with the colors on a light background and without variables."""
    return re.sub(r"var\(--chart-(\w+)\)", lambda match: LIGHT[match[1]], _RULES)
