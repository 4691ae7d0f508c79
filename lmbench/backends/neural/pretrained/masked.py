"""Pretrained masked models, such as BERT: pseudo-log-likelihoods, which are not probabilities.

This module says what the model is, without PyTorch and Transformers. `masked_scorer` loads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from lmbench.backends.neural.pretrained.hub_model import HubLoader, PretrainedOptions, naming_model
from lmbench.model import Footprint, LanguageModel, ModelOptions, Traits
from lmbench.progress import SILENT, Progress
from lmbench.score import Score
from lmbench.signature import Signature

if TYPE_CHECKING:
    from lmbench.backends.neural.pretrained.masked_scorer import MaskedScorer


class MaskedOptions(PretrainedOptions):
    """Options of the mlm model."""

    context: int = Field(0, ge=0, description="tokens in a segment, including special ones; 0: the model's limit")


class MaskedModel(LanguageModel):
    """A masked model's pseudo-log-likelihood (Salazar et al. 2020): each token's, given the others of its segment.

    Each token is masked alone and predicted from both sides. The sum is not the log-probability of the text: over all
    texts the exponentials do not sum to 1. It is reported apart, as pseudo-perplexity per token, and never ranked with
    probabilities. A document longer than the context is read in consecutive segments.
    """

    Options: ClassVar[type[ModelOptions]] = MaskedOptions
    options: MaskedOptions
    traits = Traits(
        weights="pretrained",
        normalized=False,
        libraries=("torch", "transformers.modeling_utils", "lmbench.backends.neural.pretrained.masked_scorer"),
        gpu=True,
    )

    def __init__(self, options: ModelOptions | None = None) -> None:
        super().__init__(options)
        self._loader = HubLoader(self.options)
        self._loaded: MaskedScorer | None = None

    def load(self, progress: Progress = SILENT) -> None:
        self._loader.allow_downloads(progress)
        self._load_scorer()
        with naming_model(self.options.path):
            self.score(("a",))

    def score(self, documents: Sequence[str]) -> list[Score]:
        scorer = self._load_scorer()
        return [scorer.score(document) for document in documents]

    def signature(self) -> Signature:
        import torch
        import transformers

        scorer = self._load_scorer()
        named = Signature.of(model=self.options.title) + self._loader.sign(scorer.tokenizer.is_fast)
        return named + Signature.of(
            score="pseudo-log-likelihood",
            context=scorer.context,
            dtype=self.options.dtype,
            device=scorer.network.device.type,
            tok=type(scorer.tokenizer).__name__,
            vocab=scorer.network.config.vocab_size,
            transformers=transformers.__version__,
            torch=torch.__version__,
        )

    def footprint(self) -> Footprint:
        """Return the number of parameters, tied weights counted once, and their size as loaded."""
        parameters = list(self._load_scorer().network.parameters())
        sizes = [parameter.numel() for parameter in parameters]
        return Footprint(sum(sizes), sum(n * p.element_size() for n, p in zip(sizes, parameters, strict=True)))

    def _load_scorer(self) -> MaskedScorer:
        """Load the tokenizer and the weights on the first call."""
        if self._loaded is None:
            from lmbench.backends.neural.pretrained.masked_scorer import load_scorer

            self._loaded = load_scorer(self._loader, self.options)
        return self._loaded
