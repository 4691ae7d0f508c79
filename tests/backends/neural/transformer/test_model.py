"""The Transformer: the scoring contract, training, saving, and transformers' own results for what it exports."""

import math

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from lmbench.backends.neural.transformer.model import Transformer, seconds_for
from lmbench.backends.neural.transformer.options import TransformerOptions
from lmbench.backends.neural.transformer.sequences import with_bos
from lmbench.backends.neural.transformer.tokenizer_file import TokenizerFile
from lmbench.corpus import Split, TrainingText
from lmbench.errors import CorpusError, LmbenchError, NotFittedError, ScoreError, SpecError
from lmbench.model import ModelSpec
from lmbench.progress import Progress
from lmbench.registry import build
from tests.recording import Recorded

SMALL = {
    "tokenizer": "bpe:1024", "layers": "2", "width": "32", "heads": "2", "context": "32", "batch_tokens": "256",
    "learning_rate": "1e-2",
}  # fmt: skip
TRAIN = tuple(
    f"the {animal} sat on the {thing}.\nit was {mood}.\n"
    for animal in ("cat", "dog", "hen")
    for thing in ("mat", "log", "roof")
    for mood in ("glad", "sad")
)

pytestmark = pytest.mark.usefixtures("one_thread")
ODD = {
    "empty": "",
    "one letter": "x",
    "only a line end": "\n",
    "no final line end": "the cat\nsat",
    "carriage returns": "the cat\r\nsat\r\n",
    "no-break space": "the\u00a0cat\n",
    "emoji": "the 🐈\u200d⬛ sat\n",
    "spaces": "  the  cat \n\n\n \t sat",
    "markup": "<unk> <s> </s> <|endoftext|>\n",
    "one long line": "the cat sat on " * 1400,
}


def unfitted(options=""):
    """Return a model with these options, and those of SMALL for the others."""
    given = dict(ModelSpec.parse("transformer:" + options.removeprefix(",")).arguments)
    return build(ModelSpec("transformer", tuple((SMALL | given).items())))


def fitted(options="", train=TRAIN, valid=TRAIN[:3], tokenized=False):
    model = unfitted(options)
    model.fit(TrainingText(Split(train), Split(valid), tokenized=tokenized))
    return model


@pytest.fixture(scope="module")
def model():
    return fitted(",steps=60")


def bits_per_byte(model, documents):
    nats = -sum(score.logprobs.sum() for score in model.score(documents))
    return nats / math.log(2) / sum(len(document.encode()) for document in documents)


def test_tied_parameters_are_counted_once(model):
    types, width, layers = len(model._fitted.lexicon), 32, 2
    context = model._fitted.network.shape.context
    block = 4 * width + width * 3 * width + 3 * width + width * width + width + 8 * width * width + 5 * width
    expected = (types + 1 + context) * width + layers * block + 2 * width
    assert (model.footprint().parameters, model.footprint().disk_bytes) == (expected, 4 * expected)


@pytest.mark.parametrize("document", ODD.values(), ids=ODD)
def test_every_text_is_scored(model, document):
    model.score([document])[0].check(document)


def test_scores_do_not_depend_on_the_batch(model):
    documents = [*ODD.values(), *TRAIN]
    together = model.score(documents)
    backwards = model.score(documents[::-1])[::-1]
    for document, one, two in zip(documents, together, backwards, strict=True):
        (alone,) = model.score([document])
        np.testing.assert_allclose(one.logprobs, alone.logprobs, atol=1e-5)
        np.testing.assert_allclose(one.logprobs, two.logprobs, atol=1e-5)


@pytest.mark.parametrize("length", [1, 20, 100])
def test_scores_do_not_depend_on_what_follows(model, length):
    prefix = "the cat sat on the log.\n" * length
    suffixes = ("", "it was sad.\n", "it was glad.\n" * 50)
    events = len(model.score([prefix])[0].ends)
    first, *others = (score.logprobs[:events] for score in model.score([prefix + suffix for suffix in suffixes]))
    for other in others:
        np.testing.assert_allclose(other, first, atol=1e-5)


def test_the_stride_changes_nothing_if_the_text_fits_the_context():
    models = [fitted(f",steps=5,stride={stride}") for stride in (1, 7, 32)]
    scores = [model.score(TRAIN[:2]) for model in models]
    for one, other in zip(scores[0] * 2, scores[1] + scores[2], strict=True):
        np.testing.assert_allclose(one.logprobs, other.logprobs, atol=1e-5)


