import csv
import hashlib
import re
import sys
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from lmbench.corpora.catalog import CATALOG, CatalogEntry, CatalogFile, PublishedTable, find_entry, read_catalog
from lmbench.corpora.fetching import fetch_file
from lmbench.corpora.loading import known_names, load_corpus
from lmbench.errors import CorpusError, UnknownNameError

PUBLISHED = PublishedTable(
    group="paradigm",
    measure="accuracy, %",
    convention="whole sentences",
    source="X",
    models=("m", "n"),
    values={"a": (1.0, 4.0), "b": (3.0, 6.0)},
)

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


TABLE_3 = {  # of Warstadt et al. 2020, as corrected in 2021: its columns for all paradigms and for two phenomena
    "": [61.2, 69.8, 69.6, 83.0, 88.6],
    "anaphor_": [47.9, 91.7, 94.1, 99.3, 97.5],
    "ellipsis_": [36.9, 67.6, 77.2, 89.3, 85.0],
}


@pytest.mark.parametrize("prefix", TABLE_3)
def test_the_figures_of_blimps_paradigms_have_the_means_of_the_paper(prefix):
    table = find_entry("blimp").published_by
    means = table.means([paradigm for paradigm in table.values if paradigm.startswith(prefix)])
    assert list(means) == ["5-gram of Gigaword", "LSTM", "Transformer-XL Large", "GPT-2 774M", "people"]
    assert list(means.values()) == pytest.approx(TABLE_3[prefix], abs=0.0501)


def test_every_paradigm_of_blimp_has_published_figures():
    full, half = find_entry("blimp"), find_entry("blimp-half")
    assert {Path(file.path).stem for file in full.files} == set(full.published_by.values)
    assert len(full.files) == 67
    assert len(half.files) == 34
    assert set(half.files) <= set(full.files)
    assert half.base == full.base


def test_a_published_table_has_no_means_of_groups_that_it_lacks():
    assert PUBLISHED.means(["a", "b"]) == {"m": 2.0, "n": 5.0}
    assert PUBLISHED.means(["b"]) == {"m": 3.0, "n": 6.0}
    assert PUBLISHED.means(["a", "c"]) == PUBLISHED.means([]) == {}


def test_a_published_table_needs_a_value_of_each_model():
    with pytest.raises(ValueError, match=r"values\.b has 1 values for 2 models"):
        PublishedTable.model_validate(PUBLISHED.model_dump() | {"values": {"a": (1.0, 4.0), "b": (3.0,)}})


def test_unknown_entries():
    with pytest.raises(UnknownNameError, match="unknown corpus of the catalog 'blim'; did you mean 'blimp'"):
        find_entry("blim")


OWN = """
[mine]
description = "my text"
field = ["sentence"]
format = "csv"
files = [{{path = "mine.csv", sha256 = "{sha256}"}}]
splits.all = ["mine.csv"]
split_rule = {{by = "documents", sizes = [1, 1, 1]}}
"""
TABLE = b"n,sentence\n1,a\n2,b\n3,c\n"


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A catalog of the user's own, beside the file that it lists."""
    path = tmp_path / "own.toml"
    path.write_text(OWN.format(sha256=hashlib.sha256(TABLE).hexdigest()))
    (tmp_path / "mine.csv").write_bytes(TABLE)
    monkeypatch.setenv(CATALOG, str(path))
    return path


def test_the_users_own_catalog_lists_corpora(own):
    corpus = load_corpus("mine")
    assert (corpus.name, corpus.description) == ("mine", "my text")
    assert [split.documents for split in (corpus.train, corpus.valid, corpus.test)] == [("a\n",), ("b\n",), ("c\n",)]
    assert {"mine", "wikitext-2"} <= set(known_names())


def test_a_catalog_that_changes_is_read_again(own):
    assert "mine" in read_catalog()
    own.write_text(own.read_text().replace("[mine]", "[other]"))
    assert "other" in read_catalog()
    assert "mine" not in read_catalog()


def test_the_users_own_catalog_is_in_the_configuration_folder(own, tmp_path, monkeypatch):
    monkeypatch.delenv(CATALOG)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    assert "mine" not in read_catalog()
    (tmp_path / "lmbench").mkdir()
    own.rename(tmp_path / "lmbench/catalog.toml")
    assert "mine" in read_catalog()


def test_files_of_the_users_own_catalog_are_verified(own, tmp_path, cache):
    (tmp_path / "mine.csv").write_bytes(b"changed")
    with pytest.raises(
        CorpusError, match=r"mine.csv is not the catalog's file: its sha256 is .*; delete it, or correct"
    ):
        load_corpus("mine")
    (tmp_path / "mine.csv").unlink()
    with pytest.raises(CorpusError, match=r"mine.csv is not in .*, the folder of your catalog"):
        load_corpus("mine")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("[mine]", "[mine"), r"own.toml is not TOML: "),
        (("[mine]", "[ptb]"), r"own.toml: \[ptb\] is the name of a corpus of lmbench"),
        (("[mine]", "[pydocs]"), r"own.toml: \[pydocs\] is the name of a corpus of lmbench"),
        (("[mine]", '["my own:x=y"]'), r"own.toml: \[my own:x=y\] cannot name a corpus; use letters"),
        (("sizes = [1, 1, 1]", "sizes = [1, 0, 0]"), r"own.toml: \[mine\] split_rule.sizes.2: Input should"),
        (
            ("sizes = [1, 1, 1]", "sizes = [-1, 1, 1]"),
            r"own.toml: \[mine\] split_rule.sizes.0: Input should",
        ),
        (('splits.all = ["mine.csv"]', "splits.all = []"), r"own.toml: \[mine\] splits.all is missing"),
        (('description = "my text"', ""), r"own.toml: \[mine\] description: Field required"),
        (('format = "csv"', 'format = "doc"'), r"own.toml: \[mine\] format: Input should be 'text', 'jsonl'"),
        (('sha256 = "', 'sha256 = "x'), r"own.toml: \[mine\] files.0.sha256: String should match"),
        (('splits.all = ["mine', 'splits.all = ["yours'), r"own.toml: \[mine\] splits: 'yours.csv' is not listed in "),
        (("splits.all", "splits.train"), r"own.toml: \[mine\] splits.all is missing"),
    ],
)
def test_mistakes_of_the_users_own_catalog_are_named(own, change, message):
    own.write_text(own.read_text().replace(*change))
    with pytest.raises(CorpusError, match=message):
        read_catalog()
    assert load_corpus("pydocs").name == "pydocs"


def test_the_manuals_catalog_is_valid(own):
    manual = (Path(__file__).parents[2] / "docs/corpora.md").read_text()
    [example] = re.findall(r"```toml\n(\[tweets.*?)```", manual, flags=re.DOTALL)
    own.write_text(example)
    assert find_entry("tweets-2024").split_rule.sizes == (8, 1, 1)


def test_a_catalog_that_does_not_exist_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv(CATALOG, str(tmp_path / "no.toml"))
    with pytest.raises(CorpusError, match=r"LMBENCH_CATALOG names '.*no.toml', which is not a file"):
        read_catalog()


def test_every_public_entry_has_a_license_and_a_citation():
    for name, found in read_catalog().items():
        assert all((found.language, found.license, found.citation)), name
