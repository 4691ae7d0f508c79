"""Pretrained causal language models of Hugging Face's transformers, such as GPT-2.

This module says what the models are, without PyTorch and Transformers. `causal_loading` loads them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, JsonValue, model_validator

from lmbench.backends.neural.pretrained.hub_model import HubLoader, PretrainedOptions, naming_model
from lmbench.model import Footprint, HistoryOptions, LanguageModel, ModelOptions, Traits
from lmbench.prediction import Prediction
from lmbench.progress import SILENT, Progress
from lmbench.score import Score
from lmbench.signature import Signature
from lmbench.state import ModelState, NextEvents

if TYPE_CHECKING:
    from lmbench.backends.neural.pretrained.causal_scorer import CausalScorer
    from lmbench.backends.neural.pretrained.causal_state import TextReader

_FINETUNE = re.compile(r"steps:[1-9][0-9]{0,6}")
_LEARNING_RATE = 1e-4


class HuggingFaceOptions(HistoryOptions, PretrainedOptions):
    """Options of the hf model."""

    context: int = Field(0, ge=0, description="tokens read at once; 0: the most that model and memory allow")
    stride: int = Field(0, ge=0, description="tokens by which scoring windows move; 0: half the context")
    history: int | None = Field(
        None,
        ge=1,
        description="tokens that are read before each token, whatever the stride; default: what the windows hold",
    )
    batch_tokens: int = Field(
        0, ge=0, description="tokens scored at once, at least one window; 0: the most that memory allows"
    )
    bos: Literal["first", "none"] = Field(
        "first", description="first: one uncounted BOS before each document; none: the first token costs log V"
    )
    finetune: str = Field(
        "", description="steps:N: train all weights further on the training split, for at most N optimizer steps"
    )
    learning_rate: float = Field(_LEARNING_RATE, gt=0, lt=1, description="peak learning rate of finetune=")
    seed: int = Field(0, ge=0, lt=2**63, description="seed of batches and dropout of finetune=")

    @model_validator(mode="after")
    def _check_finetune(self) -> Self:
        if self.finetune and not _FINETUNE.fullmatch(self.finetune):
            raise ValueError(
                f"finetune={self.finetune} is not valid; write steps:N with N at least 1, as in finetune=steps:100"
            )
        if self.finetune and self.dtype != "float32":
            raise ValueError(f"finetune= trains float32 weights; leave out dtype={self.dtype}")
        if not self.finetune and (self.seed or self.learning_rate != _LEARNING_RATE):
            raise ValueError("learning_rate= and seed= do nothing without finetune=steps:N")
        return self

    @property
    def steps(self) -> int:
        """The optimizer steps of `finetune`, at most."""
        return int(self.finetune.partition(":")[2] or 0)

    def identity(self) -> dict[str, JsonValue]:
        """Return what the options say about the model. The memory counts if it may decide how long the context is."""
        tuning = () if self.finetune else ("finetune", "learning_rate", "seed")
        named = {name: value for name, value in super().identity().items() if name not in tuning}
        return named | ({} if self.context else {"memory": self.memory})

    def delegate(self) -> tuple[type[LanguageModel], ModelOptions] | None:
        from lmbench.backends.neural.pretrained.fine_tuned import FineTuned  # which derives from HuggingFace

        return (FineTuned, self) if self.finetune else None


class Gpt2Options(HuggingFaceOptions):
    """Options of the gpt2 model."""

    path: str = Field(
        "gpt2",
        min_length=1,
        description="gpt2, gpt2-medium, gpt2-large or gpt2-xl, as in gpt2:gpt2-xl; or a folder",
    )


class HuggingFace(LanguageModel):
    """A pretrained causal model, from a folder or the Hugging Face hub: any that AutoModelForCausalLM loads.

    `load` loads the weights and is the only method that downloads; without it, they are loaded on first use. Weights
    must be safetensors, and code from a repository is never run. Special tokens in a text are scored as text.

    On Linux, loading makes the process return large freed blocks of memory to the system from then on.
    """

    Options: ClassVar[type[ModelOptions]] = HuggingFaceOptions
    options: HuggingFaceOptions
    traits = Traits(
        weights="pretrained",
        checked_in_runs=False,
        libraries=(
            "torch",
            "transformers.modeling_utils",
            "lmbench.backends.neural.pretrained.causal_loading",
            "lmbench.backends.neural.pretrained.causal_state",
        ),
        gpu=True,
    )

    def __init__(self, options: ModelOptions | None = None) -> None:
        super().__init__(options)
        self._loader = HubLoader(self.options)
        self._loaded: CausalScorer | None = None
        self._reader: TextReader | None = None

    def load(self, progress: Progress = SILENT) -> None:
        self._loader.allow_downloads(progress)
        scorer = self._load_scorer()
        with naming_model(self.options.title):
            scorer.warm_up()

    def score(self, documents: Sequence[str]) -> list[Score]:
        return self._load_scorer().score(documents)

    def predict(self, document: str) -> Iterator[Prediction]:
        """Yield the distribution over each token of a document; see `lmbench.prediction`."""
        return self._load_scorer().predict(document)

    def follow(self, document: str) -> Iterator[tuple[NextEvents, int | None]]:
        """Yield the distribution over each token of a document, and over the one after it; see `lmbench.prediction`."""
        return self._load_scorer().follow(document)

    def state_after(self, text: str) -> ModelState:
        return self._prepare_reader().state_after(text)

    def measure_continuations(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[float, int]]:
        """Return log P(continuation | context), in nats, and the number of events of the continuation, of each pair.

        The continuations of a context share a pass over it, unless they are longer than a window.
        """
        found = self._prepare_reader().measure_continuations(pairs)
        left = [pair for pair, known in zip(pairs, found, strict=True) if known is None]
        others = iter(super().measure_continuations(left))
        return [known or next(others) for known in found]

    def conditional_logprob(self, context: str, continuation: str, whole: Score) -> float:
        """Return log P(continuation | context), in nats, whatever tokens spell the context; see docs/scoring.md."""
        return self._prepare_reader().conditional_logprob(context, continuation, whole)

    def signature(self) -> Signature:
        import torch
        import transformers

        scorer = self._load_scorer()
        named = Signature.of(model=self.options.title) + self._loader.sign(scorer.tokenizer.tokenizer.is_fast)
        return named + Signature.of(
            context=scorer.context,
            **({"stride": scorer.stride} if scorer.history is None else {"history": scorer.history}),
            bos=self.options.bos,
            dtype=self.options.dtype,
            device=scorer.network.model.device.type,
            tok=type(scorer.tokenizer.tokenizer).__name__,
            vocab=scorer.network.rows,
            transformers=transformers.__version__,
            torch=torch.__version__,
        )

    @property
    def score_tolerance(self) -> float:
        """Nats by which equal scores may differ. bfloat16 has 8 bits: two roundings may move 10 nats by 0.1 or more."""
        return {"float32": 1e-4, "float16": 0.05, "bfloat16": 0.25}[self.options.dtype]

    def footprint(self) -> Footprint:
        """Return the number of parameters, tied weights counted once, and the size of the weight files."""
        return Footprint(
            parameters=sum(parameter.numel() for parameter in self._load_scorer().network.model.parameters()),
            disk_bytes=self._loader.disk_bytes,
        )

    def _prepare_reader(self) -> TextReader:
        scorer = self._load_scorer()
        if self._reader is None or self._reader.scorer is not scorer:
            from lmbench.backends.neural.pretrained.causal_state import TextReader

            self._reader = TextReader(scorer)
        return self._reader

    def _load_scorer(self) -> CausalScorer:
        """Load the tokenizer and the weights on the first call."""
        if self._loaded is None:
            from lmbench.backends.neural.pretrained.causal_loading import load_scorer

            self._loaded = load_scorer(self._loader, self.options)
        return self._loaded


class Gpt2(HuggingFace):
    """GPT-2 (Radford et al. 2019), pretrained on WebText.

    Its larger versions are gpt2:gpt2-medium, gpt2:gpt2-large and gpt2:gpt2-xl.
    """

    Options: ClassVar[type[ModelOptions]] = Gpt2Options
