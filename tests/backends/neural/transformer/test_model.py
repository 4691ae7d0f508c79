"""The Transformer: the scoring contract, training, signatures, and saving."""

import hashlib
import json
import math
import os

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from lmbench.backends.neural.transformer.model import Transformer
from lmbench.corpus import Split, TrainingText
from lmbench.errors import CorpusError, NotFittedError, SpecError
from lmbench.progress import Progress
from tests.backends.neural.transformer.small_models import TRAIN, bits_per_byte, fitted, unfitted
from tests.recording import Recorded

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
    "one long line": "the cat sat on " * 400,
}


def test_tied_parameters_are_counted_once(model):
    types, width, layers = len(model._fitted.lexicon), 32, 2
    block = 4 * width + width * 3 * width + 3 * width + width * width + width + 8 * width * width + 5 * width
    expected = (types + 1) * width + layers * block + 2 * width
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


def test_history_runs_across_lines(model):
    document = "the cat sat on the mat.\nit was glad.\n"
    lines = document.splitlines(keepends=True)
    assert model.score([document])[0].logprobs.sum() != pytest.approx(
        sum(score.logprobs.sum() for score in model.score(lines)), abs=1e-3
    )


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


def test_dropout_is_off_in_scores_however_the_model_came_about(tmp_path, monkeypatch):
    options, data = f",steps=12,dropout=0.5,checkpoint={tmp_path}", TrainingText(Split(TRAIN), Split(TRAIN[:3]))
    model, restored = fitted(options), unfitted(options)
    model.save(tmp_path)
    restored.restore(tmp_path)
    expected, following = model.score(TRAIN)[0].logprobs, model.next_events("the").logprobs
    model.fit(data)  # resumes the finished training, so that neither a step nor an evaluation follows
    again = unfitted(",steps=12,dropout=0.5")
    again.fit(data)
    again.fit(data)
    for other in (model, restored, again):
        monkeypatch.setattr(other._fitted.network, "eval", None)  # a walk over all modules, once a fit and not a score
        for _ in range(2):
            np.testing.assert_array_equal(other.score(TRAIN)[0].logprobs, expected)
            np.testing.assert_array_equal(other.next_events("the").logprobs, following)


def test_a_periodic_text_costs_next_to_nothing():
    text = "abcdefgh\n" * 40
    model = fitted(",steps=75,tokenizer=bytes", train=(text,) * 4, valid=(text,))
    assert bits_per_byte(model, [text]) < 0.1  # 8 for a uniform model; after the first letter everything is certain


def test_training_memorizes_what_it_sees_and_loss_falls():
    model, progress = unfitted(",steps=80,dropout=0"), Recorded()
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
    model, progress = unfitted(",budget=0.2,patience=1000"), Recorded()
    model.fit(TrainingText(Split(TRAIN), Split(TRAIN)), progress)
    shares = [share for _, share in progress.messages]
    assert shares[0] == 0
    assert shares[-1] == 1
    assert shares == sorted(shares)


@pytest.mark.parametrize(
    ("options", "limit"),
    [
        (",steps=3", "3steps"),
        (",preset=small,steps=3", "3steps"),
        (",steps=3,budget=2m", "3steps,120s"),
        (",steps=3,budget=0", "3steps"),
        (",steps=0,budget=0.2", "0.2s"),
        (",patience=1", "100steps"),
    ],
)
def test_the_signature_names_the_limits_of_training(options, limit):
    assert dict(fitted(options).signature().parts)["limit"] == limit


def test_the_remarks_say_what_cut_the_training_short(model):
    assert fitted(",steps=3").remarks() == ("undertrained",)
    assert fitted(",steps=3,budget=1h").remarks() == ("time-limited", "undertrained")
    worse = fitted(",patience=1,steps=500", train=("aaaa\n" * 20, "b\n"), valid=("bbbbbbbb\n",))
    assert worse.remarks() == ()  # the evaluations after the best one did not improve on it


def test_a_restored_model_has_the_same_limits_and_remarks(tmp_path):
    model, restored = fitted(",steps=3,budget=1h"), unfitted(",steps=3,budget=1h")
    model.save(tmp_path)
    restored.restore(tmp_path)
    assert str(restored.signature()) == str(model.signature())
    assert restored.remarks() == model.remarks()


