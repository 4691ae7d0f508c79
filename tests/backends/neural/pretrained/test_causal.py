"""Pretrained causal models against transformers' own loss, on tiny checkpoints of random weights."""

import hashlib
import json
import math
import re
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, normalizers
from transformers import (
    BertConfig,
    BertLMHeadModel,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
)

from lmbench import build, generate
from lmbench.backends.neural.pretrained.causal import Gpt2, HuggingFace
from lmbench.backends.neural.pretrained.masked import MaskedModel
from lmbench.backends.neural.windows import last_window
from lmbench.checks import check_spec
from lmbench.errors import ScoreError, SpecError, UnavailableError, UnknownNameError
from lmbench.model import ModelSpec
from tests.backends.neural.pretrained.test_hub_tokenizer import bart as bart_tokenizer
from tests.backends.neural.pretrained.test_hub_tokenizer import llama as llama_tokenizer
from tests.checkpoints import BOS, LINES, byte_level, gpt2, llama, metaspace, save
from tests.checks.outcomes import outcome_of

pytestmark = pytest.mark.usefixtures("one_thread")

LONG = "the cat sat on the mat, and the dog sat on the log. " * 20
ODD = {
    "one letter": "x",
    "line ends": "\r\n\n\n",
    "emoji": "a cat 🐈\u200d⬛ and 👩‍👩‍👧\n",
    "Chinese": "我是一个程序员。\n",
    "spaces": "  the  cat \t\u00a0\u2003x ",
    "combining": "e\u0301 \u00e9 \ufb01\n",
    "BOS as text": f"the {BOS} cat{BOS}{BOS}",
    "long": LONG,
    "one long word": "x" * 3000,
}


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    tokenizer = byte_level()
    path = tmp_path_factory.mktemp("gpt2")
    return save(path, gpt2(tokenizer.get_vocab_size() + 3), tokenizer, bos_token=BOS, eos_token=BOS)


@pytest.fixture(scope="session")
def library(folder):
    return GPT2LMHeadModel.from_pretrained(folder).eval(), Tokenizer.from_file(str(folder / "tokenizer.json"))


def load(folder, options=""):
    return build(f"hf:{folder}{options}")


def scorer(model):
    return model._load_scorer()


@pytest.fixture(scope="session")
def model(folder):
    return load(folder)


def ids_without_specials(tokenizer, text):
    return [id for piece, _ in tokenizer.pre_tokenizer.pre_tokenize_str(text)
            for id in (token.id for token in tokenizer.model.tokenize(piece))]  # fmt: skip


@pytest.mark.parametrize("text", ["x", *LINES])
def test_the_score_is_the_librarys_own_loss(model, library, text):
    network, tokenizer = library
    ids = torch.tensor([[0, *tokenizer.encode(text).ids]])
    with torch.inference_mode():
        nats = network(ids, labels=ids).loss.item() * (ids.shape[1] - 1)
    assert -model.score([text])[0].logprobs.sum() == pytest.approx(nats, rel=1e-5)


@pytest.mark.parametrize(("context", "stride"), [(64, 32), (64, 64), (16, 1), (7, 3), (1, 1)])
def test_windows_are_those_of_a_plain_loop(folder, library, context, stride):
    network, tokenizer = library
    ids = [0, *ids_without_specials(tokenizer, LONG)]
    expected, done, begin = [], 0, 0
    while done < len(ids) - 1:
        window = torch.tensor([ids[begin : begin + context + 1]])
        with torch.inference_mode():
            table = network(window[:, :-1]).logits[0].double().log_softmax(-1)
        places = range(done - begin, window.shape[1] - 1)
        expected += [table[place, window[0, place + 1]].item() for place in places]
        done, begin = begin + window.shape[1] - 1, begin + stride
    score = load(folder, f",context={context},stride={stride}").score([LONG])[0]
    np.testing.assert_allclose(score.logprobs, expected, atol=1e-4)


