"""Weights on disk: safetensors files, and the checkpoints from which a training resumes after a kill."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from lmbench.backends.neural.transformer.training_history import TrainingHistory
from lmbench.compression import open_regular
from lmbench.errors import LmbenchError, SpecError, reason

_FILE = "training.safetensors"
_WEIGHTS, _BEST, _OPTIMIZER = "now.", "best.", "optimizer."  # prefixes of the tensors' names


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Everything that the next step of a training depends on.

    Attributes:
        history: The evaluations so far.
        weights: Weights of the network.
        best: Weights at the best evaluation.
        optimizer: State of the optimizer.
    """

    history: TrainingHistory
    weights: dict[str, Tensor]
    best: dict[str, Tensor]
    optimizer: dict[str, Tensor]

    @property
    def tensors(self) -> dict[str, Tensor]:
        """All tensors under the names that they have in the file."""
        groups = {_WEIGHTS: self.weights, _BEST: self.best, _OPTIMIZER: self.optimizer}
        return {f"{prefix}{name}": tensor for prefix, group in groups.items() for name, tensor in group.items()}

    def difference(self, other: Checkpoint) -> str:
        """Return the name of the first tensor that is missing in one of two checkpoints, or of another shape, or ""."""
        shapes, others = _shapes(self.tensors), _shapes(other.tensors)
        return min((name for name, _ in shapes ^ others), default="")

    def write(self, folder: Path) -> None:
        """Write the checkpoint into a folder, whole or not at all.

        Raises:
            LmbenchError: It cannot be written. The checkpoint before is unchanged.
        """
        tensors = {name: tensor.contiguous().clone() for name, tensor in self.tensors.items()}
        path, partial = checkpoint_path(folder), folder / f"{_FILE}.partial"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            save_file(tensors, partial, {"history": self.history.model_dump_json()})
            partial.replace(path)
        except (OSError, SafetensorError) as error:
            unchanged = "; the previous checkpoint is unchanged" if path.is_file() else ""
            raise LmbenchError(f"{path} cannot be written: {reason(error)}{unchanged}") from error
        finally:
            if folder.is_dir():
                partial.unlink(missing_ok=True)


def checkpoint_path(folder: Path) -> Path:
    """Return the file of the checkpoint in a folder."""
    return folder / _FILE


def read_checkpoint(folder: Path, device: torch.device) -> Checkpoint | None:
    """Return the checkpoint in a folder, its tensors on a device; None if there is none.

    Raises:
        SpecError: The file cannot be read.
    """
    path = checkpoint_path(folder)
    if not path.exists():
        return None
    try:
        tensors, metadata = read_tensors(path, device)
        history = TrainingHistory.model_validate_json(metadata.get("history", ""))
    except (OSError, SafetensorError, ValidationError) as error:
        raise SpecError(f"checkpoint {path} cannot be read: {reason(error)}; delete it to start over") from error
    return Checkpoint(history, *(_group(prefix, tensors) for prefix in (_WEIGHTS, _BEST, _OPTIMIZER)))


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write a file.

    Raises:
        LmbenchError: It cannot be written.
    """
    try:
        save_file(tensors, path, metadata)
    except SafetensorError as error:
        raise LmbenchError(f"{path.name} cannot be written: {reason(error)}") from error


def read_tensors(path: Path, device: torch.device) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors of a file, on a device, and its metadata.

    Raises:
        OSError: The file does not exist, or is not a regular file.
        SafetensorError: It is damaged.
    """
    open_regular(path).close()  # safe_open would wait for a pipe
    with safe_open(path, "pt", device=str(device)) as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118  (not a mapping)


def _group(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _shapes(tensors: dict[str, Tensor]) -> set[tuple[str, torch.Size]]:
    return {(name, tensor.shape) for name, tensor in tensors.items()}