def test_history_runs_across_lines(model):
    document = "the cat sat on the mat.\nit was glad.\n"
    lines = document.splitlines(keepends=True)
    assert model.score([document])[0].logprobs.sum() != pytest.approx(
        sum(score.logprobs.sum() for score in model.score(lines)), abs=1e-3
    )


@pytest.mark.parametrize("text", ["", "the", "the cat", "the cat sat on the mat.\n", "the cat sat.\n" * 30])
def test_next_events_are_what_is_scored(model, text):
    after = model.next_events(text)
    assert len(after.names) == len(after.logprobs) == len(after.spellings) == len(model._fitted.lexicon) + 1
    assert (after.names[-1], after.spellings[-1]) == ("<|endoftext|>", None)
    assert np.exp(after.logprobs).sum() == pytest.approx(1, abs=1e-9)
    score = model.score([text + "\n"])[0]
    assert after.logprobs[after.names.index("\n")] == pytest.approx(score.logprobs[-1], abs=1e-5)


def test_equal_seeds_give_equal_models():
    state = torch.random.get_rng_state()
    one, same, other = (fitted(f",steps=12,seed={seed}") for seed in (3, 3, 4))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert np.array_equal(one.score(TRAIN)[0].logprobs, same.score(TRAIN)[0].logprobs)
    assert not np.array_equal(one.score(TRAIN)[0].logprobs, other.score(TRAIN)[0].logprobs)
    assert str(one.signature()) == str(same.signature())


def test_fitting_again_forgets_the_first_fit():
    model = fitted(",steps=5", train=("other words\n",) * 9)
    model.fit(TrainingText(Split(TRAIN), Split(TRAIN[:3])))
    assert np.array_equal(model.score(TRAIN)[0].logprobs, fitted(",steps=5").score(TRAIN)[0].logprobs)


def test_evaluation_reads_the_first_events_of_the_validation_text_and_pays_for_spelling(monkeypatch):
    """The best evaluation is what the best weights score on these events, unknown words' letters included."""
    monkeypatch.setattr("lmbench.backends.neural.transformer.validation.VALIDATION_EVENTS", 9)
    valid = ("zebra sat on\n", "the mat quagga sat.\n", "the dog sat on the log.\n" * 5)
    model = fitted(",steps=20,tokenizer=words,stride=32", valid=valid)
    nats, size, left = 0.0, 0, 9
    for document, score in zip(valid, model.score(valid), strict=True):
        events = min(left, len(score.ends))
        nats, left = nats - score.logprobs[:events].sum(), left - events
        size += int(score.ends[events - 1]) if events else 0
        assert events < len(document)
    assert (left, size) == (0, len("zebra sat on\nthe mat quagga sat.\n"))
    assert model._fitted.history.best.bits_per_byte == pytest.approx(nats / size / math.log(2), rel=1e-4)


def test_a_periodic_text_costs_next_to_nothing():
    text = "abcdefgh\n" * 40
    model = fitted(",steps=150,tokenizer=bytes", train=(text,) * 4, valid=(text,))
    assert bits_per_byte(model, [text]) < 0.1  # 8 for a uniform model; after the first letter everything is certain


def test_training_memorizes_what_it_sees_and_loss_falls():
    model, progress = unfitted(",steps=200,dropout=0"), Recorded()
    model.fit(TrainingText(Split(TRAIN), Split(TRAIN)), progress)
    losses = [float(message.split()[3].rstrip(",")) for message, share in progress.messages if share]
    assert losses[-1] < losses[0]
    # 18 equally likely documents: no model needs less than log2(18) bits for each
    assert math.log2(18) < bits_per_byte(model, TRAIN) * len("".join(TRAIN)) / 18 < 2 * math.log2(18)


def test_the_best_weights_are_kept_if_training_goes_wrong():
    # learning one letter harms the other from the first steps
    model = fitted(",patience=1,steps=500", train=("aaaa\n" * 20, "b\n"), valid=("bbbbbbbb\n",))
    parts = dict(model.signature().parts)
    assert int(parts["best"]) < int(parts["steps"]) < 500


def test_the_budget_ends_training():
    model, progress = unfitted(",budget=0.5,patience=1000"), Recorded()
    model.fit(TrainingText(Split(TRAIN), Split(TRAIN)), progress)
    shares = [share for _, share in progress.messages]
    assert shares[0] == 0
    assert shares[-1] == 1
    assert shares == sorted(shares)


def test_a_budget_of_0_follows_the_size_of_the_text():
    assert [seconds_for(size) for size in (1, 80_000, 300_438, 10**9)] == [8, 8, 30, 45]
    assert (TransformerOptions().budget, TransformerOptions(preset="small").budget) == (0, 1800)