@pytest.mark.parametrize("history", [1, 3, 64])
def test_a_history_is_all_that_the_network_reads(folder, library, history):
    network, tokenizer = library
    ids = torch.tensor([0, *ids_without_specials(tokenizer, LONG)])
    expected = []
    for place in range(1, len(ids)):
        with torch.inference_mode():
            logits = network(ids[max(0, place - history) : place][None]).logits[0, -1]
        expected.append(logits.double().log_softmax(-1)[ids[place]].item())
    model = load(folder, f",context=64,stride=32,history={history}")
    np.testing.assert_allclose(model.score([LONG])[0].logprobs, expected, atol=1e-4)
    *_, (after, _) = model.follow(tokenizer.decode(ids[1:-1].tolist()))
    assert after.logprobs[ids[-1]] == pytest.approx(expected[-1], abs=1e-4)
    assert f"|context:64|history:{history}|" in str(model.signature())


def test_a_history_longer_than_the_context_is_refused(folder):
    with pytest.raises(SpecError, match="a history of 9 is more than the context of 8"):
        load(folder, ",context=8,history=9").score(["x"])


@pytest.mark.parametrize(("size", "stride"), [(64, 32), (64, 63), (33, 5), (17, 16), (2, 1)])
def test_perplexity_is_that_of_the_librarys_own_guide(folder, library, size, stride):
    """Compare with the loop of transformers' guide "Perplexity of fixed-length models", whose windows include targets.

    The guide weights the mean of each window by its number of targets minus one, although only the first window has a
    target that nothing predicts. With a stride of the whole window, it skips the first target of each window; lmbench
    does not.
    """
    network, tokenizer = library
    ids = torch.tensor([[0, *ids_without_specials(tokenizer, LONG)]])
    windows, end = [], 0
    for begin in range(0, ids.shape[1], stride):
        before, end = end, min(begin + size, ids.shape[1])
        inputs = ids[:, begin:end]
        targets = inputs.clone()
        targets[:, : -(end - before)] = -100
        with torch.inference_mode():
            windows.append((network(inputs, labels=targets).loss.item(), int((targets != -100).sum()) - 1))
        if end == ids.shape[1]:
            break
    guide = math.exp(sum(nats * number for nats, number in windows) / sum(number for _, number in windows))
    costs = -load(folder, f",context={size - 1},stride={stride}").score([LONG])[0].logprobs
    ours, first = [], 0
    for number in range(len(windows)):
        last = min(number * stride + size - 1, len(costs))
        ours.append(costs[first:last].mean())
        first = last
    for (nats, _), mean in zip(windows, ours, strict=True):
        assert mean == pytest.approx(nats, abs=1e-4)
    weights = [number for _, number in windows]
    assert math.exp(np.average(ours, weights=weights)) == pytest.approx(guide, rel=1e-4)


@pytest.mark.parametrize("bos", ["first", "none"])
def test_odd_texts_keep_the_contract_alone_and_together(folder, bos):
    model = load(folder, f",bos={bos},batch_tokens=200")
    texts = ["", *ODD.values(), ""]
    for text, score in zip(texts, model.score(texts), strict=True):
        score.check(text)
        np.testing.assert_allclose(score.logprobs, model.score([text])[0].logprobs, atol=1e-4)
    assert model.score([]) == []


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_ends_are_those_of_the_tokens_bytes(model, library, text):
    _, tokenizer = library
    sizes = [len(tokenizer.id_to_token(id)) for id in ids_without_specials(tokenizer, text)]  # one character per byte
    assert model.score([text])[0].ends.tolist() == np.cumsum(sizes).tolist()


def test_a_token_may_end_inside_a_character(model):
    assert model.score(["我🐈"])[0].ends.tolist() == [1, 2, 3, 4, 5, 6, 7]


