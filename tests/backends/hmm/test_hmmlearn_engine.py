import math
import subprocess
import sys
from importlib.metadata import version

import numpy as np
import pytest
from hmmlearn.hmm import CategoricalHMM

from lmbench.backends.hmm.hmmlearn_engine import hmmlearn_version
from tests.backends.hmm.samples import fit, parts, without_valid


@pytest.mark.parametrize("start", ["clusters", "random"])
def test_both_engines_train_the_same_model(english, start):
    options = f"states=3,iterations=6,seed=7,prior=0.5,tolerance=0,start={start}"
    batched = fit(f"hmm:{options},dtype=float64", english)
    library = fit(f"hmm:{options},engine=hmmlearn", english)
    for one, other in zip(parts(batched), parts(library), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-15)
    for one, other in zip(batched._fitted.points, library._fitted.points, strict=True):
        assert one.train_nats == pytest.approx(other.train_nats, rel=1e-9)


def test_training_is_hmmlearns_own(english):
    """Five more iterations, one by one, equal five of the library's in one call."""
    data = without_valid(english)
    options = "hmm:states=3,prior=0.01,tolerance=0,dtype=float64"
    one, six = fit(f"{options},iterations=1", data), fit(f"{options},iterations=6", data)
    assert len(six._fitted.points) == 6
    lexicon = one._fitted.lexicon
    lines = lexicon.lines(data.train.documents)
    priors = dict.fromkeys(("startprob_prior", "transmat_prior", "emissionprob_prior"), 1.01)
    peer = CategoricalHMM(3, n_features=len(lexicon), init_params="", n_iter=5, tol=-math.inf, **priors)
    peer.startprob_, peer.transmat_, emissions = parts(one)
    peer.emissionprob_ = emissions.T
    peer.fit(np.concatenate(lines)[:, None], [len(line) for line in lines])
    start, transitions, emissions = parts(six)
    np.testing.assert_allclose(start, peer.startprob_, rtol=1e-6)
    np.testing.assert_allclose(transitions, peer.transmat_, rtol=1e-6)
    np.testing.assert_allclose(emissions.T, peer.emissionprob_, rtol=1e-6)


def test_hmmlearn_does_not_warn_at_each_iteration(english, caplog):
    fit("hmm:states=40,iterations=2,engine=hmmlearn", english)
    assert caplog.records == []


def test_the_signature_names_the_version(english):
    signature = str(fit("hmm:states=2,iterations=1,engine=hmmlearn", english).signature())
    assert hmmlearn_version() == version("hmmlearn")
    assert f"engine:hmmlearn-{version('hmmlearn')}" in signature


def test_hmmlearn_is_imported_only_if_it_trains():
    program = """
import sys
from lmbench import Split, TrainingText, build
model = build("hmm:states=2,iterations=1,engine={engine}")
model.fit(TrainingText(Split(("a b a b\\n",)), Split(()), tokenized=True))
model.score(["a b\\n"]), model.signature()
print("hmmlearn" in sys.modules)
"""
    for engine, imported in (("batched", "False"), ("hmmlearn", "True")):
        command = [sys.executable, "-c", program.replace("{engine}", engine)]
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == imported
