"""A small decoder-only Transformer, trained from scratch within a budget of time.

Shapes in comments: B windows, T positions, C width, H heads, V types of the lexicon.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from lmbench.corpus import Split, TrainingText
from lmbench.errors import CorpusError
from lmbench.lexicon import Lexicon, LexiconOptions, LexiconReading, Line
from lmbench.model import (
    Footprint,
    LanguageModel,
    ModelOptions,
    Progress,
    Reading,
    Score,
    Signature,
    silent,
)
from lmbench.windows import Ids, last_window, score_sequences

_EVALUATE_EVERY = 50  # optimiser steps
_VALID_TOKENS = 8192  # at most so many are read in an evaluation, which then takes a few per cent of the time
_SCORE_TOKENS = 2048  # read at once: bounds the memory of the logits, whatever the document's length
_WARM_UP = 0.05  # share of the training
_IGNORED = -100  # cross_entropy's target for padding


class TransformerOptions(LexiconOptions):
    """Options of the transformer model."""

    tokenizer: str = Field(
        "bpe:1024",
        description="words, pieces, jieba, bytes, bpe or bpe:N; auto: words for tokenised text, else pieces",
    )
    layers: int = Field(2, ge=1, le=48, description="number of blocks")
    width: int = Field(128, ge=1, le=4096, description="size of the vectors between blocks; a multiple of heads")
    heads: int = Field(4, ge=1, le=64, description="attention heads of each block")
    context: int = Field(128, ge=1, le=16384, description="events that are read at once")
    stride: int = Field(0, ge=0, description="events by which scoring windows move; 0: half the context")
    dropout: float = Field(0.1, ge=0, lt=1, description="share of activations dropped in training")
    learning_rate: float = Field(2e-3, gt=0, lt=1, description="AdamW's highest learning rate")
    batch_tokens: int = Field(512, ge=1, description="events of one optimiser step")
    budget: float = Field(60.0, gt=0, allow_inf_nan=False, description="longest training time: 90, 60s, 2m, 1h")
    steps: int = Field(0, ge=0, description="number of optimiser steps; 0: as many as the budget allows")
    patience: int = Field(5, ge=1, description="evaluations without improvement after which training stops")
    seed: int = Field(0, ge=0, lt=2**63, description="seed of weights, batches and dropout")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto, cpu or cuda; auto: cuda where present")

    @field_validator("budget", mode="before")
    @classmethod
    def _seconds(cls, budget: object) -> object:
        units = {"s": 1, "m": 60, "h": 3600}
        if isinstance(budget, str) and budget[-1:] in units:
            return float(budget[:-1]) * units[budget[-1]]
        return budget

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"{self.heads} heads do not divide a width of {self.width}")
        if self.stride > self.context:
            raise ValueError(f"a stride of {self.stride} skips events: the context is {self.context}")
        if self.device == "cuda" and not torch.cuda.is_available():
            raise ValueError("this machine has no CUDA device")
        return self


class Attention(nn.Module):
    """Masked multi-head self-attention: softmax(Q K^T / sqrt(d_k)) V (Vaswani et al. 2017, equation 1)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        qkv = self.qkv(x).unflatten(-1, (3, self.heads, -1))  # (B, T, 3, H, C/H)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (B, H, T, C/H)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)  # (B, H, T, C/H)
        return self.out(y.transpose(1, 2).flatten(-2))  # type: ignore[no-any-return]  # (B, T, C)


class FeedForward(nn.Module):
    """Two linear maps with a GELU between them, four times as wide inside."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(F.gelu(self.up(x)))  # type: ignore[no-any-return]  # (B, T, C)


class Block(nn.Module):
    """Attention and feed-forward, each on normalised input and added to the residual stream (pre-layer-norm)."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.feed_forward_norm = nn.LayerNorm(width)
        self.feed_forward = FeedForward(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.dropout(self.attention(self.attention_norm(x)))  # (B, T, C)
        return x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))  # type: ignore[no-any-return]  # (B, T, C)


