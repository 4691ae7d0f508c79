import pytest

from lmbench import ModelSpec
from lmbench.backends.hmm.options import HmmOptions
from lmbench.errors import SpecError


@pytest.mark.parametrize(
    ("spec", "seconds"), [("budget=90", 90), ("budget=90s", 90), ("budget=1.5m", 90), ("budget=2h", 7200)]
)
def test_durations(spec, seconds):
    assert ModelSpec.parse(f"hmm:{spec}").options(HmmOptions).budget == seconds


SUPERVISED = "hmm: supervised=upos counts one state per tag, without EM"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("budget=5d", "hmm: option budget=5d: Input should be a valid number"),
        ("budget=1.2.3s", "hmm: option budget=1.2.3s: Input should be a valid number"),
        ("budget=-1", "hmm: option budget=-1: Input should be greater than or equal to 0"),
        ("states=many", "hmm: option states=many: Input should be a valid integer"),
        ("states=5000", "hmm: option states=5000: Input should be less than or equal to 4096"),
        ("states=0", "hmm: option states=0: Input should be greater than or equal to 1"),
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
def test_invalid_options_are_errors(spec, message):
    with pytest.raises(SpecError) as error:
        ModelSpec.parse(f"hmm:{spec}").options(HmmOptions)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize("gpu", [True, False])
def test_training_is_on_the_gpu_if_there_is_one(monkeypatch, gpu):
    monkeypatch.setattr("lmbench.backends.hmm.options.cuda_available", lambda: gpu)
    assert HmmOptions().training_device == ("cuda" if gpu else "cpu")
    assert HmmOptions(device="cpu").training_device == "cpu"


def test_a_missing_gpu_is_an_error(monkeypatch):
    monkeypatch.setattr("lmbench.backends.hmm.options.cuda_available", lambda: False)
    with pytest.raises(ValueError, match="this machine does not have a CUDA device"):
        HmmOptions(device="cuda")