def test_the_special_token_as_text_is_text(model):
    assert 0 not in scorer(model).tokenizer.encode(ODD["BOS as text"]).ids
    assert len(model.score([BOS])[0].ends) > 5


def test_without_bos_the_first_token_costs_log_v(folder, model):
    score = load(folder, ",bos=none").score([LINES[0]])[0]
    assert score.logprobs[0] == pytest.approx(-math.log(scorer(model).network.rows))
    assert len(score.logprobs) == len(model.score([LINES[0]])[0].logprobs)


@pytest.mark.parametrize("text", ["", "the cat", LONG + "it."])
@pytest.mark.parametrize("bos", ["first", "none"])
def test_next_events_are_what_is_scored(folder, text, bos):
    model = load(folder, f",bos={bos}")
    after = model.next_events(text)
    assert len(after.names) == len(set(after.names)) == len(after.logprobs)
    assert np.exp(after.logprobs).sum() == pytest.approx(1, abs=1e-9)
    score = model.score([text + "!"])[0]
    assert after.logprobs[after.names.index("!")] == pytest.approx(score.logprobs[-1], abs=1e-4)


def library_text(network, ids, length):
    """Return the ids that the library's own greedy decoding adds to these ids."""
    inputs = torch.tensor([ids])
    with torch.inference_mode():
        out = network.generate(
            inputs, attention_mask=torch.ones_like(inputs), max_new_tokens=length, do_sample=False, pad_token_id=0
        )
    return out[0, len(ids) :].tolist()


@pytest.mark.parametrize("prompt", [*LINES, "我是一个程序员", ""])
@pytest.mark.parametrize("bos", ["first", "none"])
def test_greedy_text_is_that_of_the_library(tmp_path, prompt, bos):
    tokenizer = byte_level()
    folder = save(tmp_path, gpt2(tokenizer.get_vocab_size()), tokenizer, bos_token=BOS, eos_token=BOS)
    model, network = load(folder, f",bos={bos}"), GPT2LMHeadModel.from_pretrained(folder).eval()
    ids = [0] * (bos == "first") + tokenizer.encode(prompt).ids
    if not ids:
        return  # the library cannot generate from nothing
    expected = [id for id in library_text(network, ids, 63 - len(ids)) if id]
    spelled = b"".join(scorer(model).tokenizer.event_spellings[id] for id in expected)
    assert "".join(generate(model, prompt, 63 - len(ids))) == spelled.decode(errors="replace")


def test_greedy_text_continues_past_the_context(model):
    """Each event has the distribution by which it would be scored, with the same windows."""
    parts = scorer(model)
    text = LONG[:400].rpartition(" ")[0]  # nothing that follows changes its tokens
    state, ids = model.state_after(text), parts.tokenizer.encode(text).ids.tolist()
    for _ in range(100):
        window, _ = last_window(np.array([0, *ids]), parts.windowing)
        plain = parts.network.last_logits(window[None], 1)[0, 0].double().log_softmax(-1)
        np.testing.assert_allclose(state.next_events().logprobs, plain.numpy(), atol=1e-4)
        ids.append(int(plain.argmax()))
        state.advance(ids[-1])


def test_the_library_says_what_ends_a_text_and_other_special_tokens_have_no_spelling(tmp_path):
    tokenizer = byte_level(special=(BOS, "<|pad|>"))
    folder = save(tmp_path, gpt2(tokenizer.get_vocab_size() + 2), tokenizer, eos_token=BOS, pad_token="<|pad|>")
    after = load(folder).next_events("the")
    spellings = dict(zip(after.names, after.spellings, strict=True))
    assert (spellings[BOS], spellings["<|pad|>"], spellings[" the"]) == (b"", None, b" the")
    assert after.spellings[-2:] == (None, None)


def test_no_score_depends_on_what_follows(model):
    short = model.score([LONG])[0].logprobs
    long = model.score([LONG + "\n" + ODD["Chinese"] * 9])[0].logprobs
    np.testing.assert_allclose(long[: len(short) - 1], short[:-1], atol=1e-4)  # the last space joins the next word


