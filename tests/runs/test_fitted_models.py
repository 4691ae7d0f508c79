"""The store of fitted models, used by several processes at once, and damaged in every way."""

import json
import multiprocessing
import os
import shutil
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from lmbench import LanguageModel, ModelOptions, Saveable, Split, TrainingText, Traits
from lmbench.backends.ngrams.kenlm import KenlmNgram
from lmbench.errors import CorpusError
from lmbench.identity import fit_key, identify_model
from lmbench.progress import Progress
from lmbench.runs.fitted_models import Fit, FittedModels, measure_fit

FIT = Fit("0" * 63 + "a", "counting", "toy")
OTHER = Fit("0" * 63 + "b", "counting", "toy")
SPAWN = multiprocessing.get_context("spawn")


class Counting(LanguageModel, Saveable):
    """Writes a line into a file each time that it is fitted, and saves as many bytes as it is told."""

    def __init__(self, fits, size=10, seconds=0.0):
        super().__init__(ModelOptions())
        self.fits, self.size, self.seconds, self.value = fits, size, seconds, None

    def train(self):
        with self.fits.open("a") as file:
            file.write("fit\n")
        time.sleep(self.seconds)
        self.value = "x" * self.size

    def save(self, folder):
        (folder / "part").mkdir()
        (folder / "part/value.txt").write_text(self.value)

    def restore(self, folder):
        self.value = (folder / "part/value.txt").read_text()

    score = signature = None


class Notices(Progress):
    def __init__(self):
        self.lines, self.steps = [], []

    def __call__(self, message, share):
        self.steps.append(message)

    def notice(self, line):
        self.lines.append(line)


@pytest.fixture
def fits(tmp_path):
    return tmp_path / "fits.txt"


@pytest.fixture
def store(tmp_path):
    return FittedModels(tmp_path / "models")


def count(fits):
    return fits.read_text().count("fit") if fits.exists() else 0


def prepare(store, model, fit=FIT):
    """Prepare the model, and return whether it was stored and the notices."""
    notices = Notices()
    prepared = store.prepare(model, fit, model.train, notices)
    assert model.value == "x" * model.size
    return prepared.was_stored, notices.lines


def prepare_in_process(folder, fits, seconds, results):
    model, notices = Counting(fits, seconds=seconds), Notices()
    prepared = FittedModels(folder).prepare(model, FIT, model.train, notices)
    results and results.put((prepared.was_stored, model.value, any("waiting" in step for step in notices.steps)))


def start(folder, fits, seconds, results=None):
    process = SPAWN.Process(target=prepare_in_process, args=(folder, fits, seconds, results))
    process.start()
    return process


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_model_is_fitted_once_and_its_costs_are_kept(store, fits):
    first = store.prepare(model := Counting(fits, seconds=0.2), FIT, model.train)
    second = store.prepare(model := Counting(fits), FIT, model.train)
    assert (first.was_stored, second.was_stored, count(fits), model.value) == (False, True, 1, "x" * 10)
    assert second.fit_seconds == first.fit_seconds >= 0.2
    assert second.peak_bytes == first.peak_bytes


def test_of_several_processes_one_fits_and_the_others_wait(tmp_path, store, fits):
    results = SPAWN.Queue()
    processes = [start(store.folder, fits, 1.0, results) for _ in range(3)]
    found = sorted(results.get(timeout=60) for _ in processes)
    for process in processes:
        process.join()
    assert [was_stored for was_stored, *_ in found] == [False, True, True]
    assert {value for _, value, _ in found} == {"x" * 10}
    assert count(fits) == 1


def test_a_killed_process_leaves_the_lock_to_the_next_and_its_files_are_removed(store, fits):
    process = start(store.folder, fits, 60)
    wait_for(lambda: count(fits))
    leftover = store.folder / f".new-{FIT.key}-x"
    (leftover / FIT.key).mkdir(parents=True)
    busy = store.folder / f".new-{OTHER.key}-x"
    busy.mkdir()
    store.prune(1000)
    assert (leftover.exists(), busy.exists()) == (True, False)  # another process still holds the lock of the first
    process.kill()
    process.join()
    assert prepare(store, Counting(fits)) == (False, [])
    assert prepare(store, Counting(fits)) == (True, [])
    assert [path.name for path in store.folder.glob(".*-*")] == []


@pytest.mark.parametrize("moment", ["save", "rename"])
def test_a_process_killed_while_it_stores_leaves_no_entry(store, fits, moment):
    pid = os.fork()
    if pid == 0:
        model = Counting(fits)
        if moment == "save":
            model.save = lambda folder: (folder / "half").write_text("x") and os.kill(os.getpid(), signal.SIGKILL)
        else:
            Path.rename = lambda path, target: os.kill(os.getpid(), signal.SIGKILL)
        store.prepare(model, FIT, model.train)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    assert store.list_models() == []
    assert prepare(store, Counting(fits)) == (False, [])
    assert prepare(store, Counting(fits)) == (True, [])
    assert [path.name for path in store.folder.glob(".*-*")] == []


