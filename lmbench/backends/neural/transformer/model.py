"""Small Transformers, trained from scratch: a decoder like GPT-2, or an encoder-decoder.

This module says what the model is, without PyTorch. `fitting` and `fitted` do the work with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from lmbench.backends.neural.transformer.options import TransformerOptions
from lmbench.corpus import TrainingText
from lmbench.errors import SpecError
from lmbench.exhibit import Exhibit
from lmbench.model import Exportable, Fitted, Footprint, LanguageModel, ModelOptions, Saveable, Traits
from lmbench.progress import SILENT, Progress
from lmbench.score import Score
from lmbench.signature import Signature
from lmbench.state import ModelState

if TYPE_CHECKING:
    from lmbench.backends.neural.transformer.fitted import FittedTransformer


class Transformer(LanguageModel, Saveable, Exportable):
    """A Transformer (Vaswani et al. 2017) trained from scratch: a decoder like GPT-2, or an encoder-decoder.

    A document is one sequence: its history runs across lines, from one uncounted BOS at its start. The decoder reads
    overlapping windows. The encoder-decoder predicts a segment of the document from the segment's beginning and from
    the whole segment before it, which the encoder reads in both directions. With segments=pairs, each line is a
    sequence of its own, and the first segment after ``=>`` is predicted from the source before it.
    """

    Options: ClassVar[type[ModelOptions]] = TransformerOptions
    traits = Traits(
        version=3,
        quick_options=(("steps", "60"), ("layers", "1"), ("heads", "2"), ("width", "32")),
        unchecked_options=("checkpoint",),
        threads=1,
        libraries=(
            "torch",
            "torch._dynamo",  # which an optimizer imports, and which takes as long
            "lmbench.backends.neural.transformer.fitting",
        ),
        gpu=True,
    )
    options: TransformerOptions
    _fitted: Fitted[FittedTransformer] = Fitted()

    def __init__(self, options: ModelOptions | None = None) -> None:
        super().__init__(options)
        self.traits = replace(type(self).traits, threads=self.options.threads)

    def fit(self, data: TrainingText, progress: Progress = SILENT) -> None:
        """Train on data.train, and keep the weights that are best on data.valid.

        Raises:
            CorpusError: A split is empty.
            SpecError: The checkpoint cannot be resumed.
            LmbenchError: The checkpoint cannot be written.
        """
        from lmbench.backends.neural.transformer.fitting import fit_transformer  # not at the top: it needs PyTorch

        self._fitted = fit_transformer(data, self.options, progress)

    def score(self, documents: Sequence[str]) -> list[Score]:
        return self._fitted.score(documents, self.options)

    def state_after(self, text: str) -> ModelState:
        """Return the state after `text`. Its events are the lexicon's types and BOS, which no text contains."""
        return self._fitted.state_after(text, self.options)

    def signature(self) -> Signature:
        return self._fitted.signature(self.options)

    def exhibits(self) -> tuple[Exhibit, ...]:
        """Return the learning curve, and the alignment of the first pairs of the validation text."""
        return self._fitted.exhibits(self.options)

    def remarks(self) -> tuple[str, ...]:
        fitted = self._fitted
        remarks = {
            "time-limited": fitted.budget is not None,
            "undertrained": fitted.history.is_still_improving,
            "no pairs in the validation text": self.options.by_line and not fitted.pairs,
        }
        return tuple(remark for remark, holds in remarks.items() if holds)

    def save(self, folder: Path) -> None:
        self._fitted.save(folder, self.options)

    def restore(self, folder: Path) -> None:
        """Read what `save` wrote; the device, the history and the checkpoint's folder may differ.

        Raises:
            SpecError: The folder does not hold a complete model with these options.
        """
        from lmbench.backends.neural.transformer.fitted import FittedTransformer

        self._fitted = FittedTransformer.restore(folder, self.options)

    def export(self, path: Path) -> None:
        """Write a folder that transformers' AutoModelForCausalLM and AutoTokenizer load.

        Raises:
            SpecError: The model is an encoder-decoder, for which transformers does not have a class.
        """
        self.check_exportable()
        self._fitted.export(path, self.options)

    def export_limits(self) -> tuple[str, ...]:
        """Return what happens to unknown words."""
        lexicon = self._fitted.lexicon
        known = f"{len(lexicon):,} types of the tokenizer {lexicon.tokenizer.name}"
        return (
            f"the folder holds the {known}, and no letter model: hf:FOLDER refuses a text with any other type, and "
            "other programs do not charge its spelling",
        )

    def check_exportable(self) -> None:
        if self.options.architecture != "decoder":
            raise SpecError("transformers can load only decoders; use architecture=decoder")

    def footprint(self) -> Footprint:
        """Return the parameters, tied weights once, and the 4 bytes that each takes on disk as a float32."""
        parameters = sum(parameter.numel() for parameter in self._fitted.network.parameters())
        return Footprint(parameters, disk_bytes=4 * parameters)