def test_signature_and_footprint(folder, model, library):
    parts = dict(model.signature().parts)
    assert (parts["context"], parts["stride"], parts["bos"]) == ("64", "32", "first")
    names = ("config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
    hashes = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
    listing = "".join(f"{hash} {name}\n" for name, hash in hashes.items())
    assert parts["revision"] == f"sha256={hashlib.sha256(listing.encode()).hexdigest()[:12]}"
    assert model.footprint().parameters == sum(p.numel() for p in library[0].parameters())
    assert model.footprint().disk_bytes == (folder / "model.safetensors").stat().st_size


def test_sentencepieces_tokens_end_at_their_bytes(tmp_path):
    tokenizer = metaspace()
    model = load(save(tmp_path, llama(tokenizer), tokenizer, bos_token="<unk>"))
    text = " the cat 我\n  at. the mat" + " the cat" * 30
    score = model.score([text])[0].check(text)
    spellings = dict(zip(model.next_events("").names, model.next_events("").spellings, strict=True))
    assert (spellings[" the"], spellings["at"], spellings["a"]) == (b" the", b"at", b"a")
    assert spellings["<0xE6>"] == b"\xe6"
    assert score.ends[:8].tolist() == [4, 8, 9, 10, 11, 12, 13, 14]


def test_an_added_space_is_not_part_of_the_text(tmp_path):
    """Llama's tokenizer adds it. Checks of the suite say that states, scores and generated texts agree."""
    tokenizer = llama_tokenizer()
    folder = save(tmp_path, llama(tokenizer.backend_tokenizer), tokenizer.backend_tokenizer, bos_token="<unk>")
    model = load(folder)
    assert scorer(model).tokenizer.adds_space
    score = model.score(["the at"])[0].check("the at")
    assert score.ends.tolist() == [3, 4, 6]
    nexts = model.next_events("")
    first = nexts.spellings.index(b"the")
    assert nexts.logprobs[first] == pytest.approx(score.logprobs[0], abs=1e-5)
    assert b" the" not in nexts.spellings
    assert b" the" in model.next_events("the").spellings
    for check in ("tiling", "chain-rule", "causality", "cuts", "batches", "state", "continuations", "step-by-step"):
        assert outcome_of(check, lambda: load(folder)).status == "pass", check
    text = "我 the"  # its first event is the added space alone
    assert model.score_continuation("", text) == pytest.approx(model.score([text])[0].logprobs.sum(), abs=1e-4)


def test_a_byte_level_tokenizer_that_adds_a_space(tmp_path):
    """BART's and RoBERTa's add it. The conformance suite checks that states, scores and generated texts agree."""
    tokenizer = bart_tokenizer().backend_tokenizer
    folder = save(tmp_path, gpt2(tokenizer.get_vocab_size()), tokenizer, bos_token=BOS, eos_token=BOS)
    model, library = load(folder), GPT2LMHeadModel.from_pretrained(folder).eval()
    text = "the cat sat.\n"
    ids = torch.tensor([[0, *tokenizer.encode(text).ids]])
    with torch.inference_mode():
        nats = library(ids, labels=ids).loss.item() * (ids.shape[1] - 1)
    score = model.score([text])[0].check(text)
    assert score.ends[:3].tolist() == [3, 7, 11]
    assert -score.logprobs.sum() == pytest.approx(nats, rel=1e-5)
    spaced = model.score([" " + text])[0].check(" " + text)
    assert spaced.ends[:3].tolist() == [0, 4, 8]
    nexts = model.next_events("")
    assert nexts.logprobs[nexts.spellings.index(b"the")] == pytest.approx(score.logprobs[0], abs=1e-5)
    assert b" the" in model.next_events("the").spellings
    outcomes = {outcome.check: outcome.status for outcome in check_spec(ModelSpec("hf", (("path", str(folder)),)))}
    assert "fail" not in outcomes.values()
    unfitted = {"rare", "determinism", "save", "test-split", "valid", "prior"}
    assert {name for name, status in outcomes.items() if status == "n/a"} == unfitted
    first = "".join(generate(model, "", 5))
    assert not first.startswith(" ")
    for text, score in zip(ODD.values(), model.score(list(ODD.values())), strict=True):
        score.check(text)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_logits_that_are_not_finite_are_reported(folder, tmp_path, value):
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    tensors = load_file(folder / "model.safetensors")
    tensors["transformer.ln_f.weight"][:] = value
    save_file(tensors, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(
        ScoreError, match=r"^the logits of '.*' are not finite; its weights are damaged, or the network"
    ):
        load(tmp_path).score(["x"])
    with pytest.raises(ScoreError, match=r"^the logits of '.*' are not finite; try dtype=float32$"):
        load(tmp_path, ",dtype=float16").score(["x"])


@pytest.mark.parametrize(("dtype", "largest"), [("float16", 1e6), ("bfloat16", 3e38)])
def test_an_overflow_at_one_token_names_the_event(folder, tmp_path, dtype, largest):
    """Only the embedding of "!" is large, so that other texts are scored."""
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    tensors = load_file(folder / "model.safetensors")
    token = scorer(load(folder)).tokenizer.encode("!").ids[0]
    tensors["transformer.wte.weight"][token] = largest
    save_file(tensors, tmp_path / "model.safetensors", {"format": "pt"})
    model = load(tmp_path, f",dtype={dtype}")
    with pytest.raises(ScoreError, match=r"not finite; try dtype=float32$"):
        model.score(["the!x"])
    with pytest.raises(ScoreError, match=r"not finite; try dtype=float32$"):
        model.next_events("the!")


def test_a_tokenizer_that_changes_the_text_is_refused(tmp_path):
    tokenizer = metaspace(normalizers.Lowercase())
    model = load(save(tmp_path, llama(tokenizer), tokenizer, bos_token="<unk>"))
    model.score([" the cat"])
    with pytest.raises(ScoreError, match=r"changes 'Cat' to 'cat' at character 5; use a tokenizer that preserves"):
        model.score([" the Cat"])


def test_a_tokenizer_without_bos_uses_eos_or_is_refused(tmp_path):
    tokenizer = byte_level(special=())
    neither = save(tmp_path / "neither", gpt2(300), tokenizer)
    with pytest.raises(SpecError, match="does not have a BOS or EOS token; give bos=none"):
        load(neither).score(["x"])
    load(neither, ",bos=none").score(["x"])[0].check("x")
    eos = save(tmp_path / "eos", gpt2(301), byte_level(), eos_token=BOS)
    load(eos).score(["x"])[0].check("x")


def test_a_model_that_sees_what_it_predicts_is_refused(tmp_path):
    tokenizer = byte_level()
    torch.manual_seed(7)
    bert = BertLMHeadModel(BertConfig(
        vocab_size=300, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        initializer_range=0.5,
    ))  # fmt: skip
    with pytest.raises(ScoreError, match="it is not a causal language model"):
        load(save(tmp_path, bert, tokenizer, bos_token=BOS)).score(["x"])


def test_incomplete_weights_are_refused(folder, tmp_path):
    config = json.loads((folder / "config.json").read_text())
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / "config.json").write_text(json.dumps(config | {"n_layer": 3}))
    with pytest.raises(UnavailableError, match=r"lack transformer\.h\.2\S*; use a complete checkpoint"):
        load(tmp_path).score(["x"])


@pytest.mark.parametrize("file", ["config.json", "model.safetensors", "tokenizer.json"])
@pytest.mark.parametrize("damage", ["missing", "cut off"])
@pytest.mark.parametrize("kind", [HuggingFace, MaskedModel])
def test_a_damaged_folder_is_named(folder, tmp_path, file, damage, kind):
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    if kind is MaskedModel:  # it needs a mask token first
        config = json.loads((tmp_path / "tokenizer_config.json").read_text()) | {"mask_token": "a"}
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    if damage == "missing":
        (tmp_path / file).unlink()
        why = rf"{re.escape(file.replace('model.', '*.'))}( or another vocabulary)? is missing"
    else:
        (tmp_path / file).write_bytes((folder / file).read_bytes()[:100])
        why = r"[^\n]+"
    with pytest.raises(UnavailableError, match=rf"^folder '.*' does not contain a model that can be loaded: {why}$"):
        build(ModelSpec("hf", (("path", str(tmp_path)),))).score(["x"])


def test_pickled_weights_are_not_read(folder, library, tmp_path):
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / "model.safetensors").unlink()
    torch.save(library[0].state_dict(), tmp_path / "pytorch_model.bin")
    message = r"its weights, pytorch_model\.bin, are pickled; convert them to safetensors$"
    with pytest.raises(UnavailableError, match=message):
        load(tmp_path).score(["x"])


