import math
from itertools import pairwise, product

import numpy as np
import pytest
from hmmlearn.hmm import CategoricalHMM

from lmbench import ModelSpec, Split, TaggedWord, TrainingText, build
from lmbench.backends.hmm import model as hmm
from lmbench.backends.hmm.baum_welch import Point, Trained, batched_step, cluster_start, log_prior, random_start
from lmbench.backends.hmm.forward_backward import ForwardBackward
from lmbench.backends.hmm.model import Hmm, HmmOptions, hmmlearn_step
from lmbench.errors import CorpusError, SpecError
from lmbench.text.lexicon import Lexicon

ENGINES = ("batched", "hmmlearn")


def fitted(spec, data):
    model = build(spec)
    model.fit(data)
    return model


def over_all_paths(model, line):
    """log P(line), by adding up all sequences of states."""
    start, transitions, emissions = parts(model)
    total = 0.0
    for path in product(range(len(start)), repeat=len(line)):
        probability = start[path[0]] * emissions[line[0], path[0]]
        for t in range(1, len(line)):
            probability *= transitions[path[t - 1], path[t]] * emissions[line[t], path[t]]
        total += probability
    return math.log(total)


def parts(model):
    parameters = model._parameters
    return parameters.start, parameters.transitions, parameters.emissions


def without_valid(data):
    return TrainingText(data.train, Split(()), data.tokenized)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_forward_pass_against_all_paths(english, engine):
    model = fitted(f"hmm:states=3,iterations=5,engine={engine}", english)
    lines = model._lexicon.lines(["the cat sat on\n", "a dog\n", "\n", "mat the zebra\n"])
    for line, logprobs in zip(lines, model._lines_logprobs(lines), strict=True):
        assert logprobs.sum() == pytest.approx(over_all_paths(model, line), abs=1e-12)
        prefix = over_all_paths(model, line[:-1]) if len(line) > 1 else 0.0
        assert logprobs[-1] == pytest.approx(over_all_paths(model, line) - prefix, abs=1e-12)


def test_lines_cost_what_hmmlearn_says(english):
    model = fitted("hmm:states=4,iterations=5", english)
    peer = CategoricalHMM(n_components=4, n_features=len(model._lexicon))
    peer.startprob_, peer.transmat_, emissions = parts(model)
    peer.emissionprob_ = emissions.T
    for line in model._lexicon.lines(["the cat sat on the log\n", "the dog saw a cat\n"]):
        [logprobs] = model._lines_logprobs([line])
        assert logprobs.sum() == pytest.approx(peer.score(line[:, None]), rel=1e-12)


@pytest.mark.parametrize("start", ["clusters", "random"])
def test_both_engines_train_the_same_model(english, start):
    options = f"states=3,iterations=6,seed=7,prior=0.5,tolerance=0,start={start}"
    batched = fitted(f"hmm:{options},dtype=float64", english)
    library = fitted(f"hmm:{options},engine=hmmlearn", english)
    for one, other in zip(parts(batched), parts(library), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-15)
    for one, other in zip(batched._points, library._points, strict=True):
        assert one.train == pytest.approx(other.train, rel=1e-9)


def test_training_is_hmmlearns_own(english):
    """Five more iterations, one by one, are five of the library's in one call."""
    data = without_valid(english)
    options = "hmm:states=3,prior=0.01,tolerance=0,dtype=float64"
    one, six = fitted(f"{options},iterations=1", data), fitted(f"{options},iterations=6", data)
    assert len(six._points) == 6
    lines = one._lexicon.lines(data.train.documents)
    priors = dict.fromkeys(("startprob_prior", "transmat_prior", "emissionprob_prior"), 1.01)
    peer = CategoricalHMM(3, n_features=len(one._lexicon), init_params="", n_iter=5, tol=-math.inf, **priors)
    peer.startprob_, peer.transmat_, emissions = parts(one)
    peer.emissionprob_ = emissions.T
    peer.fit(np.concatenate(lines)[:, None], [len(line) for line in lines])
    np.testing.assert_allclose(six._parameters.start, peer.startprob_, rtol=1e-6)
    np.testing.assert_allclose(six._parameters.transitions, peer.transmat_, rtol=1e-6)
    np.testing.assert_allclose(six._parameters.emissions.T, peer.emissionprob_, rtol=1e-6)