class Decoder(nn.Module):
    """Token and position embeddings, blocks, and an output that shares the token embeddings.

    The id `types`, one above the lexicon's, is BOS: it can be read and has no output row, so it is never predicted.
    """

    def __init__(self, types: int, context: int, options: TransformerOptions) -> None:
        super().__init__()
        width = options.width
        self.types = types
        self.tokens = nn.Embedding(types + 1, width)
        self.positions = nn.Embedding(context, width)
        self.dropout = nn.Dropout(options.dropout)
        self.blocks = nn.Sequential(*(Block(width, options.heads, options.dropout) for _ in range(options.layers)))
        self.norm = nn.LayerNorm(width)
        self._initialise(options.layers)

    def forward(self, ids: Tensor, scored: int) -> Tensor:
        """Logits (B, scored, V) of the events after each of the last `scored` of ids (B, T)."""
        x = self.tokens(ids) + self.positions.weight[: ids.shape[1]]  # (B, T, C)
        x = self.blocks(self.dropout(x))  # (B, T, C)
        x = self.norm(x[:, -scored:])  # (B, scored, C)
        return x @ self.tokens.weight[: self.types].T  # type: ignore[no-any-return]  # (B, scored, V)

    def _initialise(self, layers: int) -> None:
        """As GPT-2: deviation 0.02, less for what each block adds to the residual stream (Radford et al. 2019, 2.3)."""
        for name, parameter in self.named_parameters():
            if parameter.dim() > 1:
                adds = name.endswith(("out.weight", "down.weight"))
                nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * layers) if adds else 0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)


@dataclass(frozen=True, slots=True)
class _Validation:
    """What training is judged by: the ids of some documents, their bytes, and the nats of their unknown words."""

    sequences: list[Ids]
    size: int
    spelling: float