def edit_entry(folder, **changes):
    contents = json.loads((folder / "entry.json").read_text())
    (folder / "entry.json").write_text(json.dumps(contents | changes))


DAMAGES = {
    "changed": lambda folder: (folder / "model/part/value.txt").write_text("y" * 10),
    "truncated": lambda folder: os.truncate(folder / "model/part/value.txt", 5),
    "deleted": lambda folder: (folder / "model/part/value.txt").unlink(),
    "added": lambda folder: (folder / "model/more.txt").write_text("y"),
    "no model": lambda folder: shutil.rmtree(folder / "model"),
    "no entry": lambda folder: (folder / "entry.json").unlink(),
    "half an entry": lambda folder: os.truncate(folder / "entry.json", 50),
    "an empty entry": lambda folder: os.truncate(folder / "entry.json", 0),
    "other costs": lambda folder: edit_entry(folder, fit_seconds=0.0),
    "another key": lambda folder: edit_entry(folder, key=OTHER.key),
    "another format": lambda folder: edit_entry(folder, format=3),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_entry_is_made_again(store, fits, damage):
    prepare(store, Counting(fits))
    DAMAGES[damage](store.folder / FIT.key)
    was_stored, [notice] = prepare(store, Counting(fits))
    assert not was_stored
    assert notice.startswith("a stored model cannot be used, and is fitted again: ")
    assert "Error: " not in notice
    assert prepare(store, Counting(fits)) == (True, [])
    assert count(fits) == 2


def test_an_entry_in_the_place_of_another_is_not_used(store, fits):
    prepare(store, Counting(fits))
    shutil.copytree(store.folder / FIT.key, store.folder / OTHER.key)
    was_stored, [notice] = prepare(store, Counting(fits), OTHER)
    assert not was_stored
    assert "its checksums are not those of its contents" in notice


class CannotRestore(Counting):
    def restore(self, folder):
        raise ValueError("odd")


class CannotSave(Counting):
    error = RuntimeError("no space\nleft")

    def save(self, folder):
        (folder / "half").write_text("x")
        raise self.error


def test_a_model_whose_restoring_raises_is_fitted(store, fits):
    prepare(store, Counting(fits))
    was_stored, notices = prepare(store, CannotRestore(fits))
    assert (was_stored, notices) == (
        False,
        ["a stored model cannot be used, and is fitted again: ValueError: odd"],
    )


@pytest.mark.parametrize("error", [RuntimeError("no"), OSError(28, "No space left on device"), SystemExit(3)])
def test_a_model_whose_saving_raises_is_fitted_and_leaves_nothing(store, fits, error):
    CannotSave.error = error
    was_stored, [notice] = prepare(store, CannotSave(fits))
    assert not was_stored
    assert notice.startswith(f"the fitted counting is not stored: {type(error).__name__}: ")
    assert [path.name for path in store.folder.iterdir()] == [f"{FIT.key}.lock"]


def test_an_error_of_the_fit_is_passed_on_and_frees_the_lock(store, fits):
    def fail():
        raise CorpusError("too short")

    with pytest.raises(CorpusError, match="too short"):
        store.prepare(Counting(fits), FIT, fail)
    assert prepare(store, Counting(fits)) == (False, [])


def test_a_model_that_cannot_be_saved_is_fitted_without_a_store(store, fits):
    class Plain(LanguageModel):
        score = signature = None

    assert not store.prepare(Plain(ModelOptions()), FIT, lambda: None).was_stored
    assert not store.folder.exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="the administrator may write anywhere")
def test_a_cache_that_cannot_be_written_is_still_read(store, fits):
    prepare(store, Counting(fits))
    folders = [store.folder, store.folder / FIT.key]
    try:
        for folder in folders:
            folder.chmod(0o500)
        (store.folder / f"{FIT.key}.lock").chmod(0o400)
        assert prepare(store, Counting(fits)) == (True, [])
        was_stored, [notice] = prepare(store, Counting(fits), OTHER)
        assert (was_stored, notice) == (False, f"fitted models are not stored: {store.folder}: Permission denied")
    finally:
        for folder in folders:
            folder.chmod(0o700)


def test_a_folder_that_cannot_exist_does_not_stop_the_fit(tmp_path, fits):
    (tmp_path / "file").write_text("")
    was_stored, [notice] = prepare(FittedModels(tmp_path / "file/models"), Counting(fits))
    assert (was_stored, notice) == (False, f"fitted models are not stored: {tmp_path}/file/models: Not a directory")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (NotImplementedError("no locks here"), "no locks here"),
        (OSError(30, "Read-only file system"), "Read-only file system"),
    ],
)
def test_without_locks_a_stored_model_is_still_restored(store, fits, monkeypatch, error, reason):
    prepare(store, Counting(fits))

    def fail(*_, **__):
        raise error

    monkeypatch.setattr("lmbench.runs.fitted_models.FileLock.acquire", fail)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "touch", lambda path: fail() if isinstance(error, OSError) else None)
        assert prepare(store, Counting(fits)) == (True, [])
    assert prepare(store, Counting(fits), OTHER)[1] == [f"fitted models are not stored: {store.folder}: {reason}"]
    assert store.prune(0) == []


