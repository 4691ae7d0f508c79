from pathlib import Path

import lmbench
from lmbench.corpora import embedded
from lmbench.corpora.embedded import embedded_folder


def test_a_checkout_has_the_corpora_at_its_root():
    assert embedded_folder() == Path(lmbench.__file__).parent.parent / "corpora"
    assert (embedded_folder() / "catalog.toml").is_file()
    assert len(list((embedded_folder() / "fables").glob("[0-9]*.toml"))) == 120


def test_an_installed_package_has_them_inside(tmp_path, monkeypatch):
    monkeypatch.setattr(embedded, "_PACKAGE", tmp_path / "lmbench")
    assert embedded_folder() == tmp_path / "corpora"
    (tmp_path / "lmbench/embedded").mkdir(parents=True)
    assert embedded_folder() == tmp_path / "lmbench/embedded"