def test_code_in_a_folder_is_not_run(folder, tmp_path):
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    config = json.loads((folder / "config.json").read_text())
    own = {"model_type": "own", "auto_map": {"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Model"}}
    (tmp_path / "config.json").write_text(json.dumps(config | own))
    (tmp_path / "own.py").write_text(f"open({str(tmp_path / 'was run')!r}, 'w')")
    with pytest.raises(UnavailableError, match="contains custom code"):
        load(tmp_path).score(["x"])
    assert not (tmp_path / "was run").exists()


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        ("gpt2:contxt=5", UnknownNameError, "unknown option of gpt2 'contxt'; did you mean 'context'"),
        ("gpt2:gpt2-medium,strid=5", UnknownNameError, "unknown option of gpt2 'strid'; did you mean 'stride'"),
        ("hf", SpecError, "hf needs path=: model id on the hub, folder written by save_pretrained, or GGUF file"),
        ("hf:x,dtype=float64", SpecError, "dtype=float64: Input should be 'float32', 'bfloat16' or 'float16'"),
        ("hf:x,memory=0", SpecError, "memory=0: Input should be greater than or equal to 1"),
        ("mlm:x,contxt=5", UnknownNameError, "unknown option of mlm 'contxt'; did you mean 'context'"),
    ],
)
def test_unknown_and_impossible_options_are_named(spec, error, message):
    with pytest.raises(error, match=message) as caught:
        build(spec)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has one")
