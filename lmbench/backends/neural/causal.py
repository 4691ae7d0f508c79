"""Pretrained causal language models of Hugging Face's transformers, GPT-2 among them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from pydantic import Field
from transformers import AutoModelForCausalLM, AutoTokenizer

from lmbench.arrays import Ints
from lmbench.backends.neural.causal_network import CausalNetwork
from lmbench.backends.neural.hub_model import PretrainedOptions, Source, positions, revision, weight_files
from lmbench.backends.neural.hub_tokenizer import HubTokenizer
from lmbench.backends.neural.windows import Window, last_window, score_sequences, strided_windows
from lmbench.errors import ScoreError, SpecError, UnavailableError
from lmbench.model import Footprint, LanguageModel, ModelOptions, Traits
from lmbench.progress import SILENT, Progress
from lmbench.score import Score, clip_rounding
from lmbench.signature import Signature
from lmbench.state import ModelState, NextEvents

_UNBOUNDED_CONTEXT = 2048  # for models that name no largest number of positions


class HuggingFaceOptions(PretrainedOptions):
    """Options of the hf model."""

    context: int = Field(0, ge=0, description="tokens that are read at once; 0: as many as model and memory take")
    stride: int = Field(0, ge=0, description="tokens by which scoring windows move; 0: half the context")
    batch_tokens: int = Field(
        0, ge=0, description="tokens scored at once, one window where that is longer; 0: as many as the memory allows"
    )
    bos: Literal["first", "none"] = Field(
        "first", description="first: one uncounted BOS before a document; none: its first token costs log V"
    )


class Gpt2Options(HuggingFaceOptions):
    """Options of the gpt2 model."""

    path: str = Field("gpt2", min_length=1, description="gpt2, gpt2-medium, gpt2-large, gpt2-xl, or a folder")


class HuggingFace(LanguageModel):
    """A pretrained causal model, from a folder or the Hugging Face hub: any that AutoModelForCausalLM loads.

    Weights are loaded by `load`, which alone downloads any, or when they are first needed. They are safetensors, and no
    code of a repository is run. Text that looks like a special token is scored as the text it is.
    """

    Options: ClassVar[type[ModelOptions]] = HuggingFaceOptions
    options: HuggingFaceOptions
    traits = Traits(weights="pretrained")

    def load(self, progress: Progress = SILENT) -> None:
        """Raises UnavailableError without weights."""
        self._source.begin(progress)
        # loads all that there is, and warms up what libraries set up in their first pass; by ids, since a small
        # vocabulary may have no token for whichever text
        score_sequences([np.append(self._bos, [0, 0])], self._cut, self._batch_tokens, self._network.logprobs)

    def score(self, documents: Sequence[str]) -> list[Score]:
        """Raises UnavailableError without weights, ScoreError for a text that the tokenizer cannot give back."""
        encoded = [self._tokenizer.encode(document) for document in documents]
        sequences = [self._sequence(document.ids) for document in encoded]
        logprobs = score_sequences(sequences, self._cut, self._batch_tokens, self._network.logprobs)
        scores = []
        for document, known in zip(encoded, logprobs, strict=True):
            first = np.full(len(document.ids) - len(known), -math.log(self._rows))  # only where there is no BOS
            scores.append(
                Score(document.ends, np.concatenate([first, clip_rounding(known)]), np.zeros(len(document.ids)))
            )
        return scores

    def state_after(self, text: str) -> ModelState:
        """Over the tokens, named by their texts, or as the tokenizer names them where they are no whole text.

        Rows of the output that belong to no token are named by their number, and have no spelling; the end of a text is
        what the model's configuration takes for it.
        """
        return _State(self, self._sequence(self._tokenizer.encode(text).ids))

    def signature(self) -> Signature:
        tokenizer = self._tokenizer.tokenizer
        return Signature.of(
            model=self.options.path,
            revision=revision(self.options.path),
            context=self._context,
            stride=self._stride,
            bos=self.options.bos,
            dtype=self.options.dtype,
            device=self._model.device.type,
            tok=type(tokenizer).__name__,
            vocab=self._rows,
            transformers=transformers.__version__,
            torch=torch.__version__,
        )

    @property
    def score_tolerance(self) -> float:
        """bfloat16 has 8 bits: two of its roundings of a cost of some 10 nats may differ by a tenth or more."""
        return {"float32": 1e-4, "float16": 0.05, "bfloat16": 0.25}[self.options.dtype]

    def footprint(self) -> Footprint:
        """Tied weights are counted once; on disk, the weight files."""
        return Footprint(
            parameters=sum(parameter.numel() for parameter in self._model.parameters()),
            disk_bytes=sum(file.stat().st_size for file in weight_files(self.options.path)),
        )

    @cached_property
    def _source(self) -> Source:
        return Source(self.options)

    @cached_property
    def _tokenizer(self) -> HubTokenizer:
        return HubTokenizer(self._source.get(AutoTokenizer))

    @cached_property
    def _network(self) -> CausalNetwork:
        model, loading = self._source.get(AutoModelForCausalLM, use_safetensors=True, output_loading_info=True)
        path = self.options.path
        if loading["missing_keys"]:
            # transformers would draw them at random and go on
            raise UnavailableError(
                f"the weights of '{path}' lack {sorted(loading['missing_keys'])[0]}: no causal model"
            )
        device = "cuda" if self.options.device != "cpu" and torch.cuda.is_available() else "cpu"
        model = model.to(device, getattr(torch, self.options.dtype)).eval()
        _check_causal(model, path)
        return CausalNetwork(model, self.options.memory)

    @property
    def _model(self) -> Any:
        return self._network.model

    @cached_property
    def _context(self) -> int:
        """Tokens that are read at once. Raises SpecError where the model takes fewer, or the stride is longer."""
        largest = positions(self._model)
        context = self.options.context or min(largest or _UNBOUNDED_CONTEXT, self._network.window_tokens)
        if largest and context > largest:
            raise SpecError(f"a context of {context} is more than the {largest} positions of '{self.options.path}'")
        if self.options.stride > context:
            raise SpecError(
                f"a stride of {self.options.stride} skips tokens: it is longer than the context of {context}"
            )
        return int(context)

    @property
    def _stride(self) -> int:
        return self.options.stride or max(1, self._context // 2)

    def _cut(self, length: int) -> Iterator[Window]:
        return strided_windows(length, self._context, self._stride)

    @cached_property
    def _bos(self) -> Ints:
        """What stands before a document: one id, or none. Raises SpecError where the tokenizer has neither."""
        if self.options.bos == "none":
            return np.zeros(0, dtype=np.int64)
        tokenizer = self._tokenizer.tokenizer
        for bos in (tokenizer.bos_token_id, tokenizer.eos_token_id):
            if bos is not None:
                return np.array([bos], dtype=np.int64)
        raise SpecError(f"the tokenizer of '{self.options.path}' has neither BOS nor EOS; give bos=none")

    def _sequence(self, ids: Ints) -> Ints:
        """What stands before a document, and its ids. Raises ScoreError for a token that the model has no row for."""
        sequence = np.concatenate([self._bos, ids])
        beyond = sequence[sequence >= self._model.get_input_embeddings().num_embeddings]
        if len(beyond):
            path, name = self.options.path, self._tokenizer.names[beyond[0]]
            raise ScoreError(f"the tokenizer of '{path}' gives the token {name!r}, and its model has no row for it")
        return sequence

    @property
    def _batch_tokens(self) -> int:
        return self.options.batch_tokens or self._network.batch_tokens

    @property
    def _rows(self) -> int:
        return self._network.rows

    @cached_property
    def _names(self) -> tuple[str, ...]:
        names = self._tokenizer.texts
        return tuple(names[: self._rows] + [f"<{row}>" for row in range(len(names), self._rows)])

    @cached_property
    def _event_spellings(self) -> tuple[bytes | None, ...]:
        spellings = self._tokenizer.event_spellings[: self._rows]
        if not spellings:
            return ()
        rows = [*spellings, *[None] * (self._rows - len(spellings))]
        for end in self._ends:
            if 0 <= end < self._rows:  # a configuration may name what the model does not have
                rows[end] = b""
        return tuple(rows)

    @property
    def _ends(self) -> Sequence[int]:
        """The ids that end a text: those at which the library's `generate` stops."""
        ends = self._model.generation_config.eos_token_id
        return [] if ends is None else [ends] if isinstance(ends, int) else ends


