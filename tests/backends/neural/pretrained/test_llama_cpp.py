"""SmolLM2's log-probabilities against llama.cpp, which reads GGUF files with code of its own.

llama.cpp multiplies quantized weights with activations of 8 bits. It computes in float32 if the file holds float32.
"""

import numpy as np
import pytest

from lmbench import build
from lmbench.backends.neural.pretrained.smollm2 import find_packaged
from lmbench.errors import UnavailableError
from tests.recording import Recorded

gguf = pytest.importorskip("gguf", reason="gguf is not installed")
llama_cpp = pytest.importorskip("llama_cpp", reason="the extra lmbench-suite[llama-cpp] is not installed")
pytestmark = pytest.mark.usefixtures("one_thread")

TEXTS = {
    "English": "The fox looked at the grapes, which were ripe, and said that they were sour.\n",
    "code": "def add(a, b):\n    return a + b\n",
    "Chinese": "我是一个程序员。\n",
    "emoji and spaces": "  a cat 🐈  and\ta dog\u00a0\n\n",
}
FLOAT32 = {"type_k": llama_cpp.GGML_TYPE_F32, "type_v": llama_cpp.GGML_TYPE_F32}  # of the keys and values of attention


@pytest.fixture(scope="module")
def path():
    try:
        return find_packaged()
    except UnavailableError as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="module")
def ours(path):
    model = build(f"smollm2:{path}")
    model.load(Recorded())
    return model


@pytest.fixture(scope="module")
def quantized(path):
    yield from load(path)


@pytest.fixture(scope="module")
def unquantized(path, tmp_path_factory):
    target = tmp_path_factory.mktemp("float32") / "model.gguf"
    write_float32(path, target)
    yield from load(target, **FLOAT32)
    target.unlink()  # half a gigabyte


def load(path, **options):
    threads = {"n_threads": 1, "n_threads_batch": 1}
    model = llama_cpp.Llama(str(path), n_ctx=64, logits_all=True, verbose=False, **threads, **options)
    yield model
    model.close()


def write_float32(source, target):
    """Write a GGUF file with the same contents, but with weights in float32."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(np, "memmap", lambda path, mode: np.fromfile(path, np.uint8))  # whose parts are made sooner
        reader = gguf.GGUFReader(source)
    skipped = {"general.architecture", "general.file_type"}
    writer = gguf.GGUFWriter(target, reader.fields["general.architecture"].contents())
    for name, field in reader.fields.items():
        if name not in skipped and not name.startswith("GGUF."):
            kind, *_ = field.types
            part = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
            writer.add_key_value(name, field.contents(), kind, sub_type=part)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def score_by_llama_cpp(model, text):
    """Return the ids of a text, and their log-probabilities after a BOS, in nats."""
    ids = model.tokenize(text.encode(), add_bos=False)
    model.reset()
    model.eval([model.token_bos(), *ids])
    logits = model.scores[: len(ids)].astype(np.float64)
    return ids, logits[np.arange(len(ids)), ids] - np.logaddexp.reduce(logits, axis=1)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_with_float32_weights_every_log_probability_is_llama_cpps(ours, unquantized, text):
    ids, expected = score_by_llama_cpp(unquantized, text)
    assert [prediction.event for prediction in ours.predict(text)] == ids
    (score,) = ours.score([text])
    np.testing.assert_allclose(score.logprobs, expected, atol=2e-4)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_llama_cpps_activations_of_8_bits_change_little(ours, quantized, text):
    ids, expected = score_by_llama_cpp(quantized, text)
    (score,) = ours.score([text])
    differences = score.logprobs - expected
    assert len(ids) == len(differences)
    assert np.abs(differences).max() < 0.6
    assert np.sqrt(np.mean(differences**2)) < 0.25
    assert score.logprobs.mean() == pytest.approx(expected.mean(), rel=0.03)