@pytest.mark.parametrize("spec", ["gpt2:device=cuda", "hf:x,device=cuda", "mlm:x,device=cuda"])
def test_a_missing_device_is_refused(spec):
    with pytest.raises(SpecError, match=r": this machine has no CUDA device$"):
        build(spec)


@pytest.mark.parametrize(
    ("options", "message"),
    [(",context=65", "more than the 64 positions"), (",stride=65", "skips tokens"), (",context=8,stride=9", "skips")],
)
def test_a_context_beyond_the_models_or_below_the_stride_is_refused(folder, options, message):
    with pytest.raises(SpecError, match=message):
        load(folder, options).score(["x"])


def test_gpt2_loads_the_version_that_is_named():
    assert Gpt2().options.path == "gpt2"
    assert build("gpt2:gpt2-xl").options.path == "gpt2-xl"
    assert Gpt2.traits.pretrained
    assert HuggingFace.traits.pretrained


@pytest.mark.parametrize("bos", ["first", "none"])
def test_documents_of_one_token(folder, bos):
    model = load(folder, f",bos={bos}")
    for text, score in zip(["x", "", "!", "\n"], model.score(["x", "", "!", "\n"]), strict=True):
        assert len(score.check(text).ends) == len(text)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float16", 0.01), ("bfloat16", 0.1)])
