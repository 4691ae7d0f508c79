"""Pseudo-log-likelihoods of a tiny random BERT against a plain loop of single masks; they are never ranked."""

import math
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertForMaskedLM, RobertaConfig, RobertaForMaskedLM

import lmbench
from lmbench import Split, build
from lmbench.backends.neural.pretrained.masked import MaskedModel
from lmbench.checks import check_model, find_doubt
from lmbench.corpus import Corpus
from lmbench.errors import LmbenchError, ScoreError, SpecError, UnavailableError
from lmbench.generation import generate
from lmbench.report import tables
from lmbench.report.csv_files import format_cells
from lmbench.report.markdown import format_markdown
from lmbench.report.ranked_run import RankedRun
from lmbench.runs.store import RunDirectory
from tests.checkpoints import byte_level, gpt2, save

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


@pytest.mark.parametrize("trim", [False, True])
def test_a_byte_level_tokenizer_that_adds_a_space(tmp_path, trim):
    """As RoBERTa's does."""
    tokenizer = byte_level(special=("<s>", "</s>", "<mask>", "<pad>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 1), ("<s>", 0), trim, add_prefix_space=True)
    torch.manual_seed(7)
    roberta = RobertaForMaskedLM(RobertaConfig(
        vocab_size=tokenizer.get_vocab_size(), max_position_embeddings=40, pad_token_id=3, hidden_size=16,
        num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, initializer_range=0.5,
    ))  # fmt: skip
    special = {"bos_token": "<s>", "eos_token": "</s>", "cls_token": "<s>", "sep_token": "</s>", "pad_token": "<pad>"}
    model = load(save(tmp_path, roberta, tokenizer, mask_token="<mask>", **special))
    for text in ("the cat sat.", " the cat", "", " ", "我 cat\n", "x"):
        model.score([text])[0].check(text)
    score = model.score(["the cat sat"])[0]
    assert score.ends.tolist() == [3, 7, 11]
    ids = torch.tensor([[0, *tokenizer.encode("the cat sat", add_special_tokens=False).ids, 1]])
    masked = ids.clone()
    masked[0, 1] = 2
    with torch.inference_mode():
        expected = roberta.eval()(masked).logits[0, 1].log_softmax(-1)[ids[0, 1]].item()
    assert score.logprobs[0] == pytest.approx(expected, abs=1e-5)


def test_logits_that_are_not_finite_name_the_event(folder, tmp_path):
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    tensors = load_file(folder / "model.safetensors")
    tensors["bert.embeddings.word_embeddings.weight"][6] = math.nan  # of "cat"
    tensors["cls.predictions.decoder.weight"] = torch.zeros(len(WORDS), 16)
    save_file(tensors, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(ScoreError, match=r"^event 0 \('the', byte 0\): the logits of '.*' are not finite; its weights"):
        load(tmp_path).score(["the cat"])
    with pytest.raises(ScoreError, match=r"are not finite; try dtype=float32$"):
        load(tmp_path, ",dtype=bfloat16").score(["the cat"])


def test_it_sees_what_follows_and_declares_that_it_is_not_a_probability(folder):
    model = load(folder)
    one, other = model.score(["the cat sat", "the cat on"])
    assert one.logprobs[0] != pytest.approx(other.logprobs[0], abs=1e-4)
    assert not MaskedModel.traits.normalized
    [outcome] = check_model(lambda: load(folder))
    assert (outcome.check, outcome.status) == ("probability", "fail")
    assert find_doubt([outcome]).startswith(
        "probability failed: the model declares that its scores are not probabilities"
    )
    with pytest.raises(ScoreError, match="cannot be conditioned on a context"):
        model.score_continuation("the", " cat")
    with pytest.raises(LmbenchError, match="cannot generate text"):
        list(generate(model, "the", 1))


def test_it_is_never_ranked_with_probabilities(folder, tmp_path):
    corpus = Corpus("few", Split(("a\n",)), Split(("a\n",)), Split(("the cat sat\n", "on the mat\n")), "lines")

    class HereAlone(MaskedModel):
        """Runs in this process, since no other can import it."""

    bert = HereAlone(HereAlone.Options(path=str(folder)))
    lmbench.run({"bert": bert, "uniform": "uniform"}, corpus, out=tmp_path / "run", check=False)
    directory = RunDirectory.open(tmp_path / "run")
    results = RankedRun.read(directory)
    page = format_markdown(results)
    ranked, pseudo = page.split("## Pseudo-perplexities")
    assert "bert" not in ranked
    assert "bert" in pseudo
    assert "not probabilities of a text" in pseudo
    assert "uniform" in ranked
    row = format_cells(results).splitlines()[1]
    [mlm, uniform] = directory.cells()
    assert mlm.pseudo
    assert not uniform.pseudo
    assert f"{mlm.metrics.bits_per_byte}" not in row
    assert len(tables.terminal(results)) == 2


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
