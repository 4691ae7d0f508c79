"""Files of fitted models: what is refused, and that a write that fails changes nothing."""

import io
import os
import tracemalloc
import zipfile
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest

from lmbench import NotFittedError, build
from lmbench.backends.cache import Cache
from lmbench.errors import SpecError
from lmbench.saved import FILE, SavedFacts, open_saved, write_saved

TEXT = "the cat zzz\n"


class Weight(SavedFacts):
    """Facts that are not the cache's."""

    weight: float


@pytest.fixture
def saved(english, tmp_path):
    """Return a fitted cache, and the folder that it is saved in."""
    model = build("cache")
    model.fit(english)
    model.save(tmp_path)
    return model, tmp_path


def test_the_file_is_an_archive_of_json_and_plain_arrays(saved):
    model, folder = saved
    assert [path.name for path in folder.iterdir()] == [FILE]
    with zipfile.ZipFile(folder / FILE) as archive:
        assert archive.namelist() == ["model.json", "facts.json", "unigrams.npy"]
    with np.load(folder / FILE) as arrays:  # NumPy reads it too
        assert arrays["unigrams"].tolist() == model._fitted.unigrams.tolist()


def test_every_changed_bit_is_found_or_harmless(saved):
    model, folder = saved
    whole, refused = (folder / FILE).read_bytes(), 0
    for place in range(0, len(whole), 3):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        (folder / FILE).write_bytes(damaged)
        again = Cache(model.options)
        with suppress(SpecError):
            again.restore(folder)
            assert again._fitted.unigrams.tolist() == model._fitted.unigrams.tolist()
            assert again._fitted.weight == model._fitted.weight
            assert again._fitted.lexicon.stored() == model._fitted.lexicon.stored()
            continue
        refused += 1
    assert refused > len(whole) / 3 / 2  # the others are dates and the like


@pytest.mark.parametrize(
    "damage", [lambda data: data[:100], lambda data: b"", lambda data: data[:-30], lambda data: b"x"]
)
def test_a_truncated_file_is_an_error_of_one_line(saved, damage):
    _, folder = saved
    (folder / FILE).write_bytes(damage((folder / FILE).read_bytes()))
    with pytest.raises(
        SpecError, match=f"^{folder} does not hold a saved model: {FILE} cannot be read: File is not a zip"
    ):
        build("cache").restore(folder)


def test_a_missing_file_or_a_pipe_is_an_error_of_one_line(saved):
    _, folder = saved
    (folder / FILE).unlink()
    with pytest.raises(SpecError, match=r"model.npz cannot be read: No such file or directory"):
        build("cache").restore(folder)
    os.mkfifo(folder / FILE)
    with pytest.raises(SpecError, match="not a regular file"):
        build("cache").restore(folder)


def test_other_models_versions_and_options_are_refused(saved, monkeypatch):
    _, folder = saved
    with pytest.raises(SpecError, match=r"holds Cache of lmbench, version 1, not Uniform of lmbench, version 1$"):
        build("uniform").restore(folder)
    with pytest.raises(SpecError, match=r"holds a model with min_count=2, not 3$"):
        build("cache:min_count=3").restore(folder)
    monkeypatch.setattr(Cache, "traits", replace(Cache.traits, version=2))
    with pytest.raises(SpecError, match=r"holds Cache of lmbench, version 1, not Cache of lmbench, version 2$"):
        build("cache").restore(folder)


def test_a_model_that_is_not_restored_is_not_ready(saved):
    _, folder = saved
    (folder / FILE).unlink()
    model = build("cache")
    with pytest.raises(SpecError):
        model.restore(folder)
    with pytest.raises(NotFittedError, match="this Cache is not ready"):
        model.score([TEXT])


def test_arrays_and_facts_of_another_kind_are_refused(saved):
    model, folder = saved
    write_saved(folder, model, {"unigrams": model._fitted.unigrams})
    with pytest.raises(SpecError, match="cannot be read: lexicon: Field required"):
        build("cache").restore(folder)
    with open_saved(folder, model) as file:
        assert file.array("unigrams", np.floating).shape == file.array("unigrams", np.float64).shape
        with pytest.raises(ValueError, match="unigrams has 1 dimensions of float64, not 1 of int64"):
            file.array("unigrams", np.int64)
        with pytest.raises(ValueError, match="unigrams has 1 dimensions of float64, not 2 of floating"):
            file.array("unigrams", np.floating, 2)


class Malicious:
    """Its pickle calls a function."""

    def __reduce__(self):
        return (os.mkdir, ("malicious",))


def test_a_pickle_is_not_loaded(saved, monkeypatch):
    _, folder = saved
    monkeypatch.chdir(folder)
    pickled = io.BytesIO()
    np.lib.format.write_array(pickled, np.array([Malicious()], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(folder / FILE) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(folder / FILE, "w") as archive:
        for name, data in (members | {"unigrams.npy": pickled.getvalue()}).items():
            archive.writestr(name, data)
    with pytest.raises(SpecError, match="Object arrays cannot be loaded"):
        build("cache").restore(folder)
    assert not (folder / "malicious").exists()


def test_a_write_that_fails_leaves_the_file_before(saved):
    model, folder = saved
    before = (folder / FILE).read_bytes()
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        write_saved(folder, model, {"unigrams": np.array([None])})
    assert [path.name for path in folder.iterdir()] == [FILE]
    assert (folder / FILE).read_bytes() == before


def test_arrays_are_not_copied_while_they_are_written(saved):
    model, folder = saved
    array = np.arange(1 << 23)  # 64 MiB; NumPy writes 16 MiB at once
    tracemalloc.start()
    write_saved(folder, model, {"numbers": array})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 24 << 20


def test_facts_can_hold_what_json_cannot(saved):
    model, folder = saved
    for weight in (0.1, float("inf"), float("-inf")):
        write_saved(folder, model, {}, Weight(weight=weight))
        with open_saved(folder, model) as file:
            assert file.facts(Weight).weight == weight