class _State(ModelState):
    """Token by token: what was read of a window stays in the library's cache, and is not read again."""

    def __init__(self, model: HuggingFace, sequence: Ints) -> None:
        self._model, self._sequence = model, sequence
        self._start = self._read = 0  # the window's first id, and how many of its ids the cache holds
        self._cache: Any = None
        self._logprobs: NDArray[np.float64] | None = None

    def next_events(self) -> NextEvents:
        if self._logprobs is None:
            self._logprobs = self._after()
        names, spellings = self._model._names, self._model._event_spellings
        if len(self._sequence) == len(self._model._bos) and self._model._tokenizer.adds_space:
            names = tuple(name.removeprefix(" ") or name for name in names)
            spellings = tuple(map(_first_spelling, spellings))
        return NextEvents(names, self._logprobs, spellings)

    def advance(self, event: int) -> None:
        self._sequence, self._logprobs = np.append(self._sequence, event), None

    def _after(self) -> NDArray[np.float64]:
        model = self._model
        if not len(self._sequence):
            return np.full(model._rows, -math.log(model._rows))
        window, _ = last_window(self._sequence, model._cut)
        start = len(self._sequence) - len(window)
        if start != self._start or self._cache is None:
            self._start, self._read, self._cache = start, 0, None
        logits, self._cache = model._network.logits_after(window[None, self._read :], self._cache)  # (V,)
        self._read = len(window)
        return logits.double().log_softmax(-1).cpu().numpy()


def _first_spelling(spelling: bytes | None) -> bytes | None:
    """What an event adds to an empty text before which a space stands that is no byte of it; None where it cannot."""
    if not spelling:
        return spelling  # the text's end, or no certain text
    return spelling[1:] or None if spelling.startswith(b" ") else None


class Gpt2(HuggingFace):
    """GPT-2 (Radford et al. 2019), pretrained on WebText."""

    Options: ClassVar[type[ModelOptions]] = Gpt2Options


def _check_causal(model: Any, path: str) -> None:
    """Raises ScoreError where a model's prediction depends on the tokens it predicts (BERT loads as a causal model)."""
    if positions(model) == 1:
        return
    with torch.inference_mode():
        ids = torch.tensor([[0, 0], [0, 1]], device=model.device)
        one, other = model(ids).logits[:, 0].float()
    if not torch.allclose(one, other, atol=1e-2):
        raise ScoreError(f"'{path}' reads the tokens that it should predict: it is no causal language model")
