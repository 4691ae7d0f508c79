import sys
from pathlib import Path

import pytest

from lmbench.runs.capped_log import CappedLog

HALF = 1 << 19


def write(path, *parts):
    with CappedLog(path) as log:
        for part in parts:
            log.write(part)
    return path.read_bytes(), log.last_line


@pytest.mark.parametrize("sizes", [(), (1,), (HALF - 1, 2), (HALF, HALF), (2 * HALF,)])
def test_up_to_a_mebibyte_is_kept_whole(tmp_path, sizes):
    parts = [bytes([97 + number]) * size for number, size in enumerate(sizes)]
    assert write(tmp_path / "log", *parts)[0] == b"".join(parts)


@pytest.mark.parametrize(
    "parts", [(b"a" * HALF, b"b" * 12_345, b"c" * HALF), (b"a" * HALF + b"b" * 12_345 + b"c" * HALF,)]
)
def test_the_middle_of_a_longer_log_is_left_out(tmp_path, parts):
    text, _ = write(tmp_path / "log", *parts)
    assert text == b"a" * HALF + "\n… 12,345 bytes are left out …\n".encode() + b"c" * HALF


@pytest.mark.parametrize("piece", [1000, 70_000, 3_000_000])
def test_the_end_is_kept_however_it_is_printed(tmp_path, piece):
    printed = bytes(range(256)) * 40_000
    text, _ = write(tmp_path / "log", *(printed[start : start + piece] for start in range(0, len(printed), piece)))
    assert text.startswith(printed[:HALF])
    assert text.endswith(printed[-HALF:])
    assert len(text) < 2 * HALF + 100


def test_the_beginning_is_in_the_file_at_once(tmp_path):
    with CappedLog(tmp_path / "log") as log:
        log.write(b"a word")
        assert (tmp_path / "log").read_bytes() == b"a word"


@pytest.mark.parametrize(
    ("text", "line"),
    [(b"", ""), (b"\n\n", ""), (b"a\nb\n \n", "b"), (b"a\x1b[1m", "a\\x1b[1m"), (b"x" * 5000, "x" * 1000 + "…")],
)
def test_the_last_line_is_short_and_printable(tmp_path, text, line):
    assert write(tmp_path / "log", text)[1] == line


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a device that is full")
def test_a_full_disk_is_no_error():
    with CappedLog(Path("/dev/full")) as log:
        log.write(b"a" * 3 * HALF)
    assert log.last_line.startswith("aaa")