@pytest.mark.parametrize("prior", [1e-6, 1.0])
@pytest.mark.parametrize("start", [cluster_start, random_start])
@pytest.mark.parametrize("engine", ENGINES)
def test_an_iteration_never_lowers_what_is_maximized(english, engine, start, prior):
    lexicon = Lexicon.learn(english, HmmOptions())
    lines, symbols = lexicon.lines(english.train.documents), len(lexicon)
    batched = batched_step(ForwardBackward(lines, symbols, 4, "float64"), prior)
    step = batched if engine == "batched" else hmmlearn_step(lines, prior)
    parameters = random_start(symbols, 4, 0) if start is random_start else cluster_start(lines, symbols, 4, 0)
    reached = []
    for _ in range(12):
        density = log_prior(parameters, prior)
        likelihood, parameters = step(parameters)
        reached.append(likelihood + density)
    assert all(after >= before - 1e-9 * abs(before) for before, after in pairwise(reached))
    assert reached[-1] > reached[0] + 1


def test_a_prior_that_weighs_much_does_not_end_training(english):
    model = fitted("hmm:states=4,prior=1,start=random", without_valid(english))
    assert len(model._points) > 5


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("start", ["clusters", "random"])
def test_the_likelihood_never_falls(english, engine, start):
    """With a prior that weighs nothing; each iteration is told."""
    told = []
    spec = f"hmm:states=4,tolerance=0,prior=1e-6,iterations=25,engine={engine},start={start},dtype=float64"
    model = build(spec)
    model.fit(without_valid(english), lambda message, share: told.append(message))
    nats = [point.train for point in model._points]
    assert len(nats) > 5
    assert all(after <= before + 1e-6 for before, after in pairwise(nats))
    assert nats[-1] < nats[0] - 0.02
    assert f"4 states, EM iteration 3 of 25, {nats[2]:.4f} nats per event" in told


def test_the_iteration_that_the_validation_split_likes_is_kept(english):
    model = fitted("hmm:states=6,iterations=40,tolerance=0", english)
    judged = [point.valid for point in model._points]
    assert model._iteration == 1 + judged.index(min(judged))
    assert len(judged) < 40
    assert f"em:{model._iteration}of40" in str(model.signature())


def test_auto_doubles_the_states_while_the_validation_split_likes_it(english):
    told = []
    model = build("hmm:states=auto,iterations=3")
    model.fit(english, lambda message, share: told.append(message))
    tried = [int(message.split()[0]) for message in told if message.endswith("start")]
    assert tried == [16 * 2**i for i in range(len(tried))]
    assert len(model._parameters.start) in tried[-2:]
    judged = {states: nats_of(told, states) for states in tried}
    assert judged[len(model._parameters.start)] == min(judged.values())


def nats_of(told, states):
    return min(float(message.split("validation ")[1]) for message in told if f"{states} states, EM" in message)


def test_auto_ends_within_its_budget(english):
    model = fitted("hmm:states=auto,budget=0.000001s,iterations=9", english)
    assert len(model._parameters.start) == 16
    assert len(model._points) == 1
    assert "budget:1e-06s" in str(model.signature())


def test_auto_needs_a_validation_split(english):
    with pytest.raises(CorpusError, match="states=auto needs a validation split"):
        fitted("hmm:states=auto", without_valid(english))


def test_an_empty_training_split_is_an_error():
    with pytest.raises(CorpusError, match="the training split is empty"):
        fitted("hmm", TrainingText(Split(()), Split(())))


@pytest.mark.parametrize(
    ("spec", "seconds"), [("budget=90", 90), ("budget=90s", 90), ("budget=1.5m", 90), ("budget=2h", 7200)]
)
def test_durations(spec, seconds):
    assert ModelSpec.parse(f"hmm:{spec}").options(HmmOptions).budget == seconds


