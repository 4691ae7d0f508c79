import pytest

from lmbench import Exportable, LanguageModel, ModelSpec, Signature, build
from lmbench.backends.ngrams.kenlm import KenlmNgram
from lmbench.cli.export import check_export, export, write_export
from lmbench.errors import ResultsError, SpecError
from tests.cli.commands import assert_refused, lmbench

SPEC = ModelSpec("mine")


class ExportsNothing(LanguageModel):
    def score(self, documents):
        return []

    def signature(self):
        return Signature(())


class Exports(ExportsNothing, Exportable):
    """Writes `content`, or raises it after writing something else."""

    content: str | Exception = "learned"

    def export(self, path):
        path.write_text("half")
        if isinstance(self.content, Exception):
            raise self.content
        path.write_text(self.content)


class ExportsTwo(Exports):
    def export(self, path):
        path.write_text("learned")
        path.with_name(f"{path.name}.json").write_text("beside")


class Refuses(Exports):
    def check_exportable(self):
        raise SpecError("order 0 is not a format")


def test_the_file_is_what_the_model_writes(tmp_path):
    assert write_export(Exports(), SPEC, tmp_path / "x") == [tmp_path / "x"]
    assert (tmp_path / "x").read_text() == "learned"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_several_files_are_all_written_or_none_is(tmp_path):
    assert write_export(ExportsTwo(), SPEC, tmp_path / "x") == [tmp_path / "x.json", tmp_path / "x"]
    assert (tmp_path / "x.json").read_text() == "beside"
    (tmp_path / "x").unlink()
    with pytest.raises(ResultsError, match=r"x\.json already exists"):
        write_export(ExportsTwo(), SPEC, tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_a_failed_export_leaves_nothing(tmp_path):
    model = Exports()
    for error, kind, message in (
        (OSError(28, "full"), ResultsError, "cannot write .*/x: full"),
        (SpecError("no order 0"), SpecError, "'mine' cannot be exported: no order"),
    ):
        model.content = error
        with pytest.raises(kind, match=message):
            write_export(model, SPEC, tmp_path / "x")
        assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "x").write_text("dear")
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("x", "link"):
        with pytest.raises(ResultsError, match="already exists"):
            check_export(Exports(), SPEC, tmp_path / name)
        with pytest.raises(ResultsError, match="already exists"):
            write_export(Exports(), SPEC, tmp_path / name)
    assert (tmp_path / "x").read_text() == "dear"


def test_a_model_that_cannot_be_exported_is_refused_before_it_is_fitted(tmp_path):
    with pytest.raises(SpecError, match="'mine' cannot be exported: other programs do not have a format"):
        check_export(ExportsNothing(), SPEC, tmp_path / "x")
    with pytest.raises(SpecError, match="'mine' cannot be exported: order 0 is not a format"):
        check_export(Refuses(), SPEC, tmp_path / "x")


def test_a_model_that_can_be_exported_is_returned(tmp_path):
    model = Exports()
    assert check_export(model, SPEC, tmp_path / "x") is model
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("order", [1, 2, 4])
def test_kenlm_reads_what_kenlm_exports(tmp_path, english, order):
    model = build(f"kenlm:order={order},min_count=1")
    assert isinstance(model, KenlmNgram)
    model.fit(english)
    write_export(model, SPEC, tmp_path / "x.arpa")
    read = build(f"arpa:path={tmp_path / 'x.arpa'}")
    read.load()
    text = "the cat sat on a log\n\nzzz the dog\n"
    [own], [others] = model.score([text]), read.score([text])
    assert (own.logprobs - own.spelling).tolist() == pytest.approx((others.logprobs - others.spelling).tolist())


def test_the_command_writes_the_file_and_says_so(tmp_path, text):
    result = lmbench("export", "kenlm:order=2", "x.arpa", "--corpus", text, cwd=tmp_path)
    assert (result.returncode, result.stdout) == (0, "Written: x.arpa.lexicon.json\nWritten: x.arpa\n")
    assert (tmp_path / "x.arpa").read_text().startswith("\\data\\")


@pytest.mark.usefixtures("one_thread")
def test_the_command_says_what_an_exported_transformer_lacks(tmp_path, text, capsys):
    spec = "transformer:steps=1,layers=1,width=8,heads=1,context=8"
    export.main([spec, f"{tmp_path}/x", "--corpus", str(text)], standalone_mode=False)
    printed = capsys.readouterr()
    assert printed.out == f"Written: {tmp_path}/x\n"
    assert "types of the tokenizer pieces, and no letter model: hf:FOLDER refuses a text" in printed.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["uniform", "x"], "'uniform' cannot be exported"),
        (["kenlm", "one.txt"], "one.txt already exists"),
        (["kenlm", "no/x.arpa"], "cannot write no/x.arpa: the folder"),
        (["kenlm", "x.arpa", "--corpus", "x"], "unknown corpus 'x'"),
        (["kenml", "x.arpa"], "unknown model 'kenml'"),
    ],
)
def test_mistakes_are_refused_in_one_line(tmp_path, arguments, message):
    assert_refused(["export", *arguments], message, tmp_path)