class Transformer(LanguageModel):
    """A decoder-only Transformer (Vaswani et al. 2017; GPT-2's layout), trained within a budget of time.

    A document is one sequence: its history runs across lines, from one uncounted BOS at its start.
    """

    Options: ClassVar[type[ModelOptions]] = TransformerOptions
    quick: ClassVar[tuple[tuple[str, str], ...]] = (("steps", "60"), ("layers", "1"), ("width", "32"), ("heads", "2"))
    options: TransformerOptions

    def fit(self, data: TrainingText, progress: Progress = silent) -> None:
        progress("learning the tokenizer", 0.0)
        self._lexicon = Lexicon.learn(data, self.options)
        train = [self._sequence(self._lexicon.encode(document).lines) for document in data.train.documents]
        valid = self._validation(data.valid)
        longest = max((len(sequence) - 1 for sequence in train), default=0)
        if longest == 0:
            raise CorpusError("the training split is empty: there is nothing to learn from")
        # positions that training never reaches would stay as they were drawn, so they are not used either
        self._context = min(self.options.context, longest)
        self._device = self._chosen_device()
        with torch.random.fork_rng([self._device] if self._device.type == "cuda" else []):
            torch.manual_seed(self.options.seed)
            self._decoder = Decoder(len(self._lexicon), self._context, self.options).to(self._device)
            self._steps, self._best_step = self._train(train, valid, progress)

    def score(self, documents: Sequence[str]) -> list[Score]:
        encoded = [self._lexicon.encode(document) for document in documents]
        logprobs = self._logprobs([self._sequence(document.lines) for document in encoded], self._stride)
        return [self._lexicon.combine(*pair) for pair in zip(encoded, logprobs, strict=True)]

    def reading(self, text: str) -> Reading:
        history = np.concatenate([np.zeros(0, dtype=np.int32), *self._lexicon.encode(text).lines])
        return LexiconReading(self._lexicon, text, history, self._after, across_lines=True)

    def signature(self) -> Signature:
        options = self.options
        own = Signature.of(
            layers=options.layers,
            width=options.width,
            heads=options.heads,
            context=self._context,
            stride=self._stride,
            bos="document",
            dropout=f"{options.dropout:g}",
            lr=f"{options.learning_rate:g}",
            batch=options.batch_tokens,
            limit=f"{options.steps}steps,{options.budget:g}s" if options.steps else f"{options.budget:g}s",
            patience=options.patience,
            steps=self._steps,
            best=self._best_step,
            seed=options.seed,
            device=self._device.type,
            torch=torch.__version__,
        )
        return own + self._lexicon.signature()

    def save(self, folder: Path) -> None:
        self._lexicon.save(folder, self.options)
        told = {"context": self._context, "steps": self._steps, "best_step": self._best_step}
        metadata = {name: str(value) for name, value in told.items()}
        save_file(self._decoder.state_dict(), folder / "transformer.safetensors", metadata)

    def restore(self, folder: Path) -> None:
        self._lexicon = Lexicon.restore(folder, self.options)
        self._device = self._chosen_device()
        with safe_open(folder / "transformer.safetensors", "pt", device=str(self._device)) as file:
            told = {name: int(value) for name, value in file.metadata().items()}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (no mapping)
        self._context, self._steps, self._best_step = told["context"], told["steps"], told["best_step"]
        with torch.random.fork_rng(devices=[]):  # its first weights are drawn, and then replaced
            self._decoder = Decoder(len(self._lexicon), self._context, self.options).to(self._device)
        self._decoder.load_state_dict(weights)

    def footprint(self) -> Footprint:
        """Tied weights are counted once; on disk a parameter takes the 4 bytes of a float32."""
        parameters = sum(parameter.numel() for parameter in self._decoder.parameters())
        return Footprint(parameters, disk_bytes=4 * parameters)

    def _after(self, history: Line) -> NDArray[np.float64]:
        ids = last_window(self._sequence([history]), self._context, self._stride)
        with torch.inference_mode():
            logits: Tensor = self._decoder.eval()(self._tensor(ids[None]), scored=1)[0, 0]  # (V,)
        return logits.double().log_softmax(-1).cpu().numpy()

    def _chosen_device(self) -> torch.device:
        return torch.device("cuda" if self.options.device != "cpu" and torch.cuda.is_available() else "cpu")

    @property
    def _stride(self) -> int:
        return min(self.options.stride or max(1, self.options.context // 2), self._context)

    def _sequence(self, lines: Sequence[Line]) -> Ids:
        bos = np.array([len(self._lexicon)])
        return np.concatenate([bos, *lines], dtype=np.int64)

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

    def _train(self, train: list[Ids], valid: _Validation, progress: Progress) -> tuple[int, int]:
        """Train the decoder and leave it with its best weights; optimiser steps taken, and the best weights' step."""
        options, decoder = self.options, self._decoder
        optimiser, clock = _optimiser(decoder), _Clock(options.steps, options.budget)
        best, best_step, best_weights, tokens = self._bits_per_byte(valid), 0, deepcopy(decoder.state_dict()), 0
        for step, batch in enumerate(self._batches(train), 1):
            loss = self._step(batch, optimiser, _rate(clock.share(step), options.learning_rate))
            tokens += int((batch[:, 1:] != _IGNORED).sum())
            share, speed = clock.share(step), tokens / clock.seconds
            progress(f"step {step:,}, loss {loss:.3f}, valid {best:.3f} bits per byte, {speed:,.0f} tokens/s", share)
            if share < 1 and step % _EVALUATE_EVERY:
                continue
            bits = self._bits_per_byte(valid)
            if bits < best:
                best, best_step, best_weights = bits, step, deepcopy(decoder.state_dict())
            if share == 1 or step - best_step >= options.patience * _EVALUATE_EVERY:
                break
        decoder.load_state_dict(best_weights)
        return step, best_step

    def _step(self, batch: Ids, optimiser: torch.optim.Optimizer, rate: float) -> float:
        """One optimiser step on windows (B, T + 1) of ids, padded with _IGNORED; the mean loss of an event, nats."""
        for group in optimiser.param_groups:
            group["lr"] = rate
        ids = self._tensor(batch)  # (B, T + 1)
        # padding only follows a window's events, and the causal mask hides what follows
        logits = self._decoder.train()(ids[:, :-1].clamp(min=0), scored=ids.shape[1] - 1)  # (B, T, V)
        loss = F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), ignore_index=_IGNORED)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._decoder.parameters(), 1.0)
        optimiser.step()
        return loss.item()

    def _batches(self, train: list[Ids]) -> Iterator[Ids]:
        """Endless batches (B, T + 1) of windows, epoch after epoch.

        Documents are read as scoring reads them, one by one from their BOS, and windows of like length go together.
        """
        generator = np.random.default_rng(self.options.seed)
        while True:
            windows = [window for sequence in train for window in _cut(sequence, self._context, generator)]
            lengths = np.array([len(window) for window in windows])
            order = np.lexsort((generator.random(len(windows)), lengths))
            batches, batch = [], [windows[order[0]]]
            for window in (windows[i] for i in order[1:]):
                if (len(batch) + 1) * (len(window) - 1) > self.options.batch_tokens:
                    batches.append(batch)
                    batch = []
                batch.append(window)
            batches.append(batch)
            for number in generator.permutation(len(batches)):
                yield _padded(batches[number])

    def _bits_per_byte(self, valid: _Validation) -> float:
        logprobs = self._logprobs(valid.sequences, stride=self._context)
        return -(sum(float(document.sum()) for document in logprobs) + valid.spelling) / (valid.size * math.log(2))

    def _logprobs(self, sequences: list[Ids], stride: int) -> list[NDArray[np.float64]]:
        """Nats of every id but the first of each sequence."""
        self._decoder.eval()
        return score_sequences(sequences, self._context, stride, _SCORE_TOKENS, self._score_batch)

    @torch.inference_mode()
    def _score_batch(self, inputs: Ids, targets: Ids) -> NDArray[np.float64]:
        logits = self._decoder(self._tensor(inputs), scored=targets.shape[1])  # (B, scored, V)
        losses = F.cross_entropy(logits.transpose(1, 2), self._tensor(targets), reduction="none")  # (B, scored)
        return -losses.double().cpu().numpy()

    def _tensor(self, ids: Ids) -> Tensor:
        return torch.from_numpy(ids).to(self._device)


