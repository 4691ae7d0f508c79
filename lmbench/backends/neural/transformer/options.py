"""The options of the transformer model, and the presets that supply their defaults."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, Self

from pydantic import Field, JsonValue, model_validator

from lmbench.backends.neural.cuda import has_cuda
from lmbench.model import HistoryOptions
from lmbench.spec import Seconds
from lmbench.text.lexicon import LexiconOptions

_PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"tokenizer": "auto", "layers": 2, "width": 128, "heads": 4, "context": 128, "positions": "rotary",
             "dropout": 0.0, "optimizer": "muon", "learning_rate": 1.2e-2, "batch_tokens": 512},
    "small": {"tokenizer": "auto", "layers": 4, "width": 192, "heads": 3, "context": 128, "positions": "rotary",
              "dropout": 0.0, "optimizer": "muon", "learning_rate": 8e-3, "batch_tokens": 1024},
    "base": {"tokenizer": "bpe:8192", "layers": 8, "width": 512, "heads": 8, "context": 512, "positions": "rotary",
             "dropout": 0.2, "optimizer": "adamw", "learning_rate": 1e-3, "batch_tokens": 16384},
}  # fmt: skip
LONGEST_CONTEXT = 16_384
"""The most events that a network can read at once."""
_STEPS_FOR_PAIRS = 2
"""How many times as many steps a training on pairs takes: the decoder has to find out where to attend."""
_ADAMW_RATE = 4e-3  # of presets whose rate is Muon's


@dataclass(frozen=True, slots=True)
class _Length:
    """How the number of steps follows from the size of the training text.

    Attributes:
        per_root: The steps for each unit of the square root of the text's bytes.
        most: The most steps.
    """

    per_root: float
    most: int

    def count_steps(self, size: int) -> int:
        """Return the number of steps on `size` bytes of text, at least 100."""
        return min(self.most, max(100, round(self.per_root * math.sqrt(size))))


_LENGTHS = {"tiny": _Length(0.5, 400), "small": _Length(1.5, 5_000), "base": _Length(1.5, 60_000)}


def _preset(name: str, description: str, **bounds: Any) -> Any:
    """Return a field whose default depends on the preset."""
    values = ", ".join(f"{preset} {options[name]}" for preset, options in _PRESETS.items())
    return Field(_PRESETS["tiny"][name], description=f"{description} [{values}]", **bounds)


def _describe_lengths() -> str:
    return "; ".join(
        f"{preset} {length.per_root} √bytes, at most {length.most:,}" for preset, length in _LENGTHS.items()
    )


class TransformerOptions(HistoryOptions, LexiconOptions):
    """Options of the transformer model. The preset supplies the defaults of the others."""

    preset: Literal["tiny", "small", "base"] = Field(
        "tiny", description="tiny: under a minute; small: a quarter of an hour; base: for a GPU"
    )
    architecture: Literal["decoder", "encoder-decoder"] = Field(
        "decoder", description="decoder: GPT-like; encoder-decoder: predicts a segment from the encoded one before it"
    )
    segments: Literal["fixed", "pairs"] = Field(
        "fixed",
        description="what an encoder-decoder encodes: fixed: the segment before; pairs: in lines 'source => "
        "target', the source",
    )
    tokenizer: str = _preset("tokenizer", "words, pieces, jieba, bytes, bpe or bpe:N; auto as for other models")
    layers: int = _preset("layers", "number of blocks", ge=1, le=48)
    width: int = _preset("width", "size of the vectors between blocks; a multiple of heads", ge=1, le=4096)
    heads: int = _preset("heads", "attention heads of each block", ge=1, le=64)
    context: int = _preset("context", "events read at once, or in a segment", ge=1, le=LONGEST_CONTEXT)
    positions: Literal["rotary", "learned"] = _preset(
        "positions", "rotary, as in GPT-NeoX, or learned embeddings, as in GPT-2; an encoder-decoder has learned ones"
    )
    stride: int = Field(0, ge=0, description="events by which a decoder's scoring windows move; 0: half the context")
    history: int | None = Field(
        None,
        ge=1,
        description="a decoder reads this many events before each event when it scores, whatever the stride; default: "
        "what the windows hold",
    )
    dropout: float = _preset("dropout", "share of activations dropped in training", ge=0, lt=1)
    optimizer: Literal["muon", "adamw"] = _preset(
        "optimizer", "adamw for all weights, or muon for the matrices in the blocks and adamw for the others"
    )
    learning_rate: float = _preset(
        "learning_rate", f"peak learning rate; {_ADAMW_RATE:g} for tiny and small with adamw", gt=0, lt=1
    )
    batch_tokens: int = _preset("batch_tokens", "events of one optimizer step", ge=1)
    steps: int = Field(
        0,
        ge=0,
        description="number of optimizer steps; 0: as many as the budget allows, or without one by the size of the "
        f"training text [{_describe_lengths()}; with segments=pairs, twice as many]",
    )
    budget: Seconds = Field(
        0.0, ge=0, allow_inf_nan=False, description="time limit of training: 90, 60s, 2m, 1h30m; 0: none"
    )
    patience: int = Field(
        10, ge=1, description="evaluations without improvement, of 50 in a training, after which it stops"
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="type of matrix products in training; auto: bfloat16 if the device supports it, or float32"
    )
    threads: int = Field(1, ge=1, le=1024, description="threads of the CPU; their number changes how sums are rounded")
    seed: int = Field(0, ge=0, lt=2**63, description="seed of weights, batches and dropout")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto, cpu or cuda; auto: cuda if available")
    checkpoint: str = Field("", description="checkpoint folder; training resumes from it")

    @model_validator(mode="before")
    @classmethod
    def _fill_in_preset(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        preset = _PRESETS.get(given.get("preset", "tiny"), {})
        if given.get("optimizer") == "adamw" and preset.get("optimizer") == "muon":
            preset = preset | {"learning_rate": _ADAMW_RATE}
        if given.get("architecture") == "encoder-decoder":
            preset = preset | {"positions": "learned"}
        return preset | given

    @model_validator(mode="after")
    def _check_consistency(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width={self.width} is not divisible by heads={self.heads}")
        if self.stride > self.context:
            raise ValueError(f"a stride of {self.stride} skips events: the context is {self.context}")
        if self.history is not None and self.history > self.context:
            raise ValueError(f"a history of {self.history} is more than the context of {self.context}")
        if self.history is not None and self.architecture != "decoder":
            raise ValueError("an encoder-decoder reads segment by segment; leave out history")
        if self.segments == "pairs" and self.architecture == "decoder":
            raise ValueError(
                "segments=pairs is for architecture=encoder-decoder; a decoder reads 'source => target' from left to "
                "right; leave out segments"
            )
        if self.stride and self.architecture != "decoder":
            raise ValueError("an encoder-decoder reads segment by segment; leave out stride")
        if self.positions == "rotary" and self.architecture != "decoder":
            raise ValueError("an encoder-decoder has learned positions; leave out positions")
        if self.positions == "rotary" and self.width // self.heads % 2:
            raise ValueError(f"rotary positions need heads of even width, not of {self.width // self.heads}")
        if self.device == "cuda" and not has_cuda():
            raise ValueError("this machine does not have a CUDA device")
        return self

    @property
    def by_line(self) -> bool:
        """Whether each line is a sequence of its own, rather than each document."""
        return self.segments == "pairs"

    @property
    def portable(self) -> TransformerOptions:
        """These options without the device, the checkpoint folder and the history, which do not change the weights."""
        return self.for_fitting().model_copy(update={"device": "auto", "checkpoint": ""})

    def identity(self) -> dict[str, JsonValue]:
        """Return what the options say about the model, without the folder of the checkpoint and without fixed segments.

        Models that were fitted before segments could be chosen have fixed ones, and are the same models.
        """
        left_out = {"checkpoint", *([] if self.by_line else ["segments"])}
        return {name: value for name, value in super().identity().items() if name not in left_out}

    def count_steps(self, size: int) -> int:
        """Return the number of optimizer steps on `size` bytes of training text; 0 if the budget alone limits it."""
        if self.steps or self.budget:
            return self.steps
        steps = _LENGTHS[self.preset].count_steps(size)
        return _STEPS_FOR_PAIRS * steps if self.by_line else steps