SUPERVISED = "hmm: supervised=upos has a state for each tag and iterates nothing"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("budget=5d", "hmm: option budget=5d: Input should be a valid number"),
        ("budget=1.2.3s", "hmm: option budget=1.2.3s: Input should be a valid number"),
        ("budget=-1", "hmm: option budget=-1: Input should be greater than or equal to 0"),
        ("states=many", "hmm: option states=many: give a whole number from 1 to 4096, or auto"),
        ("states=5000", "hmm: option states=5000: give a whole number from 1 to 4096, or auto"),
        ("states=0", "hmm: option states=0: give a whole number from 1 to 4096, or auto"),
        ("prior=0", "hmm: option prior=0: Input should be greater than or equal to 0.000001"),
        *(
            (f"supervised=upos,{option}", f"{SUPERVISED}; leave out {option.partition('=')[0]}")
            for option in ("states=17", "iterations=3", "start=random", "engine=hmmlearn", "budget=3", "tolerance=1")
        ),
        ("supervised=upos,start=random,states=3", f"{SUPERVISED}; leave out states, start"),
        ("engine=hmmlearn,device=cpu", "hmm: engine=hmmlearn trains on the CPU; leave out device"),
        ("engine=fast", "hmm: option engine=fast: Input should be 'batched' or 'hmmlearn'"),
    ],
)
def test_options_that_do_not_fit(spec, message):
    with pytest.raises(SpecError) as error:
        ModelSpec.parse(f"hmm:{spec}").options(HmmOptions)
    assert str(error.value).startswith(message)


def test_the_seed_decides(english):
    first, again, other = (fitted(f"hmm:states=4,seed={seed}", english).score(["the cat\n"])[0] for seed in (1, 1, 2))
    assert first.logprobs.tolist() == again.logprobs.tolist()
    assert first.logprobs.tolist() != other.logprobs.tolist()


def test_no_state_makes_a_word_impossible(english):
    model = fitted("hmm:states=8", english)
    document = "zebra " * 10_000 + "the\n"
    [score] = model.score([document])
    assert np.isfinite(score.check(document).logprobs).all()


def test_batches_of_any_lengths_score_alike(english):
    model = fitted("hmm:states=5", english)
    lines = model._lexicon.lines(["the cat\n", "a\n" * 3, "the dog saw the cat on the mat\n", "\n"] * 300)
    together = model._lines_logprobs(lines)
    for line, logprobs in list(zip(lines, together, strict=True))[:6]:
        np.testing.assert_allclose(model._lines_logprobs([line])[0], logprobs, rtol=1e-12)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("text", ["a\n", "a a a a\n", "\n\n", "a " * 10_000 + "\n"])
@pytest.mark.parametrize("valid", [(), ("a\n",)])
def test_tiny_vocabularies(text, engine, valid):
    data = TrainingText(Split((text,)), Split(valid), tokenized=True)
    model = fitted(f"hmm:states=2,engine={engine},iterations=3", data)
    [score] = model.score(["a b\n"])
    score.check("a b\n")


def test_a_saved_model_is_the_same_model(english, tmp_path):
    model = fitted("hmm:states=4", english)
    model.save(tmp_path)
    again = Hmm(model.options)
    again.restore(tmp_path)
    assert str(again.signature()) == str(model.signature())
    assert again.exhibits() == model.exhibits()
    assert again.score(["the cat\n"])[0].logprobs.tolist() == model.score(["the cat\n"])[0].logprobs.tolist()


def test_exhibits_are_the_states_their_moves_and_the_training(english):
    states, transitions, training = fitted("hmm:states=3", english).exhibits()
    assert [row[0] for row in states.rows] == [int(name.split()[0]) for name in transitions.columns[1:]]
    assert sum(float(row[1].rstrip("%")) for row in states.rows) == pytest.approx(100, abs=0.2)
    assert any("\\n" in row[3] for row in states.rows)
    for row in transitions.rows:
        assert sum(row[1:]) == pytest.approx(1)
    assert training.rows[0][1] > 0


def test_visits_are_those_of_a_long_text(english):
    """A random walk that begins anew after each line end."""
    model = fitted("hmm:states=3,iterations=20", english)
    start, transitions, emissions = parts(model)
    rng, visits, state = np.random.default_rng(0), np.zeros(3), 0
    for _ in range(20_000):
        visits[state] += 1
        ended = rng.random() < emissions[1, state]
        state = rng.choice(3, p=start if ended else transitions[state])
    np.testing.assert_allclose(model._visits(), visits / visits.sum(), atol=0.02)


def test_training_on_a_gpu_is_asked_for_only_where_there_is_one(monkeypatch):
    monkeypatch.setattr("lmbench.backends.hmm.model._cuda", lambda: False)
    with pytest.raises(ValueError, match="this machine has no CUDA device"):
        HmmOptions(device="cuda")