@pytest.mark.parametrize(
    ("options", "limit"),
    [
        (",steps=3", "3steps"),
        (",preset=small,steps=3", "3steps"),
        (",steps=3,budget=2m", "3steps,120s"),
        (",steps=3,budget=0", "3steps,8s"),
        (",steps=0,budget=1", "1s"),
    ],
)
def test_the_signature_names_the_limits_of_training(options, limit):
    assert dict(fitted(options).signature().parts)["limit"] == limit


@pytest.mark.parametrize("train", [("a\n",), ("a",), ("\n",), ("", "hello"), ("x y z\n", "x\n")])
def test_corpora_of_a_few_letters_are_enough(train):
    model = fitted(",steps=3", train=train, valid=("a\n",))
    for document in ODD.values():
        model.score([document])[0].check(document)


@pytest.mark.parametrize(("train", "valid"), [(("a\n",), ()), (("a\n",), ("",)), ((), ("a\n",))])
def test_empty_splits_are_refused(train, valid):
    with pytest.raises(CorpusError, match=r"the (training|validation) split is empty"):
        fitted(",steps=3", train=train, valid=valid)


@pytest.mark.parametrize("tokenizer", ["words", "pieces", "bytes", "bpe:300"])
def test_every_tokenizer_works(tokenizer):
    model = fitted(f",steps=3,tokenizer={tokenizer}")
    for document in ODD.values():
        model.score([document])[0].check(document)


ENCODER_DECODER = ",architecture=encoder-decoder,context=12"


@pytest.fixture(scope="module")
def encoder_decoder():
    return fitted(f"{ENCODER_DECODER},steps=60")


@pytest.mark.parametrize("document", ODD.values(), ids=ODD)
def test_an_encoder_decoder_scores_every_text(encoder_decoder, document):
    encoder_decoder.score([document])[0].check(document)


def test_an_encoder_decoder_predicts_each_segment_from_the_one_before(encoder_decoder):
    """Segment by segment, by hand: the network reads the segment before and this one, and nothing else."""
    lexicon, network = encoder_decoder._fitted.lexicon, encoder_decoder._fitted.network
    text = "the cat sat on the mat.\n" * 6
    encoded = lexicon.encode(text)
    sequence = torch.tensor([len(lexicon), *encoded.ids.tolist()])
    inputs, targets = sequence[:-1].split(12), sequence[1:].split(12)
    assert len(inputs) > 3
    expected = []
    for before, current, wanted in zip((inputs[0][:0], *inputs), inputs, targets, strict=False):
        with torch.inference_mode():
            logprobs = network(torch.cat([before, current])[None], len(current))[0].log_softmax(-1)
        expected += logprobs[torch.arange(len(wanted)), wanted].tolist()
    score = encoder_decoder.score([text])[0]
    np.testing.assert_allclose(score.logprobs - score.spelling, expected, atol=1e-5)


def test_an_encoder_decoder_looks_back_one_segment_and_never_ahead(encoder_decoder):
    text = "the cat sat on the mat.\n" * 6
    whole = encoder_decoder.score([text])[0].logprobs
    longer = encoder_decoder.score([text + "it was sad.\n"])[0].logprobs
    np.testing.assert_allclose(longer[: len(whole)], whole, atol=1e-5)
    other = encoder_decoder.score(["the hen" + text[7:]])[0].logprobs  # differs in the first segment
    assert len(other) == len(whole) > 3 * 12
    assert np.abs(other - whole)[12:24].max() > 1e-4
    np.testing.assert_allclose(other[24:], whole[24:], atol=1e-5)


@pytest.mark.parametrize("text", ["", "the", "the cat sat on the mat.\n", "the cat sat.\n" * 30])
def test_an_encoder_decoders_next_events_are_what_is_scored(encoder_decoder, text):
    after = encoder_decoder.next_events(text)
    assert np.exp(after.logprobs).sum() == pytest.approx(1, abs=1e-9)
    score = encoder_decoder.score([text + "\n"])[0]
    assert after.logprobs[after.names.index("\n")] == pytest.approx(score.logprobs[-1], abs=1e-5)


def test_an_encoder_decoder_learns(encoder_decoder):
    assert bits_per_byte(fitted(f"{ENCODER_DECODER},steps=200,dropout=0"), TRAIN) < 0.5


