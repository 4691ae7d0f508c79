"""Checkpoints and saved weights: written whole or not at all, and refused if they are damaged or do not fit."""

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from lmbench.backends.neural.transformer.checkpoint import Checkpoint, read_checkpoint
from lmbench.backends.neural.transformer.model import Transformer
from lmbench.backends.neural.transformer.training_history import CurvePoint, TrainingHistory
from lmbench.errors import LmbenchError, SpecError
from lmbench.progress import SILENT
from tests.backends.neural.transformer.small_trainings import KilledAfter, KilledError, plan_with, start_training

pytestmark = pytest.mark.usefixtures("one_thread", "frequent_evaluations")


def test_a_checkpoint_is_read_as_it_was_written(tmp_path):
    points = (CurvePoint(seconds=0.5, steps=1, events=9, loss=2.5, bits_per_byte=1.5),)
    history = TrainingHistory(identity="a", points=points)
    tensors = [{"x": torch.arange(3.0) + number} for number in range(3)]
    checkpoint = Checkpoint(history, *tensors)
    assert read_checkpoint(tmp_path, torch.device("cpu")) is None
    checkpoint.write(tmp_path)
    again = read_checkpoint(tmp_path, torch.device("cpu"))
    assert again.history == history
    for group, read in zip(tensors, (again.weights, again.best, again.optimizer), strict=True):
        assert read.keys() == group.keys()
        assert torch.equal(read["x"], group["x"])
    assert checkpoint.difference(again) == ""
    assert checkpoint.difference(Checkpoint(history, *tensors[:2], {})) == "optimizer.x"


def test_a_damaged_checkpoint_is_refused(tmp_path):
    kept = plan_with(folder=tmp_path, steps=3)
    start_training(kept)[1].run(SILENT)
    file = tmp_path / "training.safetensors"
    tensors, data = load_file(file), file.read_bytes()
    with safe_open(file, "pt") as opened:
        metadata = opened.metadata()
    file.write_bytes(data[:-100])
    with pytest.raises(SpecError, match=f"^checkpoint {file} cannot be read: .*; delete it to start over$"):
        start_training(kept)[1].run(SILENT)
    for name, tensor in (("now.norm.weight", None), ("optimizer.muon.0", None), ("best.norm.bias", torch.zeros(3))):
        others = {key: value for key, value in tensors.items() if key != name}
        save_file(others | ({} if tensor is None else {name: tensor}), file, metadata)
        with pytest.raises(SpecError, match=f"does not fit this network: '{name}' differs; delete it to start over"):
            start_training(kept)[1].run(SILENT)


def test_a_failed_write_leaves_the_previous_checkpoint(tmp_path):
    """A limit on a file's size simulates a full disk."""
    resource = pytest.importorskip("resource")
    file = tmp_path / "training.safetensors"
    kept = plan_with(folder=tmp_path)
    with pytest.raises(KilledError):
        start_training(kept)[1].run(KilledAfter(15))
    before, limits = file.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, limits[1]))
    try:
        with pytest.raises(
            LmbenchError, match=f"^{file} cannot be written: .*large.*; the previous checkpoint is unchanged$"
        ):
            start_training(kept)[1].run(SILENT)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["training.safetensors"]
    with pytest.raises(LmbenchError, match="cannot be written"):
        start_training(plan_with(folder=file / "below"))[1].run(SILENT)


def test_a_checkpoint_of_another_training_is_refused(tmp_path):
    start_training(plan_with(folder=tmp_path, steps=3))[1].run(SILENT)
    with pytest.raises(SpecError, match="from a training with other options or another text; use another folder"):
        start_training(plan_with(folder=tmp_path, identity="b"))[1].run(SILENT)
    (tmp_path / "training.safetensors").write_bytes(b"none")
    with pytest.raises(SpecError, match=r"cannot be read: .*; delete it to start over"):
        start_training(plan_with(folder=tmp_path))[1].run(SILENT)


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
