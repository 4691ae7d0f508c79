"""Helpers for tests of the catalog's entries."""

import hashlib

from lmbench.corpora.catalog import CatalogEntry


def make_entry(folder, files, **fields):
    """Write files into a mirror folder, and return an entry that lists them."""
    listed = []
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
        listed.append({"path": path, "sha256": hashlib.sha256(content).hexdigest()})
    about = {"description": "d", "language": "en", "license": "none", "citation": "none", "base": "http://127.0.0.1:9/"}
    return CatalogEntry(files=tuple(listed), **about | fields)


def documents_of(corpus):
    return [split.documents for split in (corpus.train, corpus.valid, corpus.test)]
