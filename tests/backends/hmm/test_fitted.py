import os

import numpy as np
import pytest

from lmbench.backends.hmm.model import Hmm
from lmbench.errors import SpecError
from tests.backends.hmm.samples import fit, without_valid


def test_a_restored_model_is_the_same_model(english, tmp_path):
    model = fit("hmm:states=4", english)
    model.save(tmp_path)
    again = Hmm(model.options)
    again.restore(tmp_path)
    assert str(again.signature()) == str(model.signature())
    assert again.exhibits() == model.exhibits()
    assert again._fitted.points == model._fitted.points
    assert again.score(["the cat\n"])[0].logprobs.tolist() == model.score(["the cat\n"])[0].logprobs.tolist()


def test_the_file_has_the_names_and_types_of_earlier_versions(english, tmp_path):
    fit("hmm:states=2,iterations=3", without_valid(english)).save(tmp_path)
    with np.load(tmp_path / "hmm.npz") as arrays:
        types = {name: (arrays[name].dtype.kind, arrays[name].ndim) for name in arrays.files}
        points = arrays["points"]
    assert types == {
        "start": ("f", 1),
        "transitions": ("f", 2),
        "emissions": ("f", 2),
        "iteration": ("i", 0),
        "unigrams": ("f", 0),
        "tags": ("U", 1),
        "hits": ("f", 1),  # an empty list
        "points": ("f", 2),
    }
    assert points[:, 0].tolist() == [1, 2, 3]
    assert np.isnan(points[:, 2]).all()  # no validation split


@pytest.mark.parametrize("damage", [lambda data: data[:100], lambda data: b"", lambda data: data[:-1000], None])
def test_a_damaged_file_is_an_error_of_one_line(english, tmp_path, damage):
    model = fit("hmm:states=2,iterations=1", english)
    model.save(tmp_path)
    file = tmp_path / "hmm.npz"
    file.write_bytes(damage(file.read_bytes())) if damage else file.unlink()
    with pytest.raises(SpecError, match=r"does not hold a saved model: hmm.npz cannot be read"):
        Hmm(model.options).restore(tmp_path)


def test_a_file_of_another_kind_is_an_error_of_one_line(english, tmp_path):
    model = fit("hmm:states=2,iterations=1", english)
    model.save(tmp_path)
    file = tmp_path / "hmm.npz"
    with file.open("wb") as opened:
        np.save(opened, np.zeros(3))  # one array, not an archive of some
    with pytest.raises(SpecError, match=r"does not hold a saved model: hmm.npz cannot be read"):
        Hmm(model.options).restore(tmp_path)
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(SpecError, match=r"does not hold a saved model: hmm.npz cannot be read"):
        Hmm(model.options).restore(tmp_path)
