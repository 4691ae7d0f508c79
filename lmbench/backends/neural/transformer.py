"""Small Transformers, trained from scratch within a budget of time: GPT-2's decoder, or an encoder-decoder."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, cast

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from lmbench.backends.neural.networks import Decoder, Network, Shape, as_gpt2, make_network
from lmbench.backends.neural.tokenizer_file import TokenizerFile
from lmbench.backends.neural.training import Example, History, Plan, Task, Training
from lmbench.backends.neural.windows import Cut, Ids, Window, last_window, score_packed, segments, windows
from lmbench.corpus import Split, TrainingText
from lmbench.distribution import own_version
from lmbench.errors import CorpusError, LmbenchError, SpecError, reason
from lmbench.exhibit import Exhibit
from lmbench.model import Exportable, Footprint, LanguageModel, ModelOptions, Saveable, Traits
from lmbench.progress import SILENT, Progress
from lmbench.score import Score
from lmbench.signature import Signature
from lmbench.spec import Seconds
from lmbench.state import ModelState
from lmbench.text.lexicon import Lexicon, LexiconOptions, LexiconState, Line

_VALID_TOKENS = 4096  # at most so many are read in an evaluation: all of them take a sixth of a `tiny` training
_SCORE_TOKENS = 2048  # read at once
_SCORE_LOGITS = 1 << 24  # made at once: 64 MiB, whatever the number of types
_MANY_TYPES = 8192  # above, the output layer would take most of a training step
_NEGATIVES = 2048
_FILE = "transformer.safetensors"
_BOS = "<|endoftext|>"  # GPT-2's name; read before a document, and never a part of one

_PRESETS: dict[str, dict[str, Any]] = {
    "tiny": {"budget": 0.0, "tokenizer": "auto", "layers": 2, "width": 128, "heads": 4, "context": 128,
             "dropout": 0.1, "learning_rate": 4e-3, "batch_tokens": 512},
    "small": {"budget": 1800.0, "tokenizer": "auto", "layers": 4, "width": 192, "heads": 3, "context": 128,
              "dropout": 0.1, "learning_rate": 4e-3, "batch_tokens": 1024},
    "base": {"budget": 7200.0, "tokenizer": "bpe:8192", "layers": 8, "width": 512, "heads": 8, "context": 512,
             "dropout": 0.2, "learning_rate": 1e-3, "batch_tokens": 16384},
}  # fmt: skip


def _preset(name: str, description: str, **bounds: Any) -> Any:
    """A field whose default is the preset's."""
    values = ", ".join(f"{preset} {options[name]}" for preset, options in _PRESETS.items())
    return Field(_PRESETS["tiny"][name], description=f"{description} [{values}]", **bounds)