def test_many_states_are_listed_by_how_often_they_are_visited(english):
    model = fitted("hmm:states=60,iterations=1", english)
    states, transitions, _ = model.exhibits()
    shares = model._visits()
    listed = [row[0] for row in states.rows]
    assert len(listed) == len(transitions.rows) == 48
    assert listed == sorted(range(60), key=lambda state: -shares[state])[:48]
    assert [row[1] for row in states.rows] == [f"{shares[state]:.1%}" for state in listed]
    assert states.shows.startswith("the 48 most visited of 60 states: ")


def test_the_word_unk_is_not_the_unknown_word():
    data = TrainingText(Split(("<unk> <unk> a a\n" * 9 + "rare once\n",)), Split(()), tokenized=True)
    [states, *_] = fitted("hmm:states=1,iterations=1", data).exhibits()
    assert {word.split()[0] for word in states.rows[0][3].split(", ")} == {"<unk>", "<unknown>", "a", "\\n"}


def test_smoothing_is_by_the_training_splits_unigrams(english, monkeypatch):
    given = []
    monkeypatch.setattr(hmm, "smoothed", lambda parameters, unigrams, judge: given.append(unigrams) or (parameters, 0))
    model = fitted("hmm:states=2,iterations=1,prior=0.5", english)
    counts = np.bincount(np.concatenate(model._lexicon.lines(english.train.documents)), minlength=len(model._lexicon))
    np.testing.assert_allclose(given[0], (counts + 0.5) / (counts + 0.5).sum())


class FakeTraining:
    """Trainings that take as many seconds as they have states, and cost what is said."""

    def __init__(self, nats):
        self.now, self.nats, self.tried = 0.0, nats, []

    def monotonic(self):
        return self.now

    def trained(self, lines, valid, states, deadline, progress):
        self.tried.append(states)
        self.now += states
        return Trained(None, 1, (Point(1, 9.0, self.nats[states]),))


@pytest.mark.parametrize(
    ("events", "budget", "nats", "tried", "kept"),
    [
        (9999, "", {16: 5, 32: 4, 64: 4.5}, [16, 32, 64], 4),
        (9999, "", {16: 5, 32: 4.9995}, [16, 32], 5),  # it gained less than the tolerance
        (9999, ",budget=60s", {16: 5}, [16], 5),  # three times 16 more seconds would not fit
        (9999, ",budget=70s", {16: 5, 32: 4}, [16, 32], 4),
        (40, "", {16: 5, 32: 4}, [16, 32], 4),
        (5, "", {5: 5}, [5], 5),
    ],
)
def test_auto_by_a_clock(monkeypatch, events, budget, nats, tried, kept):
    fake, model = FakeTraining(nats), build(f"hmm:states=auto{budget}")
    monkeypatch.setattr(hmm, "time", fake)
    monkeypatch.setattr(model, "_trained", fake.trained)
    deadline = model.options.budget or math.inf
    best = model._grown([np.zeros(events, dtype=int)], [np.zeros(3, dtype=int)], deadline, None)
    assert (fake.tried, best.valid) == (tried, kept)


@pytest.mark.parametrize("damage", [lambda data: data[:100], lambda data: b"", lambda data: data[:-1000], None])
def test_a_damaged_model_is_one_line(english, tmp_path, damage):
    model = fitted("hmm:states=2,iterations=1", english)
    model.save(tmp_path)
    file = tmp_path / "hmm.npz"
    file.write_bytes(damage(file.read_bytes())) if damage else file.unlink()
    with pytest.raises(SpecError, match=r"holds no saved model: hmm.npz cannot be read"):
        Hmm(model.options).restore(tmp_path)


def test_hmmlearn_does_not_doubt_each_iteration(english, caplog):
    fitted("hmm:states=40,iterations=2,engine=hmmlearn", english)
    assert caplog.records == []


def test_a_line_that_goes_on_is_read_on_from_where_it_was(english):
    model = fitted("hmm:states=3,iterations=3", english)
    state = model.state_after("the cat")
    words = model._lexicon.types
    state.next_events()
    for word, text in (("sat", "the cat sat"), ("on", "the cat sat on"), ("\n", "the cat sat on\n"), ("the", "\nthe")):
        state.advance(words.index(word))
        expected = model.next_events(text).logprobs
        np.testing.assert_allclose(state.next_events().logprobs, expected, rtol=1e-12)


