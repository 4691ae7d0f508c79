import shutil

from lmbench import build
from lmbench.backends.neural.pretrained import gguf_source
from lmbench.backends.neural.pretrained.gguf_source import GgufSource
from tests.gguf import write_gguf


def test_a_renamed_file_is_the_same_model_and_a_changed_one_is_not(tmp_path):
    write_gguf(tmp_path / "a.gguf")
    shutil.copy(tmp_path / "a.gguf", tmp_path / "b.gguf")
    write_gguf(tmp_path / "c.gguf", kind="F16")
    one, same, other = (build(f"hf:{tmp_path / name}.gguf").options.identity() for name in "abc")
    assert one == same
    assert one["path"] != other["path"]


def test_a_file_is_hashed_and_described_once_until_it_changes(tmp_path, monkeypatch):
    path, read = tmp_path / "tiny.gguf", []
    for holder, name in ((gguf_source, "hash_file"), (gguf_source.GgufFile, "read")):
        original = getattr(holder, name)
        counted = lambda file, name=name, original=original: read.append(name) or original(file)  # noqa: E731
        monkeypatch.setattr(holder, name, counted)
    for kind in ("F32", "F16"):
        write_gguf(path, kind=kind)
        sources = [GgufSource.find(path) for _ in range(2)]
        assert len({source.revision for source in sources}) == 1
        assert sources[0].quantization == sources[1].quantization == kind.replace("F16", "F16+F32")
    assert sorted(read) == ["hash_file", "hash_file", "read", "read"]