class TransformerOptions(LexiconOptions):
    """Options of the transformer model; those that are not given are the preset's."""

    preset: Literal["tiny", "small", "base"] = Field(
        "tiny", description="tiny: under a minute on two cores; small: half an hour; base: for a GPU"
    )
    architecture: Literal["decoder", "encoder-decoder"] = Field(
        "decoder", description="decoder: GPT-2's; encoder-decoder: reads the segment before, and predicts the next"
    )
    tokenizer: str = _preset("tokenizer", "words, pieces, jieba, bytes, bpe or bpe:N; auto as for other models")
    layers: int = _preset("layers", "number of blocks", ge=1, le=48)
    width: int = _preset("width", "size of the vectors between blocks; a multiple of heads", ge=1, le=4096)
    heads: int = _preset("heads", "attention heads of each block", ge=1, le=64)
    context: int = _preset("context", "events that are read at once, or in a segment", ge=1, le=16384)
    stride: int = Field(0, ge=0, description="events by which a decoder's windows move in scoring; 0: half the context")
    dropout: float = _preset("dropout", "share of activations dropped in training", ge=0, lt=1)
    learning_rate: float = _preset("learning_rate", "AdamW's highest learning rate", gt=0, lt=1)
    batch_tokens: int = _preset("batch_tokens", "events of one optimizer step", ge=1)
    budget: Seconds | None = _preset(
        "budget",
        "longest training time: 90, 60s, 2m, 1h30m; 0: a second for each 10 kB of training text, at least 8 s and at "
        "most 45 s; where steps are given, none by itself",
        ge=0,
        allow_inf_nan=False,
    )
    steps: int = Field(0, ge=0, description="number of optimizer steps; 0: as many as the budget allows")
    patience: int = Field(
        10, ge=1, description="evaluations, of 50 in a training, without improvement after which it stops"
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="of products in training: float32 or bfloat16; auto: bfloat16 where the device has it"
    )
    seed: int = Field(0, ge=0, lt=2**63, description="seed of weights, batches and dropout")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto, cpu or cuda; auto: cuda where present")
    checkpoint: str = Field("", description="folder where training is kept, and gone on with after a kill")

    @model_validator(mode="before")
    @classmethod
    def _from_preset(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        preset = _PRESETS.get(given.get("preset", "tiny"), {})
        if given.get("steps", 0) not in (0, "0"):
            preset = preset | {"budget": None}  # a number of steps is the same work on any machine
        return preset | given

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.budget is None and not self.steps:
            raise ValueError("a training needs a budget or a number of steps to end")
        if self.width % self.heads:
            raise ValueError(f"{self.heads} heads do not divide a width of {self.width}")
        if self.stride > self.context:
            raise ValueError(f"a stride of {self.stride} skips events: the context is {self.context}")
        if self.stride and self.architecture != "decoder":
            raise ValueError("an encoder-decoder reads segment by segment and has no stride")
        if self.device == "cuda" and not torch.cuda.is_available():
            raise ValueError("this machine has no CUDA device")
        return self


class Transformer(LanguageModel, Saveable, Exportable):
    """A Transformer (Vaswani et al. 2017) trained within a budget of time: GPT-2's decoder, or an encoder-decoder.

    A document is one sequence: its history runs across lines, from one uncounted BOS at its start. The decoder reads
    overlapping windows; the encoder-decoder predicts a segment of the document from its beginning and the whole segment
    before it, which the encoder reads in both directions.
    """

    Options: ClassVar[type[ModelOptions]] = TransformerOptions
    traits = Traits(
        quick_options=(("steps", "60"), ("layers", "1"), ("heads", "2"), ("width", "32")),
        unchecked_options=("checkpoint",),
    )
    options: TransformerOptions

    def fit(self, data: TrainingText, progress: Progress = SILENT) -> None:
        """Raises CorpusError for an empty split, SpecError for a checkpoint that cannot be read."""
        progress("learning the tokenizer", 0.0)
        self._lexicon = Lexicon.learn(data, self.options)
        train = [self._sequence(self._lexicon.encode(document).lines) for document in data.train.documents]
        valid = self._validation(data.valid)
        longest = max((len(sequence) - 1 for sequence in train), default=0)
        if longest == 0:
            raise CorpusError("the training split is empty: there is nothing to learn from")
        # positions that training never reaches would stay as they were drawn, so they are not used either
        self._context = min(self.options.context, longest)
        budget = self.options.budget
        self._budget = _seconds_for(data.train.size) if budget == 0 else budget
        self._device = self._chosen_device()
        task = Task(
            epoch=lambda generator: [part for sequence in train for part in self._examples(sequence, generator)],
            counts=np.bincount(np.concatenate([sequence[1:] for sequence in train]), minlength=self._ids),
            evaluate=lambda: valid.bits_per_byte(self._logprobs(valid.sequences, self._plain_cut)),
        )
        with torch.random.fork_rng([self._device] if self._device.type == "cuda" else []):
            torch.manual_seed(self.options.seed)
            self._network = self._new_network()
            self._history = Training(self._network, task, self._plan(data)).run(progress)

    def score(self, documents: Sequence[str]) -> list[Score]:
        encoded = [self._lexicon.encode(document) for document in documents]
        logprobs = self._logprobs([self._sequence(document.lines) for document in encoded], self._cut)
        return [document.score(costs) for document, costs in zip(encoded, logprobs, strict=True)]

    def state_after(self, text: str) -> ModelState:
        """Over the lexicon's types, and BOS, which no text has."""
        history = np.concatenate([np.zeros(0, dtype=np.int32), *self._lexicon.encode(text).lines])
        return LexiconState(self._lexicon, text, history, self._after, across_lines=True, extra_events=(_BOS,))

    def signature(self) -> Signature:
        options, best = self.options, self._history.best
        own = Signature.of(
            arch=options.architecture,
            layers=options.layers,
            width=options.width,
            heads=options.heads,
            context=self._context,
            **({"stride": self._stride} if options.architecture == "decoder" else {"segments": "fixed"}),
            bos="document",
            dropout=f"{options.dropout:g}",
            lr=f"{options.learning_rate:g}",
            batch=options.batch_tokens,
            limit=self._limit,
            patience=options.patience,
            valid=f"first{_VALID_TOKENS}",
            steps=self._history.points[-1].steps,
            best=best.steps,
            softmax=f"sampled{_NEGATIVES}" if self._negatives else "full",
            precision=str(self._precision).removeprefix("torch."),
            seed=options.seed,
            device=self._device.type,
            torch=torch.__version__,
        )
        return own + self._lexicon.signature()

    def exhibits(self) -> tuple[Exhibit, ...]:
        """How training went: validation bits per byte, and the training loss, over its seconds."""
        points, best = self._history.points, self._history.best
        last = points[-1]
        went = f"{last.steps:,} steps, {last.events:,} events in {last.seconds:,.0f} s; best after {best.steps:,} steps"
        return (
            Exhibit(
                title="Validation",
                shows=f"bits per byte of the validation text's first {_VALID_TOKENS:,} events over training: {went}",
                kind="lines",
                columns=("seconds", "validation"),
                rows=tuple((round(point.seconds, 3), point.bits_per_byte) for point in points),
                unit="bits per byte",
            ),
            Exhibit(
                title="Training loss",
                shows="mean cost of an event in training since the evaluation before, dropout included",
                kind="lines",
                columns=("seconds", "loss"),
                rows=tuple((round(point.seconds, 3), point.loss) for point in points if point.loss is not None),
                unit="nats per event",
            ),
        )

    def save(self, folder: Path) -> None:
        self._lexicon.save(folder, self._anywhere)
        training = _Stored(context=self._context, budget=self._budget, history=self._history)
        metadata = {"lmbench": own_version(), "training": training.model_dump_json()}
        _write(self._network.state_dict(), folder / _FILE, metadata)

    def restore(self, folder: Path) -> None:
        """Raises SpecError for a folder that is no whole model with these options; device and checkpoint may differ."""
        self._lexicon = Lexicon.restore(folder, self._anywhere)
        self._device = self._chosen_device()
        metadata: dict[str, str] = {}
        try:
            with safe_open(folder / _FILE, "pt", device=str(self._device)) as file:
                metadata = file.metadata() or {}
                weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (no mapping)
            stored = _Stored.model_validate_json(metadata.get("training", ""))
            self._context, self._budget, self._history = stored.context, stored.budget, stored.history
            with torch.random.fork_rng(devices=[]):  # its first weights are drawn, and then replaced
                self._network = self._new_network()
            self._network.load_state_dict(weights)
        except (OSError, SafetensorError, ValidationError, RuntimeError) as error:
            raise SpecError(_broken(folder, metadata, error)) from error

    def export(self, path: Path) -> None:
        """A folder that transformers' AutoModelForCausalLM and AutoTokenizer load; its README says what each id is.

        NotImplementedError for an encoder-decoder, which transformers has no class for.
        """
        self.check_exportable()
        from transformers import GPT2Config

        options, tokenizer = self.options, TokenizerFile(self._lexicon, _BOS)
        config = GPT2Config(
            vocab_size=self._ids,
            n_positions=self._context,
            n_embd=options.width,
            n_layer=options.layers,
            n_head=options.heads,
            embd_pdrop=options.dropout,
            resid_pdrop=options.dropout,
            attn_pdrop=0.0,
            bos_token_id=self._ids - 1,
            eos_token_id=self._ids - 1,
            architectures=["GPT2LMHeadModel"],
        )
        path.mkdir()
        config.save_pretrained(path)
        _write(as_gpt2(cast(Decoder, self._network)), path / "model.safetensors", {"format": "pt"})
        self._lexicon.save(path, options)
        tokenizer.save(path, self._context)
        (path / "README.md").write_text(_readme(self.signature(), tokenizer), encoding="utf-8")

    def check_exportable(self) -> None:
        if self.options.architecture != "decoder":
            raise SpecError("GPT-2 is a decoder; architecture=decoder can be exported")

    def footprint(self) -> Footprint:
        """Tied weights are counted once; on disk a parameter takes the 4 bytes of a float32."""
        parameters = sum(parameter.numel() for parameter in self._network.parameters())
        return Footprint(parameters, disk_bytes=4 * parameters)

    @property
    def _anywhere(self) -> TransformerOptions:
        """The options without what says where the work is done and kept."""
        return self.options.model_copy(update={"device": "auto", "checkpoint": ""})

    def _identity(self, data: TrainingText) -> str:
        """All that decides which weights come out of the training, as JSON.

        With a number of steps the budget decides only how far it gets; without, every rate depends on it.
        """
        unused = {"preset", "tokenizer", "context", "stride", "budget", "precision", "device", "checkpoint"}
        told = self.options.model_dump(mode="json", exclude=unused) | {
            "train": data.train.fingerprint,
            "valid": data.valid.fingerprint,
            "tokenizer": self._lexicon.tokenizer.name,
            "context": self._context,
            "budget": None if self.options.steps else self._budget,
            "precision": str(self._precision),
            "device": self._device.type,
            "torch": torch.__version__,
            "lmbench": own_version(),
        }
        return json.dumps(told, sort_keys=True)

    def _plan(self, data: TrainingText) -> Plan:
        options, identity = self.options, self._identity(data)
        name = hashlib.sha256(identity.encode()).hexdigest()[:12]  # trainings on several corpora share a folder
        folder = Path(options.checkpoint).expanduser() / name if options.checkpoint else None
        return Plan(
            budget=self._budget,
            steps=options.steps,
            patience=options.patience,
            rate=options.learning_rate,
            batch_tokens=options.batch_tokens,
            negatives=self._negatives,
            precision=self._precision,
            seed=options.seed,
            folder=folder,
            identity=identity,
        )

    @property
    def _ids(self) -> int:
        """The lexicon's types, and BOS above them."""
        return len(self._lexicon) + 1

    @property
    def _limit(self) -> str:
        """What ends the training, beside patience."""
        steps = [f"{self.options.steps}steps"] if self.options.steps else []
        return ",".join(steps if self._budget is None else [*steps, f"{self._budget:g}s"])

    @property
    def _negatives(self) -> int:
        return _NEGATIVES if self._ids > _MANY_TYPES else 0

    @property
    def _precision(self) -> torch.dtype:
        wanted = self.options.precision
        half = _has_bfloat16(self._device) if wanted == "auto" else wanted == "bfloat16"
        return torch.bfloat16 if half else torch.float32

    @property
    def _stride(self) -> int:
        return min(self.options.stride or max(1, self._context // 2), self._context)

    def _chosen_device(self) -> torch.device:
        return torch.device("cuda" if self.options.device != "cpu" and torch.cuda.is_available() else "cpu")

    def _new_network(self) -> Network:
        options = self.options
        shape = Shape(self._ids, self._context, options.layers, options.width, options.heads, options.dropout)
        return make_network(options.architecture, shape).to(self._device)

    def _cut(self, length: int) -> Iterator[Window]:
        """How texts are read in scoring."""
        return self._windows(length, self._stride)

    def _plain_cut(self, length: int) -> Iterator[Window]:
        """The same without overlaps: how training is judged, in less time."""
        return self._windows(length, self._context)

    def _windows(self, length: int, stride: int) -> Iterator[Window]:
        """A decoder's windows; an encoder-decoder's segments, which have no stride."""
        if self.options.architecture == "decoder":
            return windows(length, self._context, stride)
        return segments(length, self._context)

    def _examples(self, sequence: Ids, generator: np.random.Generator) -> Iterator[Example]:
        """Examples that predict each of a sequence's events once.

        A decoder's sequence that needs more than one window is cut at a new place in each epoch.
        """
        if self.options.architecture == "decoder" and len(sequence) - 1 > self._context:
            first = int(generator.integers(1, self._context + 1))
            yield Example(sequence[: first + 1], first)
            sequence = sequence[first:]
        for window in self._plain_cut(len(sequence) - 1):
            yield Example(sequence[window.start : window.end + 1], window.end - window.first)

    def _sequence(self, lines: Sequence[Line]) -> Ids:
        return np.concatenate([np.array([self._ids - 1]), *lines], dtype=np.int64)

    def _validation(self, valid: Split) -> _Validation:
        """The first documents of the validation split, up to _VALID_TOKENS events. Raises CorpusError where empty."""
        sequences, size, spelling, left = [], 0, 0.0, _VALID_TOKENS
        for document in valid.documents:
            encoded = self._lexicon.encode(document)
            events = min(left, len(encoded.ends))
            if events:
                sequences.append(self._sequence(encoded.lines)[: events + 1])
                size += int(encoded.ends[events - 1])
                spelling += float(encoded.spelling[:events].sum())
                left -= events
        if not sequences:
            raise CorpusError(
                "the validation split is empty, and the transformer needs one to know when to stop training"
            )
        return _Validation(sequences, size, spelling)

    def _logprobs(self, sequences: list[Ids], cut: Cut) -> list[NDArray[np.float64]]:
        """Nats of every id but the first of each sequence."""
        self._network.eval()
        return score_packed(sequences, cut, _SCORE_TOKENS, self._score_batch)

    @torch.inference_mode()
    def _score_batch(self, inputs: Ids, targets: Ids) -> NDArray[np.float64]:
        scored = targets >= 0
        back = int(scored.any(axis=0).argmax())  # events that are only looked back on, in each window
        states = self._network.states(self._tensor(inputs), targets.shape[1] - back)  # (B, S, C)
        rows = max(1, _SCORE_LOGITS // self._ids)
        parts = torch.split(states[self._tensor(scored[:, back:])], rows)  # of (N, C)
        wanted = torch.split(self._tensor(targets[scored]), rows)
        output = self._network.tokens.weight.T
        losses = [F.cross_entropy(x @ output, ids, reduction="none") for x, ids in zip(parts, wanted, strict=True)]
        return -torch.cat(losses).double().cpu().numpy()

    @torch.inference_mode()
    def _after(self, history: Line) -> NDArray[np.float64]:
        ids, scored = last_window(self._sequence([history]), self._cut)
        logits: Tensor = self._network.eval()(self._tensor(ids[None]), scored)[0, -1]  # (V,)
        return logits.double().log_softmax(-1).cpu().numpy()

    def _tensor(self, array: NDArray[Any]) -> Tensor:
        return torch.from_numpy(array).to(self._device)


def _seconds_for(size: int) -> float:
    """The budget that follows the text: a second for each 10 kB of `size` bytes to learn from, from 8 s to 45 s."""
    return float(min(45, max(8, round(size / 10_000))))


def _has_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 itself: it is then faster, and elsewhere slower, than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # older versions of torch have none
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


class _Stored(BaseModel):
    """What is saved of a training beside the weights."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    context: int = Field(ge=1)
    budget: float | None
    history: History


def _readme(signature: Signature, tokenizer: TokenizerFile) -> str:
    return f"""# A Transformer trained by lmbench

GPT-2's architecture, for transformers' `AutoModelForCausalLM`. Its signature: `{signature}`

{tokenizer.explained}

Text is read from one `{tokenizer.bos}` at its start. lmbench pays for an unknown word's letters beside its
`<unk>`; a language model outside of lmbench does not, so compare texts of known words.
"""


def _write(weights: dict[str, Tensor], file: Path, metadata: dict[str, str]) -> None:
    try:
        save_file(weights, file, metadata)
    except SafetensorError as error:
        raise LmbenchError(f"{file.name} cannot be written: {reason(error)}") from error


def _broken(folder: Path, metadata: Mapping[str, str], error: Exception) -> str:
    """Why a saved model cannot be restored, in one line."""
    author, this = metadata.get("lmbench"), own_version()
    elsewhere = f"; it was written by lmbench {author}" if author not in (None, this) else ""
    return f"{folder} holds no saved model: {_FILE} cannot be read: {reason(error)}{elsewhere}"


@dataclass(frozen=True, slots=True)
class _Validation:
    """What training is judged by: the ids of some documents, their bytes, and the nats of their unknown words."""

    sequences: list[Ids]
    size: int
    spelling: float

    def bits_per_byte(self, logprobs: list[NDArray[np.float64]]) -> float:
        """Of these documents, from the log-probabilities (nats) of their ids."""
        return -(sum(float(document.sum()) for document in logprobs) + self.spelling) / (self.size * math.log(2))
