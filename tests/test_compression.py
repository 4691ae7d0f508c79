import bz2
import gzip
import lzma

import pytest
from backports import zstd

from lmbench.compression import READ_ERRORS, decompress, is_compressed, open_decompressed
from lmbench.errors import CorpusError

TEXT = "aé 汉\n".encode() * 100
COMPRESSORS = {"gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress, "zstandard": zstd.compress}

compressions = pytest.mark.parametrize("compress", COMPRESSORS.values(), ids=COMPRESSORS)


@compressions
def test_compressed_bytes_are_recognized_and_decompressed(tmp_path, compress):
    file = tmp_path / "text"
    file.write_bytes(compress(TEXT))
    assert is_compressed(file)
    assert decompress(file.read_bytes(), "x") == TEXT
    with open_decompressed(file) as opened:
        assert opened.read() == TEXT


@pytest.mark.parametrize("data", [TEXT, b"", b"B", b"BZhang is a name\n", b"BZh9 is not bzip2", b"\x1f"])
def test_other_bytes_are_unchanged(tmp_path, data):
    file = tmp_path / "text"
    file.write_bytes(data)
    assert not is_compressed(file)
    assert decompress(data, "x") == data
    with open_decompressed(file) as opened:
        assert opened.read() == data


@compressions
def test_empty_text_can_be_compressed(compress):
    assert decompress(compress(b""), "x") == b""


@compressions
def test_lines_are_read_one_at_a_time(tmp_path, compress):
    (tmp_path / "text").write_bytes(compress(TEXT))
    with open_decompressed(tmp_path / "text") as opened:
        assert next(opened) == "aé 汉\n".encode()
        assert len(list(opened)) == 99


@compressions
@pytest.mark.parametrize("damage", ["truncated", "corrupt"])
def test_damaged_data_is_a_single_error(tmp_path, compress, damage):
    data = compress(bytes(range(1, 128)) * 40)
    data = data[: len(data) // 2] if damage == "truncated" else data[:12] + b"\xff" * 200
    with pytest.raises(CorpusError, match=r"^x is truncated or corrupt: |^cannot read x: ") as error:
        decompress(data, "x")
    assert "\n" not in str(error.value)
    (tmp_path / "text").write_bytes(data)
    with pytest.raises(READ_ERRORS), open_decompressed(tmp_path / "text") as opened:
        opened.read()


def test_a_missing_file_is_a_read_error(tmp_path):
    with pytest.raises(READ_ERRORS), open_decompressed(tmp_path / "missing"):
        pass