def test_half_precisions_are_close_to_float32_but_differ(folder, model, dtype, tolerance):
    half = load(folder, f",dtype={dtype}")
    for one, other in zip(half.score(LINES), model.score(LINES), strict=True):
        assert one.logprobs.sum() == pytest.approx(other.logprobs.sum(), rel=tolerance)
        assert np.abs(one.logprobs - other.logprobs).max() > 1e-4
    assert scorer(half).network.model.dtype == getattr(torch, dtype)


def test_the_memory_bounds_what_is_scored_at_once(folder):
    parts = scorer(load(folder, ",memory=1"))
    assert parts.batch_tokens == 2**19 // (16 * 32 * 4)
    assert parts.network.budget.targets(parts.network.rows) == 2**19 // 12 // parts.network.rows
    assert scorer(load(folder, ",batch_tokens=7")).batch_tokens == 7


def test_the_real_gpt2_tokenizer(mirror, tmp_path):
    source = mirror / "gpt2-tokenizer"
    shutil.copy(source / "encoder.json", tmp_path / "vocab.json")
    shutil.copy(source / "vocab.bpe", tmp_path / "merges.txt")
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "GPT2Tokenizer"}))
    network = gpt2(50257)
    network.config.bos_token_id = network.config.eos_token_id = 50256
    network.save_pretrained(tmp_path)
    model = load(tmp_path)
    assert scorer(model).bos.tolist() == [50256]
    # ids from the encoder in openai/gpt-2
    ids = scorer(model).tokenizer.encode("Hello world, 你好").ids.tolist()
    assert ids == [15496, 995, 11, 220, 19526, 254, 25001, 121]
    assert model.score(["Hello world, 你好"])[0].ends.tolist() == [5, 11, 12, 13, 15, 16, 18, 19]
    assert 50256 not in scorer(model).tokenizer.encode(ODD["BOS as text"]).ids
    for text, score in zip(ODD.values(), model.score(list(ODD.values())), strict=True):
        score.check(text)


@pytest.mark.parametrize(
    "changes",
    [{"n_embd": 48}, {"vocab_size": 7}, {"n_layer": [2]}, {"n_layer": "two"}, {"n_head": 0}, {"model_type": 3}],
    ids=str,
)
def test_an_impossible_configuration_is_named(folder, tmp_path, changes):
    config = json.loads((folder / "config.json").read_text())
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / "config.json").write_text(json.dumps(config | changes))
    with pytest.raises(UnavailableError, match=r"^folder '.*' does not contain a model that can be loaded: [^\n]+$"):
        load(tmp_path).score(["x"])


def test_a_configuration_that_is_a_list_is_named(folder, tmp_path):
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(UnavailableError, match=r"^folder '.*' does not contain a model that can be loaded: [^\n]+$"):
        load(tmp_path).score(["x"])


def test_an_end_that_the_model_does_not_have_is_ignored(folder, tmp_path):
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": 50256}))
    after = load(tmp_path).next_events("the cat")
    assert b"" not in after.spellings


def test_the_memory_bounds_the_context_that_is_chosen(folder, tmp_path):
    torch.manual_seed(7)
    tokenizer = metaspace()
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=16, intermediate_size=4096, num_hidden_layers=1,
        num_attention_heads=2, max_position_embeddings=64,
    )  # fmt: skip
    wide = save(tmp_path, LlamaForCausalLM(config), tokenizer, bos_token="<unk>")
    assert dict(load(wide, ",memory=1").signature().parts)["context"] == str(2**19 // (8 * 16 + 2 * 4096) // 4)
    assert dict(load(wide).signature().parts)["context"] == "64"
    assert dict(load(wide, ",memory=1,context=32").signature().parts)["context"] == "32"
    load(wide, ",memory=1").score([" the cat" * 40])[0].check(" the cat" * 40)
