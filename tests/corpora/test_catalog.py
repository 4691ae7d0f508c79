import csv
import re
from urllib.parse import quote, urlsplit

import pytest

from lmbench.corpora.catalog import CatalogEntry, CatalogFile, find_entry, read_catalog
from lmbench.corpora.fetching import fetch_file
from lmbench.errors import UnknownNameError

PINNED = {
    "raw.githubusercontent.com": r"/[\w.-]+/[\w.-]+/[0-9a-f]{40}/.+",
    "huggingface.co": r"/(datasets/)?[\w.-]+/[\w.-]+/resolve/[0-9a-f]{40}/.+",
}
"""Hosts that keep every version: the pattern of a path that always names the same file."""


def test_entries_are_pinned_and_complete():
    for name, found in read_catalog().items():
        paths = {file.path for file in found.files}
        named = {part.partition("!")[0] for parts in found.splits.values() for part in parts}
        assert named == (paths if found.holds == "text" else set()), name
        assert ("all" in found.splits) == (found.split_rule is not None), name
        for file in found.files:
            for url in found.urls(file):
                assert url.startswith("http")
                assert "/master/" not in url
                assert "/main/" not in url
                if pinned := PINNED.get(urlsplit(url).hostname):
                    assert re.fullmatch(pinned, urlsplit(url).path), url


def test_the_catalog_matches_the_mirrors_manifest(mirror):
    """Every file of the manifest is in the catalog, with the address, size and sha256 that the manifest gives."""
    files = {file.path: (found, file) for found in read_catalog().values() for file in found.files}
    with (mirror / "MANIFEST.tsv").open() as listed:
        rows = list(csv.DictReader(listed, delimiter="\t"))
    assert len(rows) > 50
    for row in rows:
        found, file = files[row["file"]]
        repository, commit, path = row["address (repository commit path)"].split(" ", 2)
        assert quote(f"https://raw.githubusercontent.com/{repository}/{commit}/{path}", ":/") in found.urls(file)
        assert (file.sha256, str(file.bytes)) == (row["sha256"], row["bytes"])
        data = fetch_file(found, file).read_bytes()
        assert (str(data.count(b"\n")), str(len(data.split()))) == (row["lines"], row["words"])


@pytest.mark.parametrize(("sizes", "total"), [((3, 4), 7), ((3, None), None)])
def test_an_entrys_size_is_known_only_if_every_files_is(sizes, total):
    files = tuple(CatalogFile(path=f"{size}.txt", sha256="0" * 64, bytes=size) for size in sizes)
    entry = CatalogEntry(description="d", language="en", license="none", citation="none", files=files)
    assert entry.bytes == total


def test_addresses_are_the_files_own_or_begin_with_the_base():
    files = (
        CatalogFile(path="a/b c.txt", sha256="0" * 64),
        CatalogFile(path="d.txt", sha256="0" * 64, urls=("http://x/e", "http://y/e")),
    )
    entry = CatalogEntry(description="d", language="en", license="none", citation="none", base="http://z/", files=files)
    assert [entry.urls(file) for file in files] == [("http://z/b%20c.txt",), ("http://x/e", "http://y/e")]


def test_unknown_entries():
    with pytest.raises(UnknownNameError, match="unknown corpus of the catalog 'blim'; did you mean 'blimp'"):
        find_entry("blim")
