import pytest

from lmbench.checksum import hash_file


def test_the_digest_is_that_of_the_standard(tmp_path):
    """FIPS 180-4 gives the digest of "abc" as an example."""
    (tmp_path / "file").write_bytes(b"abc")
    assert hash_file(tmp_path / "file") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        hash_file(tmp_path / "file")