class _Clock:
    """How much of the training is done: by steps where their number is given, and by time in any case."""

    def __init__(self, steps: int, budget: float) -> None:
        self._steps, self._budget, self._started = steps, budget, time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started

    def share(self, step: int) -> float:
        """1 where `step` is to be the last."""
        if self.seconds >= self._budget or step == self._steps:
            return 1.0
        return step / self._steps if self._steps else self.seconds / self._budget


def _optimiser(decoder: Decoder) -> torch.optim.Optimizer:
    """AdamW that decays matrices only; each step sets its learning rate."""
    matrices = [parameter for parameter in decoder.parameters() if parameter.dim() > 1]
    vectors = [parameter for parameter in decoder.parameters() if parameter.dim() == 1]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, betas=(0.9, 0.95), fused=True)


def _rate(share: float, peak: float) -> float:
    """The learning rate when this share of the training is done: a linear warm-up, then a cosine to a tenth."""
    if share < _WARM_UP:
        return peak * share / _WARM_UP
    return peak * (0.55 + 0.45 * math.cos(math.pi * (share - _WARM_UP) / (1 - _WARM_UP)))


def _cut(sequence: Ids, context: int, generator: np.random.Generator) -> Iterator[Ids]:
    """Windows of at most context + 1 ids that predict each of a sequence's events once.

    A sequence that needs more than one window is cut at a new place in each epoch.
    """
    events = len(sequence) - 1
    first = events if events <= context else int(generator.integers(1, context + 1))
    for start, end in [(0, first), *((i, min(i + context, events)) for i in range(first, events, context))]:
        if start < end:
            yield sequence[start : end + 1]


def _padded(windows: list[Ids]) -> Ids:
    batch = np.full((len(windows), max(map(len, windows))), _IGNORED)
    for row, window in zip(batch, windows, strict=True):
        row[: len(window)] = window
    return batch
