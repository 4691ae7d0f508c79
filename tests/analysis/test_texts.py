import pytest

from lmbench.analysis.texts import Texts
from lmbench.corpora.loading import load_corpus
from lmbench.errors import ResultsError
from tests.analysis.crafted import new_run
from tests.report.cells import text


def test_texts_are_not_downloaded_unless_they_may_be(tmp_path, monkeypatch):
    monkeypatch.setenv("LMBENCH_MIRROR", str(tmp_path))
    monkeypatch.setenv("LMBENCH_CACHE", str(tmp_path))
    run = new_run(tmp_path / "run", text("wikitext-2"))
    with pytest.raises(ResultsError, match=r"cannot be read again \(wikitext-2 is not on this machine\)"):
        Texts(run.manifest, may_download=False).find("wikitext-2")


@pytest.mark.filterwarnings("error")
def test_a_text_is_read_again_without_the_notices_of_the_run(tmp_path):
    """The run has said that the lines of the text end in a space."""
    path = tmp_path / "padded.txt"
    path.write_text("a b \n" * 100)
    with pytest.warns(UserWarning, match="most lines end in a space"):
        corpus = load_corpus(path)
    fields = {"test_fingerprint": corpus.test.fingerprint, "test_documents": len(corpus.test.documents)}
    run = new_run(tmp_path / "run", text(str(path), **fields))
    assert Texts(run.manifest).find(str(path)).test.fingerprint == corpus.test.fingerprint
