import pytest

from lmbench import LanguageModel, ModelSpec, Signature, build
from lmbench.backends.ngrams.kenlm import KenlmNgram
from lmbench.cli import exporting as export
from lmbench.errors import ResultsError, SpecError

SPEC = ModelSpec("mine")


class Exports(LanguageModel):
    """Writes `content`, or raises it."""

    content: str | Exception = "learned"

    def score(self, documents):
        return []

    def signature(self):
        return Signature(())

    def export(self, path):
        path.write_text("half")
        if isinstance(self.content, Exception):
            raise self.content
        path.write_text(self.content)


class ExportsNothing(Exports):
    export = LanguageModel.export


def test_the_file_is_what_the_model_writes(tmp_path):
    export.write(Exports(), SPEC, tmp_path / "x")
    assert (tmp_path / "x").read_text() == "learned"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


class ExportsTwo(Exports):
    def export(self, path):
        path.write_text("learned")
        path.with_name(f"{path.name}.json").write_text("beside")


def test_what_stands_beside_the_file_is_written_too_or_nothing_is(tmp_path):
    assert export.write(ExportsTwo(), SPEC, tmp_path / "x") == [tmp_path / "x.json", tmp_path / "x"]
    assert (tmp_path / "x.json").read_text() == "beside"
    (tmp_path / "x").unlink()
    with pytest.raises(ResultsError, match=r"x\.json exists already"):
        export.write(ExportsTwo(), SPEC, tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_what_fails_leaves_nothing(tmp_path):
    model = Exports()
    for error, raised in ((OSError("full"), OSError), (NotImplementedError("no order 0"), SpecError)):
        model.content = error
        with pytest.raises(raised, match=str(error)):
            export.write(model, SPEC, tmp_path / "x")
        assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "x").write_text("dear")
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("x", "link"):
        with pytest.raises(ResultsError, match="exists already"):
            export.refuse(Exports(), SPEC, tmp_path / name)
        with pytest.raises(ResultsError, match="exists already"):
            export.write(Exports(), SPEC, tmp_path / name)
    assert (tmp_path / "x").read_text() == "dear"


def test_a_model_without_export_is_refused_before_it_is_fitted(tmp_path):
    with pytest.raises(SpecError, match="'mine' cannot be exported"):
        export.refuse(ExportsNothing(), SPEC, tmp_path / "x")


@pytest.mark.parametrize("order", [1, 2, 4])
def test_kenlm_reads_what_kenlm_exports(tmp_path, english, order):
    model = build(f"kenlm:order={order},min_count=1")
    assert isinstance(model, KenlmNgram)
    model.fit(english)
    export.write(model, SPEC, tmp_path / "x.arpa")
    read = build(ModelSpec("arpa", (("path", str(tmp_path / "x.arpa")),)))
    text = "the cat sat on a log\n\nzzz the dog\n"
    [own], [others] = model.score([text]), read.score([text])
    assert (own.logprobs - own.spelling).tolist() == pytest.approx((others.logprobs - others.spelling).tolist())
