"""Pretrained masked models (BERT and its kin): pseudo-log-likelihoods, which are no probabilities."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from pydantic import Field
from transformers import AutoModelForMaskedLM, AutoTokenizer

from lmbench.arrays import Ints
from lmbench.backends.neural.hub_model import PretrainedOptions, Source, positions, revision
from lmbench.backends.neural.hub_tokenizer import byte_ends, encoding_of
from lmbench.errors import SpecError, UnavailableError
from lmbench.model import Footprint, LanguageModel, ModelOptions, Traits
from lmbench.progress import SILENT, Progress
from lmbench.score import Score, clip_rounding
from lmbench.signature import Signature

_UNBOUNDED_CONTEXT = 512  # for models that name no largest number of positions


class MaskedOptions(PretrainedOptions):
    """Options of the mlm model."""

    context: int = Field(0, ge=0, description="tokens of a segment, special ones included; 0: as many as it takes")


class MaskedModel(LanguageModel):
    """A masked model's pseudo-log-likelihood (Salazar et al. 2020): each token's, given all others of its segment.

    Each token is masked alone and predicted from what stands on both sides. The sum is no probability of the text: over
    all texts the exponentials do not sum to 1, and it is reported apart, as pseudo-perplexity a token, and never ranked
    with probabilities. A document of more tokens than the context is read in segments that follow each other.
    """

    Options: ClassVar[type[ModelOptions]] = MaskedOptions
    options: MaskedOptions
    traits = Traits(weights="pretrained", normalized=False)

    def load(self, progress: Progress = SILENT) -> None:
        """Raises UnavailableError without weights, SpecError for a model that cannot mask."""
        self._source.begin(progress)
        self.score(["a"])

    def score(self, documents: Sequence[str]) -> list[Score]:
        """Pseudo-log-likelihoods, nats; a text without a token, white space alone, is one event that costs nothing."""
        return [self._score(document) for document in documents]

    def signature(self) -> Signature:
        tokenizer = type(self._tokenizer).__name__
        return Signature.of(
            model=self.options.path,
            revision=revision(self.options.path),
            score="pseudo-log-likelihood",
            context=self._context,
            dtype=self.options.dtype,
            device=self._model.device.type,
            tok=tokenizer,
            vocab=self._model.config.vocab_size,
            transformers=transformers.__version__,
            torch=torch.__version__,
        )

    def footprint(self) -> Footprint:
        """Tied weights are counted once; on disk, the parameters as held."""
        parameters = list(self._model.parameters())
        sizes = [parameter.numel() for parameter in parameters]
        return Footprint(sum(sizes), sum(n * p.element_size() for n, p in zip(sizes, parameters, strict=True)))

    def _score(self, document: str) -> Score:
        encoding = encoding_of(self._tokenizer, document)
        ids = np.array(encoding["input_ids"], dtype=np.int64)
        if not len(ids):
            ends = np.array([len(document.encode())] if document else [], dtype=np.int64)
            return Score(ends, np.zeros(len(ends)), np.zeros(len(ends)))
        size = self._context - sum(map(len, self._frame))
        parts = [self._segment(ids[start : start + size]) for start in range(0, len(ids), size)]
        ends = byte_ends(document, encoding["offset_mapping"])
        return Score(ends, clip_rounding(np.concatenate(parts)), np.zeros(len(ids)))

    def _segment(self, ids: Ints) -> NDArray[np.float64]:
        """Nats of each token of a segment (T,), each masked alone, several copies at once."""
        before, behind = self._frame
        framed, places = np.concatenate([before, ids, behind]), np.arange(len(before), len(before) + len(ids))
        return np.concatenate([self._masked(framed, some) for some in self._batches(places, len(framed))])

    def _batches(self, places: Ints, length: int) -> Iterator[Ints]:
        """Places that are masked at once, each in a copy of the segment: its logits are most of the memory."""
        each = 8 * length * self._model.config.vocab_size
        size = max(1, self.options.memory * 2**20 // each)
        return (places[start : start + size] for start in range(0, len(places), size))

    @torch.inference_mode()
    def _masked(self, framed: Ints, places: Ints) -> NDArray[np.float64]:
        copies = torch.from_numpy(framed).to(self._model.device).repeat(len(places), 1)  # (B, T)
        rows, at = torch.arange(len(places)), torch.from_numpy(places)
        wanted = copies[rows, at]
        copies[rows, at] = self._tokenizer.mask_token_id
        logits = self._model(copies).logits[rows, at].double()  # (B, V)
        return logits.log_softmax(-1)[rows, wanted].cpu().numpy()  # type: ignore[no-any-return]

    @cached_property
    def _frame(self) -> tuple[Ints, Ints]:
        """The special tokens that the model expects before and behind a text."""
        bare, framed = (self._tokenizer("a", add_special_tokens=special)["input_ids"] for special in (False, True))
        first = next(i for i in range(len(framed)) if framed[i : i + len(bare)] == bare)
        return np.array(framed[:first], dtype=np.int64), np.array(framed[first + len(bare) :], dtype=np.int64)

    @cached_property
    def _context(self) -> int:
        largest = min(positions(self._model) or _UNBOUNDED_CONTEXT, self._tokenizer.model_max_length)
        context = min(self.options.context or largest, largest)
        if context <= sum(map(len, self._frame)):
            raise SpecError(f"a context of {context} has no room for a token between the special ones")
        return int(context)

    @cached_property
    def _source(self) -> Source:
        return Source(self.options)

    @cached_property
    def _tokenizer(self) -> Any:
        tokenizer = self._source.get(AutoTokenizer)
        if tokenizer.mask_token_id is None:
            raise SpecError(f"'{self.options.path}' has no mask token: it is no masked model")
        if not tokenizer.is_fast:
            raise UnavailableError(f"the tokenizer of '{self.options.path}' does not say where its tokens end")
        return tokenizer

    @cached_property
    def _model(self) -> Any:
        model, loading = self._source.get(AutoModelForMaskedLM, use_safetensors=True, output_loading_info=True)
        if loading["missing_keys"]:
            raise UnavailableError(f"the weights of '{self.options.path}' lack {sorted(loading['missing_keys'])[0]}")
        device = "cuda" if self.options.device != "cpu" and torch.cuda.is_available() else "cpu"
        return model.to(device, getattr(torch, self.options.dtype)).eval()