TAGGED = (
    """the/DET cat/NOUN sat/VERB on/ADP the/DET mat/NOUN
a/DET dog/NOUN saw/VERB the/DET cat/NOUN
the/DET saw/NOUN sat/VERB
dog/NOUN saw/VERB a/DET mat/NOUN on/ADP a/DET saw/NOUN
"""
    * 2
)
HELD_OUT = "the/DET dog/NOUN sat/VERB on/ADP a/DET zebra/NOUN\nthe/DET cat/NOUN saw/ADV the/DET dog/NOUN\n"


def tagged_split(text):
    lines = tuple(
        tuple(TaggedWord(word.split("/")[0], word.split("/")[1], "_") for word in line.split())
        for line in text.splitlines()
    )
    return Split(tuple(" ".join(word.form for word in line) + "\n" for line in lines), tuple((line,) for line in lines))


def tagged_text(valid=HELD_OUT):
    return TrainingText(tagged_split(TAGGED), tagged_split(valid) if valid else Split(()), tokenized=True)


def nltk_tagger(data, gamma):
    """NLTK's tagger, trained on the same words, with the line end as a word that is tagged."""
    from nltk.probability import LidstoneProbDist
    from nltk.tag.hmm import HiddenMarkovModelTrainer

    sequences = [
        [*((word.form, word.upos) for word in line), ("\n", "\n")]
        for document in data.train.tagged
        for line in document
    ]
    symbols = [*sorted({word for line in sequences for word, _ in line}), "<unk>"]
    states = sorted({tag for line in sequences for _, tag in line})
    trainer = HiddenMarkovModelTrainer(states, symbols)
    return trainer.train_supervised(sequences, estimator=lambda counts, bins: LidstoneProbDist(counts, gamma, bins))


def test_supervised_models_are_nltks():
    data = tagged_text(valid="")
    model = fitted("hmm:supervised=upos,prior=0.1", data)
    peer = nltk_tagger(data, 0.1)
    for words in ("the cat sat", "a saw saw the dog", "mat", "sat sat on on a"):
        line = [*words.split(), "\n"]
        [logprobs] = model._lines_logprobs(model._lexicon.lines([words]))
        assert logprobs.sum() / math.log(2) == pytest.approx(peer.log_probability([(word, None) for word in line]))
        assert model.tags([words]) == [tuple(tag for _, tag in peer.tag(line))[:-1]]


def test_supervised_models_say_how_well_they_tag(tmp_path):
    model = fitted("hmm:supervised=upos", tagged_text())
    states, transitions, accuracy = model.exhibits()
    assert {row[0] for row in states.rows} == {"ADP", "DET", "NOUN", "VERB", "\n"}
    assert "DET" in transitions.rows[0][0] + transitions.rows[1][0]
    assert [row[:2] for row in accuracy.rows] == [("all words", 11), ("known words", 10), ("unknown words", 1)]
    assert accuracy.rows[1][2] == "90.00%"  # one tag of the held-out words is unheard of
    assert "supervised:upos" in str(model.signature())
    model.save(tmp_path)
    again = Hmm(model.options)
    again.restore(tmp_path)
    assert again.exhibits() == model.exhibits()
    assert again.tags(["the cat"]) == [("DET", "NOUN")]


@pytest.mark.parametrize(
    ("options", "data", "message"),
    [
        ("supervised=xpos", tagged_text(), "the words of this corpus have no xpos tags"),
        ("supervised=upos,tokenizer=bpe:300", tagged_text(), "choose tokenizer=words"),
        ("supervised=upos", TrainingText(Split(("a\n",)), Split(())), "supervised=upos needs tagged text"),
    ],
)
def test_what_cannot_be_supervised_is_an_error(options, data, message):
    with pytest.raises(CorpusError, match=message):
        fitted(f"hmm:{options}", data)


def test_models_without_tags_do_not_tag(english):
    with pytest.raises(SpecError, match="this hidden Markov model has no tags"):
        fitted("hmm:states=2,iterations=1", english).tags(["the cat"])


def test_the_validation_split_is_judged_by_its_beginning(monkeypatch):
    monkeypatch.setattr(hmm, "_JUDGED_EVENTS", 7)
    lines = [np.arange(4), np.arange(2), np.arange(9), np.arange(3)]
    assert [line.tolist() for line in hmm._beginning(lines)] == [[0, 1, 2, 3], [0, 1], [0]]
    assert [len(line) for line in hmm._beginning(lines[:1])] == [4]
    assert hmm._beginning([]) == []
