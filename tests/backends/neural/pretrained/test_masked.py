"""Pseudo-log-likelihoods of a tiny random BERT against a plain loop of single masks; they are never ranked."""

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertForMaskedLM, RobertaConfig, RobertaForMaskedLM

from lmbench import Split, build
from lmbench.backends.neural.pretrained.masked import MaskedModel
from lmbench.checks import check_model, doubt
from lmbench.corpus import Corpus
from lmbench.errors import LmbenchError, ScoreError, SpecError, UnavailableError
from lmbench.generation import generate
from lmbench.report import tables
from tests.checkpoints import byte_level, gpt2, save
from tests.running import run

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "sat", "on", "mat", "##s", ".", "a"]
TEXTS = ["The cat sat on the mats.", "zzqx", "", " \n", "a", "the cat [MASK] 我 on\n\nmat " * 9]

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    tokenizer = Tokenizer(models.WordPiece({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    torch.manual_seed(7)
    bert = BertForMaskedLM(BertConfig(
        vocab_size=len(WORDS), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=20, initializer_range=0.5,
    ))  # fmt: skip
    special = {"unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}
    return save(tmp_path_factory.mktemp("bert"), bert, tokenizer, pad_token="[PAD]", **special)


def load(folder, options=""):
    return build(f"mlm:{folder}{options}")


def test_each_token_is_masked_alone(folder):
    bert = BertForMaskedLM.from_pretrained(folder).eval()
    ids = torch.tensor([[2, 5, 6, 7, 8, 5, 9, 10, 11, 3]])
    expected = []
    for place in range(1, 9):
        masked = ids.clone()
        masked[0, place] = 4
        with torch.inference_mode():
            expected.append(bert(masked).logits[0, place].log_softmax(-1)[ids[0, place]].item())
    score = load(folder).score([TEXTS[0]])[0].check(TEXTS[0])
    np.testing.assert_allclose(score.logprobs, expected, atol=1e-5)
    assert score.ends.tolist() == [3, 7, 11, 14, 18, 22, 23, 24]


def test_scores_do_not_depend_on_how_much_fits_in_memory(folder):
    models = [load(folder), load(folder, ",memory=1"), load(folder, ",device=cpu")]
    for text in TEXTS:
        first, *others = (model.score([text])[0].check(text) for model in models)
        for other in others:
            np.testing.assert_allclose(other.logprobs, first.logprobs, atol=1e-5)
    alone = [load(folder).score([text])[0].logprobs for text in TEXTS]
    for one, together in zip(alone, load(folder).score(TEXTS), strict=True):
        np.testing.assert_allclose(together.logprobs, one, atol=1e-5)


def test_a_long_text_is_read_in_segments_that_see_only_themselves(folder):
    whole = load(folder, ",context=6").score(["the cat sat on the mat . a"])[0]
    first, second = load(folder).score(["the cat sat on", "the mat . a"])
    np.testing.assert_allclose(whole.logprobs, np.concatenate([first.logprobs, second.logprobs]), atol=1e-5)


def test_special_tokens_in_a_text_are_text(folder):
    assert [len(score.logprobs) for score in load(folder).score(["the [MASK] cat", "[SEP]"])] == [5, 3]


def test_positions_that_begin_after_padding(tmp_path):
    """Of RoBERTa's 20 positions, 18 are for tokens."""
    torch.manual_seed(7)
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    roberta = RobertaForMaskedLM(
        RobertaConfig(vocab_size=len(WORDS), max_position_embeddings=20, pad_token_id=1, **shape)
    )
    tokenizer = Tokenizer(models.WordPiece({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    save(tmp_path, roberta, tokenizer, unk_token="[UNK]", mask_token="[MASK]", pad_token="[UNK]")
    model = load(tmp_path)
    [score] = model.score(["the cat sat on " * 20])
    assert len(score.logprobs) == 80
    assert "context:18" in str(model.signature())
    assert "context:18" in str(load(tmp_path, ",context=20").signature())


def test_it_sees_what_follows_and_declares_that_it_is_not_a_probability(folder):
    model = load(folder)
    one, other = model.score(["the cat sat", "the cat on"])
    assert one.logprobs[0] != pytest.approx(other.logprobs[0], abs=1e-4)
    assert not MaskedModel.traits.normalized
    [outcome] = check_model(lambda: load(folder))
    assert (outcome.check, outcome.status) == ("probability", "fail")
    assert doubt([outcome]).startswith("probability failed: the model declares that its scores are not probabilities")
    with pytest.raises(ScoreError, match="cannot be conditioned on a context"):
        model.score_continuation("the", " cat")
    with pytest.raises(LmbenchError, match="cannot generate text"):
        list(generate(model, "the", 1))


def test_it_is_never_ranked_with_probabilities(folder, tmp_path):
    corpus = Corpus("few", Split(("a\n",)), Split(("a\n",)), Split(("the cat sat\n", "on the mat\n")), "lines")
    directory = run(f"mlm:{folder},uniform", [corpus], tmp_path / "run")
    page = tables.markdown(directory)
    ranked, pseudo = page.split("## Pseudo-perplexities")
    assert f"mlm:{folder}".replace("_", "\\_") not in ranked.replace("\\\\_", "\\_")
    assert "not probabilities of a text" in pseudo
    assert "uniform" in ranked
    row = tables.csv(directory).splitlines()[1]
    [mlm, uniform] = directory.cells()
    assert mlm.pseudo
    assert not uniform.pseudo
    assert f"{mlm.metrics.bits_per_byte}" not in row
    assert len(tables.terminal(directory)) == 2


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (",context=2", SpecError, "a context of 2 has room only for special tokens"),
        (",stride=2", LmbenchError, "unknown option of mlm 'stride'"),
    ],
)
def test_impossible_options_are_refused(folder, options, error, message):
    with pytest.raises(error, match=message):
        load(folder, options).score(["a"])


def test_models_without_a_mask_are_refused(tmp_path):
    tokenizer = byte_level()
    folder = save(tmp_path, gpt2(tokenizer.get_vocab_size()), tokenizer, bos_token="<|endoftext|>")
    with pytest.raises((SpecError, UnavailableError)):
        load(folder).score(["a"])