@pytest.mark.parametrize("write", [Transformer.save, lambda model, folder: model.export(folder / "gpt2")])
def test_a_full_disk_is_reported(model, tmp_path, write):
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(LmbenchError, match=r"^(transformer|model).safetensors cannot be written: .*too large"):
            write(model, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_model_that_cannot_be_restored_is_refused_with_the_reason(model, tmp_path):
    model.save(tmp_path)
    file, weights = tmp_path / "transformer.safetensors", model._fitted.network.state_dict()
    whole = file.read_bytes()
    with safe_open(file, "pt") as opened:
        metadata = opened.metadata()

    def reason():
        with pytest.raises(SpecError) as error:
            unfitted(",steps=60").restore(tmp_path)
        assert "\n" not in str(error.value)
        where = f"{tmp_path} does not hold a saved model: transformer.safetensors cannot be read: "
        return str(error.value).removeprefix(where)

    file.unlink()
    assert "No such file" in reason()
    file.write_bytes(whole[:-50])
    assert "incomplete" in reason()
    save_file(weights, file)
    assert "Invalid JSON" in reason()
    save_file({name: weight for name, weight in weights.items() if name != "norm.bias"}, file, metadata)
    assert reason() == 'Missing key(s) in state_dict: "norm.bias".'
    wider = weights | {"tokens.weight": torch.zeros(7, 32)}
    save_file(wider, file, metadata)
    assert reason().startswith("size mismatch for tokens.weight")
    save_file(wider, file, metadata | {"lmbench": "0.0.1"})
    assert reason().endswith("; it was written by lmbench 0.0.1")
    save_file(weights, file, metadata)
    unfitted(f",steps=60,device=cpu,checkpoint={tmp_path}").restore(tmp_path)  # neither option changes the model
    with pytest.raises(SpecError, match="holds a model with layers=2, not 3"):
        unfitted(",steps=60,layers=3").restore(tmp_path)


def test_transformers_loads_what_is_exported(model, tmp_path):
    """transformers' GPT-2 returns the log-probability with which every event of every document is scored."""
    from transformers import GPT2LMHeadModel

    model.export(tmp_path / "gpt2")
    library = GPT2LMHeadModel.from_pretrained(tmp_path / "gpt2").eval()
    context = library.config.n_positions
    for document in TRAIN:
        encoded = model._fitted.lexicon.encode(document)
        ids = torch.from_numpy(with_bos(model._fitted.lexicon, encoded.ids))[None]
        assert ids.shape[1] - 1 <= context
        with torch.inference_mode():
            table = library(ids[:, :-1]).logits[0].log_softmax(-1)
        expected = table.gather(1, ids[0, 1:, None])[:, 0].numpy()
        score = model.score([document])[0]
        np.testing.assert_allclose(score.logprobs - score.spelling, expected, atol=1e-4)


@pytest.mark.parametrize("options", ["words", "pieces,context=6", "pieces,context=1", "bytes", "bpe:300"])
def test_what_is_exported_is_scored_by_hf(tmp_path, options):
    """Both models give the same bits if all words are known; hf refuses a text with an unknown one."""
    train = (*TRAIN, "我是一个程序员。\n我是一只猫。\n")
    model = fitted(f",steps=20,min_count=1,tokenizer={options}", train=train)
    model.export(tmp_path / "gpt2")
    library = build(ModelSpec("hf", (("path", str(tmp_path / "gpt2")),)))
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
    assert "| 1 | the line end |" in (tmp_path / "gpt2" / "README.md").read_text()


def test_only_a_decoder_can_be_exported(encoder_decoder, tmp_path):
    message = "transformers can load only decoders, as GPT-2; use architecture=decoder"
    with pytest.raises(SpecError, match=message):
        encoder_decoder.export(tmp_path / "gpt2")
    with pytest.raises(SpecError, match=message):
        build("transformer:architecture=encoder-decoder").check_exportable()  # before anything is fitted


def test_models_of_many_types_learn_from_a_sample_and_score_over_all_types(monkeypatch):
    monkeypatch.setattr("lmbench.backends.neural.transformer.model._MANY_TYPES", 10)
    monkeypatch.setattr("lmbench.backends.neural.transformer.model._NEGATIVES", 8)
    model = fitted(",steps=200,tokenizer=words,dropout=0")
    assert dict(model.signature().parts)["softmax"] == "sampled8"
    assert np.exp(model.next_events("the").logprobs).sum() == pytest.approx(1, abs=1e-9)
    assert bits_per_byte(model, TRAIN) * len("".join(TRAIN)) / 18 < 2 * math.log2(18)


def test_exhibits_show_the_learning_curve(model):
    validation, loss = model.exhibits()
    assert (validation.kind, validation.unit, loss.unit) == ("lines", "bits per byte", "nats per event")
    assert len(validation.rows) == len(loss.rows) + 1 > 3
    assert validation.rows[-1][1] < validation.rows[0][1]


class KilledAtStep25(Progress):
    def __call__(self, message, share):
        if message.startswith("step 25,"):
            raise KeyboardInterrupt


def test_a_killed_training_resumes_to_the_same_scores(tmp_path):
    options = f",steps=40,checkpoint={tmp_path}/kept"
    data = TrainingText(Split(TRAIN), Split(TRAIN[:3]))
    with pytest.raises(KeyboardInterrupt):
        unfitted(options).fit(data, KilledAtStep25())
    whole = fitted(",steps=40").score(TRAIN)
    for one, other in zip(fitted(options).score(TRAIN), whole, strict=True):
        assert np.array_equal(one.logprobs, other.logprobs)
    fitted(options, train=TRAIN[1:])  # another training, in the same folder
    assert len(list((tmp_path / "kept").iterdir())) == 2


def test_trainings_have_the_same_identity_if_their_weights_are_the_same():
    def identity(options, **data):
        return fitted(options, **data)._fitted.history.identity

    first = identity(",steps=1,tokenizer=words,precision=float32")
    for same in (",device=cpu", ",stride=3", ",budget=1h", ",preset=tiny", ",checkpoint="):
        assert identity(",steps=1,tokenizer=words,precision=float32" + same) == first, same
    assert identity(",steps=1,tokenizer=auto,precision=float32", tokenized=True) == first
    for other in ("seed=1", "dropout=0", "context=3", "patience=3", "min_count=1", "steps=2"):
        steps = "" if "steps" in other else ",steps=1"
        assert identity(f",tokenizer=words{steps},precision=float32,{other}") != first, other
    assert identity(",steps=1,tokenizer=words,precision=bfloat16") != first
    assert identity(",steps=1,tokenizer=auto,precision=float32") != first
    assert identity(",budget=0.1") != identity(",budget=0.2")  # the learning rates follow the budget


def test_the_stride_is_half_of_a_context_that_training_text_limits():
    parts = dict(fitted(",steps=3,tokenizer=bytes", train=("abcdefgh\n",)).signature().parts)
    assert (parts["context"], parts["stride"]) == ("9", "4")


def test_presets_give_the_defaults():
    small = build("transformer:preset=small,budget=2m,layers=3").options
    assert (small.layers, small.width, small.budget, small.tokenizer) == (3, 192, 120, "auto")
    assert TransformerOptions() == TransformerOptions(preset="tiny")
    with pytest.raises(SpecError, match="preset=huge"):
        build("transformer:preset=huge")


def test_training_in_bfloat16_learns():
    model = fitted(",steps=60,precision=bfloat16")
    assert dict(model.signature().parts)["precision"] == "bfloat16"
    assert bits_per_byte(model, TRAIN) < 2


def test_budgets_are_read_as_people_write_them():
    budgets = {text: TransformerOptions(budget=text).budget for text in ("90", "90s", "1.5m", "1h", "1h30m")}
    assert budgets == {"90": 90, "90s": 90, "1.5m": 90, "1h": 3600, "1h30m": 5400}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (",steps=00", "nothing would end the training; give a budget or a number of steps"),
        (",width=30,heads=4", "4 heads do not divide a width of 30"),
        (",stride=33", "a stride of 33 skips events"),
        (",stride=3,architecture=encoder-decoder", "an encoder-decoder reads segment by segment; leave out stride"),
        (",budget=soon", "budget"),
        (",budget=m", "option budget=m: Input should be a valid number"),
        (",budget=30m1h", "option budget=30m1h: Input should be a valid number"),
        (",budget=nan", "option budget=nan"),
        (",budget=inf", "option budget=inf: Input should be a finite number"),
        (",budget=-1s", "budget=-1s"),
    ],
)
def test_impossible_options_are_refused(options, message):
    spec = "transformer:context=32" + options
    with pytest.raises(SpecError, match=message):
        build(spec)


@pytest.mark.parametrize(
    "use",
    [
        lambda model: model.score(["a"]),
        lambda model: model.next_events("a"),
        Transformer.signature,
        Transformer.exhibits,
        Transformer.footprint,
    ],
)
def test_an_unfitted_model_says_so(use):
    with pytest.raises(NotFittedError, match="this Transformer is not ready; call prepare first"):
        use(unfitted(",steps=1"))
