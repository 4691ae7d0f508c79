import pytest

from lmbench.analysis.texts import Texts
from lmbench.errors import ResultsError
from tests.analysis.crafted import new_run
from tests.report.cells import text


def test_texts_are_not_downloaded_unless_they_may_be(tmp_path, monkeypatch):
    monkeypatch.setenv("LMBENCH_MIRROR", str(tmp_path))
    monkeypatch.setenv("LMBENCH_CACHE", str(tmp_path))
    run = new_run(tmp_path / "run", text("wikitext-2"))
    with pytest.raises(ResultsError, match=r"cannot be read again \(wikitext-2 is not on this machine\)"):
        Texts(run.manifest, may_download=False).find("wikitext-2")