def test_the_number_of_threads_is_an_option_and_restored():
    assert (unfitted().traits.threads, unfitted(",threads=2").traits.threads) == (1, 2)
    before, progress = torch.get_num_threads(), RecordedThreads()
    model = unfitted(",steps=2,threads=3")
    model.fit(TrainingText(Split(TRAIN), Split(TRAIN)), progress)
    model.score(TRAIN)
    assert (progress.threads, torch.get_num_threads()) == ({3}, before)


class RecordedThreads(Progress):
    """Records with how many threads torch computes during the steps of a training."""

    def __init__(self):
        self.threads = set()

    def __call__(self, message, share):
        if message.startswith("step"):
            self.threads.add(torch.get_num_threads())


def fit_and_hash():
    model = fitted(",steps=5", train=TRAIN * 9)
    return hashlib.sha256(b"".join(score.logprobs.tobytes() for score in model.score(TRAIN))).hexdigest()


def test_a_process_with_more_threads_fits_the_same_model():
    """Other weights would follow if the model used as many threads as torch does by itself."""
    one = fit_and_hash()
    torch.set_num_threads(2)
    two = fit_and_hash()
    torch.set_num_threads(1)
    assert two == one


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


@pytest.mark.parametrize("document", ODD.values(), ids=ODD)
def test_an_encoder_decoder_scores_every_text(encoder_decoder, document):
    encoder_decoder.score([document])[0].check(document)


def test_an_encoder_decoder_learns(encoder_decoder):
    assert bits_per_byte(encoder_decoder, TRAIN) < 0.5


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
    for context in (16_385, 10**9, 10**30):  # no memory is allocated for so many positions
        training = json.loads(metadata["training"]) | {"context": context}
        save_file(weights, file, metadata | {"training": json.dumps(training)})
        assert reason().startswith("context: Input should be less than or equal to 16384")
    file.unlink()
    os.mkfifo(file)
    assert "not a regular file" in reason()
    file.unlink()
    save_file(weights, file, metadata)
    unfitted(f",steps=60,device=cpu,checkpoint={tmp_path}").restore(tmp_path)  # neither option changes the model
    with pytest.raises(SpecError, match="holds a model with layers=2, not 3"):
        unfitted(",steps=60,layers=3").restore(tmp_path)


def test_models_of_many_types_learn_from_a_sample_and_score_over_all_types(monkeypatch):
    monkeypatch.setattr("lmbench.backends.neural.transformer.sampled_softmax._MANY_IDS", 10)
    monkeypatch.setattr("lmbench.backends.neural.transformer.sampled_softmax._NEGATIVES", 8)
    model = fitted(",steps=80,tokenizer=words,dropout=0")
    assert dict(model.signature().parts)["softmax"] == "sampled8"
    assert np.exp(model.next_events("the").logprobs).sum() == pytest.approx(1, abs=1e-9)
    assert bits_per_byte(model, TRAIN) * len("".join(TRAIN)) / 18 < 2 * math.log2(18)


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
    others = ("seed=1", "dropout=0.1", "positions=learned", "context=3", "patience=3", "min_count=1", "steps=2")
    for other in (*others, "optimizer=adamw"):
        steps = "" if "steps" in other else ",steps=1"
        assert identity(f",tokenizer=words{steps},precision=float32,{other}") != first, other
    assert identity(",steps=1,tokenizer=words,precision=bfloat16") != first
    assert identity(",steps=1,tokenizer=auto,precision=float32") != first
    assert identity(",budget=0.1") != identity(",budget=0.2")  # the learning rates follow the budget


def test_the_stride_is_half_of_a_context_that_training_text_limits():
    parts = dict(fitted(",steps=3,tokenizer=bytes", train=("abcdefgh\n",)).signature().parts)
    assert (parts["context"], parts["stride"]) == ("9", "4")


def test_training_in_bfloat16_learns():
    model = fitted(",steps=60,precision=bfloat16")
    assert dict(model.signature().parts)["precision"] == "bfloat16"
    assert bits_per_byte(model, TRAIN) < 2


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
