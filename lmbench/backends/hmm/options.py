"""Options of the hmm model."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from lmbench.backends.hmm.array_library import Device, Dtype, cuda_available
from lmbench.model import HistoryOptions
from lmbench.spec import Seconds
from lmbench.text.lexicon import LexiconOptions

_EM_OPTIONS = ("states", "engine", "start", "iterations", "tolerance", "budget")


class HmmOptions(HistoryOptions, LexiconOptions):
    """Options of the hmm model."""

    incidental: ClassVar[frozenset[str]] = frozenset({"device"})

    states: int = Field(64, ge=1, le=4096, description="number of hidden states")
    engine: Literal["batched", "hmmlearn"] = Field(
        "batched", description="batched: matrix products over many lines; hmmlearn: the library, line by line"
    )
    start: Literal["clusters", "random"] = Field(
        "clusters", description="clusters: states start as clusters of words with similar neighbors"
    )
    iterations: int = Field(50, ge=1, description="maximum number of EM iterations")
    tolerance: float = Field(
        1e-3, ge=0, description="EM stops when an iteration gains less, in nats per event, prior included"
    )
    budget: Seconds = Field(0.0, ge=0, allow_inf_nan=False, description="time limit of training: 90, 90s, 5m; 0: none")
    prior: float = Field(
        0.01,
        ge=1e-6,
        allow_inf_nan=False,
        description="pseudo-count of each start, transition and emission, so that nothing is impossible",
    )
    dtype: Dtype = Field("float32", description="precision of the batched engine's training: float32 or float64")
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="device of the batched engine; auto: cuda if there is a GPU"
    )
    seed: int = Field(0, ge=0, lt=2**32, description="seed of the start")
    supervised: Literal["none", "upos", "xpos"] = Field(
        "none", description="upos or xpos: states are a tagged corpus's parts of speech; they are counted, without EM"
    )

    @property
    def training_device(self) -> Device:
        """Where the batched engine trains."""
        return "cuda" if self.device != "cpu" and cuda_available() else "cpu"

    @model_validator(mode="after")
    def _check_combination(self) -> Self:
        if self.device == "cuda" and not cuda_available():
            raise ValueError("this machine does not have a CUDA device")
        idle = [name for name in _EM_OPTIONS if name in self.model_fields_set]
        if self.supervised != "none" and idle:
            counted = f"supervised={self.supervised} counts one state per tag, without EM"
            raise ValueError(f"{counted}; leave out {', '.join(idle)}")
        if self.engine == "hmmlearn" and "device" in self.model_fields_set:
            raise ValueError("engine=hmmlearn trains on the CPU; leave out device")
        return self
