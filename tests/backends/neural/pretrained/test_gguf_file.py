import random
import struct
from contextlib import suppress

import gguf
import pytest

from lmbench.backends.neural.pretrained.gguf_file import GgufFile
from lmbench.backends.neural.pretrained.model_files import UnusableFileError
from tests.gguf import write_gguf


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    write_gguf(path, kind="Q4_1")
    return path


@pytest.fixture
def damaged(whole, tmp_path):
    """Return a function that writes changed bytes to a file and reads that."""

    def read(change):
        path = tmp_path / "changed.gguf"
        path.write_bytes(change(whole.read_bytes()))
        return GgufFile.read(path)

    return read


def header(version=3, tensors=0, keys=0):
    return b"GGUF" + struct.pack("<IQQ", version, tensors, keys)


def test_the_header_is_that_which_the_package_gguf_reads(whole):
    own, theirs = GgufFile.read(whole), gguf.GGUFReader(whole)
    assert {key: theirs.fields[key].contents() for key in own.metadata} == own.metadata
    described = [(tensor.name, tuple(map(int, tensor.shape)), tensor.tensor_type) for tensor in theirs.tensors]
    assert described == [(tensor.name, tensor.shape, tensor.kind) for tensor in own.tensors]
    assert [tensor.size for tensor in own.tensors] == [tensor.n_bytes for tensor in theirs.tensors]
    assert own.quantization == "Q4_1+F32"


def test_a_file_that_is_cut_off_anywhere_is_refused(whole, damaged):
    size = whole.stat().st_size
    for length in [*range(0, 400, 7), *range(400, size, 997), size - 1]:
        with pytest.raises(UnusableFileError, match=r"cut off|not a GGUF file"):
            damaged(lambda data, length=length: data[:length])


def test_random_damage_to_the_header_raises_nothing_else(whole, damaged):
    draw = random.Random(7)
    end = GgufFile.read(whole).table[1]
    passed = 0
    for _ in range(120):
        places = {draw.randrange(end): draw.choice((0, 1, 0x7F, 0x80, 0xFF, draw.randrange(256))) for _ in range(3)}
        changed = bytearray(whole.read_bytes())
        for place, value in places.items():
            changed[place] = value
        with suppress(UnusableFileError):
            damaged(lambda data, changed=changed: bytes(changed))
            passed += 1
    assert 0 < passed < 100


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "it is not a GGUF file"),
        (b"PK\3\4" + bytes(100), "it is not a GGUF file"),
        (header(version=1), "its GGUF version is 1; 2 and 3 are supported"),
        (header(version=3 << 24), "its GGUF version is 50331648; 2 and 3 are supported"),
        (header(keys=1 << 60), "its header is damaged, or has more than 65,536 keys or tensors"),
        (header(tensors=1 << 17), "its header is damaged, or has more than 65,536 keys or tensors"),
        (header(keys=1) + struct.pack("<Q", 1 << 62), "its header is damaged or cut off"),
        (header(keys=1) + struct.pack("<Q1sIIQ", 1, b"a", 9, 9, 1 << 40), "its header has an array that is damaged"),
        (header(keys=1) + struct.pack("<Q1sI", 1, b"a", 77), "its header has a value of the unknown kind 77"),
        (header(keys=2) + struct.pack("<Q1sIB", 1, b"a", 0, 0) * 2, "its header gives a twice"),
        (header(), "its header does not name an architecture"),
    ],
)
def test_files_that_are_not_models_are_refused(damaged, data, message):
    with pytest.raises(UnusableFileError, match=message):
        damaged(lambda _: data)


def test_many_numbers_are_refused_before_they_take_memory(damaged):
    """Each takes a byte of the file, and up to 48 in memory. All arrays count together."""
    arrays = (struct.pack("<Q1sIIQ", 1, name, 9, 0, 5_000_000) + bytes(5_000_000) for name in (b"a", b"b"))
    data = header(keys=2) + b"".join(arrays)
    with pytest.raises(UnusableFileError, match="its header has arrays of more than 8,388,608 numbers"):
        damaged(lambda _: data)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"llama__block_count": 4_000_000_000}, "its llama.block_count is 4,000,000,000, but it holds 20 tensors"),
        ({"llama__context_length": 1 << 31}, "its llama.context_length is 2,147,483,648; at most 16,777,216"),
        ({"split__count": 3}, "it is one of 3 parts of a model; join them with llama-gguf-split --merge"),
        ({"general__alignment": 3}, "its alignment is 3"),
        ({"tokenizer__ggml__tokens": ["a" * 70_000]}, "a token of more than 65,536 characters"),
        ({"tokenizer__ggml__tokens": None}, "it does not contain a vocabulary"),
    ],
)
def test_values_out_of_proportion_are_refused(tmp_path, values, message):
    write_gguf(tmp_path / "tiny.gguf", **values)
    with pytest.raises(UnusableFileError, match=message):
        GgufFile.read(tmp_path / "tiny.gguf")


def test_tensors_that_share_their_bytes_are_refused(damaged, whole):
    """Otherwise a small file could describe a network of any size."""
    file = GgufFile.read(whole)
    last = file.table[1] - 8
    with pytest.raises(UnusableFileError, match="overlaps another one"):
        damaged(lambda data: data[:last] + bytes(8) + data[last + 8 :])
