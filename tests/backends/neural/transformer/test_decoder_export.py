"""Exported models: transformers and the hf model give every event the score that lmbench gives it."""

import numpy as np
import pytest
import torch

from lmbench.backends.neural.transformer.sequences import with_bos
from lmbench.backends.neural.transformer.tokenizer_file import TokenizerFile
from lmbench.errors import ScoreError, SpecError
from lmbench.model import ModelSpec
from lmbench.registry import build
from tests.backends.neural.transformer.small_models import TRAIN, fitted

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize(("positions", "kind"), [("rotary", "GPTNeoXForCausalLM"), ("learned", "GPT2LMHeadModel")])
def test_transformers_loads_what_is_exported(tmp_path, positions, kind):
    """transformers' own network returns the log-probability with which every event of every document is scored."""
    from transformers import AutoModelForCausalLM

    model = fitted(f",steps=20,positions={positions}")
    model.export(tmp_path / "exported")
    library = AutoModelForCausalLM.from_pretrained(tmp_path / "exported").eval()
    assert type(library).__name__ == kind
    assert f"loads it as a `{kind}`" in (tmp_path / "exported" / "README.md").read_text()
    context = library.config.max_position_embeddings
    for document in TRAIN:
        encoded = model._fitted.lexicon.encode(document)
        ids = torch.from_numpy(with_bos(model._fitted.lexicon, encoded.ids))[None]
        assert ids.shape[1] - 1 <= context
        with torch.inference_mode():
            table = library(ids[:, :-1]).logits[0].log_softmax(-1)
        expected = table.gather(1, ids[0, 1:, None])[:, 0].numpy()
        score = model.score([document])[0]
        np.testing.assert_allclose(score.logprobs - score.spelling, expected, atol=1e-4)


@pytest.mark.parametrize(
    "options", ["words", "pieces,context=6", "pieces,context=1,positions=learned", "bytes", "bpe:300"]
)
def test_what_is_exported_is_scored_by_hf(tmp_path, options):
    """Both models give the same bits if all words are known; hf refuses a text with an unknown one."""
    train = (*TRAIN, "我是一个程序员。\n我是一只猫。\n")
    model = fitted(f",steps=20,min_count=1,tokenizer={options}", train=train)
    model.export(tmp_path / "exported")
    library = build(ModelSpec("hf", (("path", str(tmp_path / "exported")),)))
    library.load()
    for ours, theirs in zip(model.score(train), library.score(train), strict=True):
        assert ours.ends.tolist() == theirs.ends.tolist()
        np.testing.assert_allclose(theirs.logprobs, ours.logprobs, atol=1e-5)
    with pytest.raises(ScoreError, match=r"changes ' ?Q' to '<unknown word>' at character"):
        library.score(["the cat Q"])
    if options == "bpe:300":  # merges reach "Ġcat" through tokens that are not in the text
        between = next(kind for kind in TokenizerFile(model._fitted.lexicon, "").intermediate_tokens if kind.isascii())
        with pytest.raises(ScoreError, match=rf"produces the token '{between}', but its model does not have"):
            library.score([between])
    assert "| 1 | the line end |" in (tmp_path / "exported" / "README.md").read_text()


def test_only_a_decoder_can_be_exported(encoder_decoder, tmp_path):
    message = "transformers can load only decoders; use architecture=decoder"
    with pytest.raises(SpecError, match=message):
        encoder_decoder.export(tmp_path / "exported")
    with pytest.raises(SpecError, match=message):
        build("transformer:architecture=encoder-decoder").check_exportable()  # before anything is fitted
