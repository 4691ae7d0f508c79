import bz2
import gzip
import io
import lzma
import os
import struct

import pytest
from backports import zstd

from lmbench.compression import READ_ERRORS, ExpansionError, decompress, is_compressed, open_decompressed, open_regular
from lmbench.errors import CorpusError
from tests.recording import Recorded

TEXT = "aé 汉\n".encode() * 100
COMPRESSORS = {"gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress, "zstandard": zstd.compress}
SKIPPABLE = struct.pack("<II", 0x184D2A57, 5) + b"\0skip"

compressions = pytest.mark.parametrize("compress", COMPRESSORS.values(), ids=COMPRESSORS)


def read(data, progress=None):
    return b"".join(decompress(io.BytesIO(data), "x", *[progress] * (progress is not None)))


@compressions
def test_compressed_bytes_are_recognized_and_decompressed(tmp_path, compress):
    file = tmp_path / "text"
    file.write_bytes(compress(TEXT))
    assert is_compressed(file)
    assert read(file.read_bytes()) == TEXT
    with open_decompressed(file) as opened:
        assert opened.read() == TEXT


@pytest.mark.parametrize("data", [TEXT, b"", b"B", b"BZhang is a name\n", b"BZh9 is not bzip2", b"\x1f"])
def test_other_bytes_are_unchanged(tmp_path, data):
    file = tmp_path / "text"
    file.write_bytes(data)
    assert not is_compressed(file)
    assert read(data) == data
    with open_decompressed(file) as opened:
        assert opened.read() == data


@compressions
def test_empty_text_can_be_compressed(compress):
    assert read(compress(b"")) == b""


@compressions
def test_members_are_joined_and_padding_is_skipped(compress):
    assert read(compress(b"a\n") + compress(b"") + compress(b"b\n") + b"\0" * 100_000, Recorded()) == b"a\nb\n"
    assert read(compress(b"a\n") + b"\0" * 8 + compress(b"b\n")) == b"a\nb\n"


@compressions
def test_large_files_are_decompressed_in_pieces(compress):
    data = os.urandom(1 << 20) + bytes(10 << 20)
    pieces = list(decompress(io.BytesIO(compress(data)), "x"))
    assert b"".join(pieces) == data
    assert max(map(len, pieces)) <= 1 << 18


@compressions
def test_bytes_after_the_compressed_data_are_announced(tmp_path, compress):
    (tmp_path / "text").write_bytes(compress(TEXT) + b"more\n")
    progress = Recorded()
    with open_decompressed(tmp_path / "text", progress) as opened:
        assert opened.read() == TEXT
    [notice] = progress.notices
    assert notice.startswith(f"{tmp_path}/text: the bytes that follow the ")
    assert notice.endswith(" data are ignored")


def test_a_zstandard_file_may_begin_with_a_skippable_frame(tmp_path):
    """pzstd and writers of seekable files begin with one, and they may be anywhere."""
    data = SKIPPABLE + zstd.compress(b"a\n") + SKIPPABLE * 2 + zstd.compress(b"b\n") + SKIPPABLE
    (tmp_path / "text").write_bytes(data)
    assert is_compressed(tmp_path / "text")
    assert read(data) == b"a\nb\n"
    with open_decompressed(tmp_path / "text") as opened:
        assert opened.readline() == b"a\n"
    assert read(SKIPPABLE) == b""


@compressions
def test_lines_are_read_one_at_a_time(tmp_path, compress):
    (tmp_path / "text").write_bytes(compress(TEXT))
    with open_decompressed(tmp_path / "text") as opened:
        assert next(opened) == "aé 汉\n".encode()
        assert len(list(opened)) == 99


@compressions
@pytest.mark.parametrize("damage", ["truncated", "corrupt"])
def test_damaged_data_is_a_read_error(tmp_path, compress, damage):
    data = compress(bytes(range(1, 128)) * 40)
    data = data[: len(data) // 2] if damage == "truncated" else data[:12] + b"\xff" * 200
    with pytest.raises(READ_ERRORS) as error:
        read(data)
    assert "\n" not in str(error.value)
    (tmp_path / "text").write_bytes(data)
    with pytest.raises(READ_ERRORS), open_decompressed(tmp_path / "text") as opened:
        opened.read()


@pytest.fixture(scope="module")
def bomb():
    """65 MiB in 64 KiB of gzip."""
    return gzip.compress(bytes(65 << 20))


def test_a_small_file_that_expands_to_a_huge_one_is_refused(bomb, monkeypatch, tmp_path):
    with pytest.raises(ExpansionError, match=r"it expands to more than 200 times its size; .* LMBENCH_MAX_EXPANSION"):
        read(bomb)
    (tmp_path / "text").write_bytes(bomb)
    with open_decompressed(tmp_path / "text") as opened, pytest.raises(READ_ERRORS):
        opened.readline()
    monkeypatch.setenv("LMBENCH_MAX_EXPANSION", "2000")
    assert len(read(bomb)) == 65 << 20


def test_up_to_64_mib_any_expansion_is_allowed():
    assert len(read(lzma.compress(bytes(63 << 20)))) == 63 << 20


@pytest.mark.parametrize("value", ["-1", "many", "1e3", "9" * 5000])
def test_a_limit_that_is_not_a_number_is_refused(value, monkeypatch):
    monkeypatch.setenv("LMBENCH_MAX_EXPANSION", value)
    with pytest.raises(CorpusError, match=r"LMBENCH_MAX_EXPANSION is '.*'; set it to a whole number, such as 200"):
        read(gzip.compress(b"a"))


def test_a_missing_file_is_a_read_error(tmp_path):
    with pytest.raises(READ_ERRORS), open_decompressed(tmp_path / "missing"):
        pass


def test_only_regular_files_are_opened(tmp_path):
    """Opening the pipe would wait for a writer."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero", "/dev/tty"):
        with pytest.raises(OSError, match="it is a device or a pipe, not a regular file; '-' reads standard input"):
            open_regular(type(tmp_path)(path))
    with pytest.raises(IsADirectoryError):
        open_regular(tmp_path)


def test_files_of_the_kernel_that_claim_to_be_empty_are_empty(tmp_path):
    """Among them is /proc/kmsg, which never ends."""
    with open_decompressed(type(tmp_path)("/proc/self/status")) as opened:
        assert opened.read() == b""