def fits_of(letters):
    return [Fit("0" * 63 + letter, letter, "toy") for letter in letters]


def use(store, fits, fit, size=1000):
    prepare(store, Counting(fits, size), fit)
    time.sleep(0.02)  # so that the times of use differ


def test_the_least_recently_used_models_are_removed_first(tmp_path, fits):
    store = FittedModels(tmp_path / "models", limit=5000)
    a, b, c, d = fits_of("abcd")
    for fit in (a, b, c, a, d):  # each takes 1,000 bytes and its record
        use(store, fits, fit)
    assert [stored.entry.model for stored in store.list_models()] == ["d", "a", "c"]
    assert all(1000 < stored.size < 5000 / 3 for stored in store.list_models())
    assert [stored.entry.model for stored in store.prune(3400)] == ["c"]


def test_a_model_larger_than_the_limit_is_not_kept(tmp_path, fits):
    store = FittedModels(tmp_path / "models", limit=5000)
    use(store, fits, FIT, size=6000)
    assert store.list_models() == []


def test_a_model_in_use_is_not_removed(store, fits):
    process = start(store.folder, fits, 60)
    wait_for(lambda: count(fits))
    use(store, fits, OTHER)
    (store.folder / FIT.key).mkdir()  # as if it were being restored
    assert [stored.key for stored in store.clear()] == [OTHER.key]
    assert (store.folder / FIT.key).is_dir()
    process.kill()
    process.join()
    assert [stored.key for stored in store.clear()] == [FIT.key]
    assert list(store.folder.iterdir()) == []


def test_damaged_entries_are_listed_and_removed_first(store, fits):
    use(store, fits, FIT)
    use(store, fits, OTHER)
    os.truncate(store.folder / OTHER.key / "entry.json", 9)
    assert [stored.entry and stored.entry.model for stored in store.list_models()] == ["counting", None]
    assert [stored.key for stored in store.prune(1 << 20)] == [OTHER.key]


TEXT = TrainingText(Split(("the cat sat\n", "the dog\n") * 9), Split(("the cat\n",)))
OPTIONS = KenlmNgram.Options(order=3)
CHANGES = {
    "an option": (KenlmNgram.Options(order=2), TEXT),
    "a byte of the training text": (OPTIONS, replace(TEXT, train=Split(("the cat sit\n", "the dog\n") * 9))),
    "a byte of the validation text": (OPTIONS, replace(TEXT, valid=Split(("the car\n",)))),
    "a border between documents": (OPTIONS, replace(TEXT, train=Split(("the cat sat\nthe dog\n",) * 9))),
    "whether the text is tokenized": (OPTIONS, replace(TEXT, tokenized=True)),
}


def prepare_kenlm(store, options, text, corpus="toy", spec="kenlm"):
    model = KenlmNgram(options)
    key = fit_key(identify_model(KenlmNgram, options), text)
    prepared = store.prepare(model, Fit(key, spec, corpus), lambda: model.prepare(text, Progress()))
    return prepared.was_stored, model.score(["the cat saw the dog\n"])[0].logprobs.tolist()


@pytest.mark.parametrize("change", CHANGES)
def test_one_option_or_one_byte_misses(store, change):
    assert prepare_kenlm(store, OPTIONS, TEXT)[0] is False
    assert prepare_kenlm(store, *CHANGES[change])[0] is False


def test_nothing_else_misses_and_the_scores_are_the_same_bits(tmp_path, store, monkeypatch):
    """Another name of the corpus or of the model, a default written out, another time, machine or place."""
    was_stored, scores = prepare_kenlm(store, OPTIONS, TEXT)
    assert not was_stored
    shutil.move(store.folder, tmp_path / "elsewhere")
    monkeypatch.setattr("os.cpu_count", lambda: 64)
    written_out = KenlmNgram.Options(order=3, min_count=2, engine="arrays")
    copy = TrainingText(Split(list(TEXT.train.documents)), Split(list(TEXT.valid.documents)))
    again = prepare_kenlm(FittedModels(tmp_path / "elsewhere"), written_out, copy, "renamed", "kenlm:order=3")
    assert again == (True, scores)


def test_libraries_are_imported_before_a_fit_is_measured(tmp_path, monkeypatch):
    """If one cannot be imported, the fit says why."""
    (tmp_path / "a_library.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    model, imported = Counting(tmp_path / "fits"), []
    model.traits = Traits(libraries=("not_there", "a_library"))
    measure_fit(model, lambda: imported.append("a_library" in sys.modules))
    assert imported == [True]
