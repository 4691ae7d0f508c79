"""A trained Transformer: what it scores, shows, saves and exports. The options say how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Self, cast

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError

from lmbench.about import own_version
from lmbench.arrays import Floats, Ids
from lmbench.backends.neural.device import select_device, select_precision, use_threads
from lmbench.backends.neural.transformer.alignment import Pairs, show_alignments
from lmbench.backends.neural.transformer.checkpoint import read_tensors, write_tensors
from lmbench.backends.neural.transformer.decoder_export import export_decoder
from lmbench.backends.neural.transformer.networks import Decoder, EncoderDecoder, Network, Shape, make_network
from lmbench.backends.neural.transformer.options import LONGEST_CONTEXT, TransformerOptions
from lmbench.backends.neural.transformer.sampled_softmax import count_negatives
from lmbench.backends.neural.transformer.sequences import (
    BOS,
    id_count,
    mark_ids,
    next_logprobs,
    sequence_logprobs,
    sequences_of,
    with_bos,
)
from lmbench.backends.neural.transformer.tokenizer_file import TokenizerFile
from lmbench.backends.neural.transformer.training_history import TrainingHistory, learning_curve
from lmbench.backends.neural.transformer.validation import VALIDATION_EVENTS
from lmbench.backends.neural.windows import Windowing, strided_windows
from lmbench.errors import SpecError, reason
from lmbench.exhibit import Exhibit
from lmbench.score import Score
from lmbench.signature import Signature
from lmbench.state import ModelState
from lmbench.text.lexicon import Lexicon
from lmbench.text.lexicon_state import LexiconState

_FILE = "transformer.safetensors"


@dataclass(frozen=True, slots=True)
class FittedTransformer:
    """A trained network, with everything else that scoring and saving need.

    Attributes:
        lexicon: The types, whose ids come below that of BOS.
        network: The network with its best weights, in evaluation mode.
        steps: The optimizer steps that limited training; 0 if only the budget did.
        budget: The seconds that limited training; None if only steps did.
        history: The course of training.
        pairs: The first pairs of the validation text, if the model learned from pairs.
    """

    lexicon: Lexicon
    network: Network
    steps: int
    budget: float | None
    history: TrainingHistory
    pairs: Pairs = ()

    def __post_init__(self) -> None:
        self.network.eval()  # once and not for each score: it walks over all modules

    def score(self, documents: Sequence[str], options: TransformerOptions) -> list[Score]:
        """Return one Score for each document, in order."""
        encoded = self.lexicon.encode_each(documents)
        parts = [sequences_of(self.lexicon, document.ids, options.by_line) for document in encoded]
        windowing = self._choose_windows(options)
        with use_threads(options.threads):
            logprobs = iter(sequence_logprobs(self.network, list(chain.from_iterable(parts)), windowing))
        costs = [np.concatenate([np.zeros(0), *islice(logprobs, len(part))]) for part in parts]
        return [document.score(cost) for document, cost in zip(encoded, costs, strict=True)]

    def state_after(self, text: str, options: TransformerOptions) -> ModelState:
        """Return the state after `text`. Its events are the lexicon's types and BOS, which no text contains."""
        windowing = self._choose_windows(options)

        def predict(history: Ids) -> Floats:
            with use_threads(options.threads):
                return next_logprobs(self.network, with_bos(self.lexicon, history), windowing)

        return LexiconState(self.lexicon, text, predict, across_lines=not options.by_line, extra_events=(BOS,))

    def signature(self, options: TransformerOptions) -> Signature:
        """Return everything that the scores depend on."""
        device = select_device(options.device)
        own = Signature.of(
            arch=options.architecture,
            layers=options.layers,
            width=options.width,
            heads=options.heads,
            context=self.network.shape.context,
            positions=options.positions,
            **self._sign_windows(options),
            bos="line" if options.by_line else "document",
            dropout=f"{options.dropout:g}",
            optimizer=options.optimizer,
            lr=f"{options.learning_rate:g}",
            batch=options.batch_tokens,
            limit=_limits(self.steps, self.budget),
            patience=options.patience,
            valid=f"first{VALIDATION_EVENTS}",
            steps=self.history.points[-1].steps,
            best=self.history.best.steps,
            softmax=f"sampled{negatives}" if (negatives := count_negatives(id_count(self.lexicon))) else "full",
            precision=str(select_precision(options.precision, device)).removeprefix("torch."),
            threads=options.threads,
            seed=options.seed,
            device=device.type,
            torch=torch.__version__,
        )
        return own + self.lexicon.signature()

    def exhibits(self, options: TransformerOptions) -> tuple[Exhibit, ...]:
        """Return the learning curve, and the alignment of the first pairs of the validation text."""
        if not self.pairs:
            return learning_curve(self.history)
        with use_threads(options.threads):
            alignments = show_alignments(cast(EncoderDecoder, self.network), self.lexicon, self.pairs)
        return (*learning_curve(self.history), *alignments)

    def save(self, folder: Path, options: TransformerOptions) -> None:
        """Write the model into a folder."""
        self.lexicon.save(folder, options.portable)
        context = self.network.shape.context
        training = _StoredTraining(
            context=context, steps=self.steps, budget=self.budget, history=self.history, pairs=self.pairs
        )
        metadata = {"lmbench": own_version(), "training": training.model_dump_json()}
        write_tensors(folder / _FILE, self.network.state_dict(), metadata)

    @classmethod
    def restore(cls, folder: Path, options: TransformerOptions) -> Self:
        """Read what `save` wrote; the device, the history and the checkpoint's folder may differ.

        Raises:
            SpecError: The folder does not hold a complete model with these options.
        """
        lexicon = Lexicon.restore(folder, options.portable)
        device = select_device(options.device)
        metadata: dict[str, str] = {}
        try:
            weights, metadata = read_tensors(folder / _FILE, device)
            stored = _StoredTraining.model_validate_json(metadata.get("training", ""))
            with torch.random.fork_rng(devices=[]):  # the weights that are drawn here are replaced
                with torch.device("meta"):  # compares the shapes before memory is allocated for them
                    build_network(lexicon, stored.context, options).load_state_dict(weights, assign=True)
                network = build_network(lexicon, stored.context, options).to(device)
            network.load_state_dict(weights)
        except (OSError, SafetensorError, ValidationError, RuntimeError) as error:
            author, this = metadata.get("lmbench"), own_version()
            elsewhere = f"; it was written by lmbench {author}" if author not in (None, this) else ""
            raise SpecError(
                f"{folder} does not hold a saved model: {_FILE} cannot be read: {reason(error)}{elsewhere}"
            ) from error
        return cls(lexicon, network, stored.steps, stored.budget, stored.history, stored.pairs)

    def export(self, path: Path, options: TransformerOptions) -> None:
        """Write a decoder as a folder that transformers' AutoModelForCausalLM and AutoTokenizer load."""
        decoder, tokenizer = cast(Decoder, self.network), TokenizerFile(self.lexicon, BOS)
        export_decoder(path, decoder, tokenizer, self.signature(options))
        self.lexicon.save(path, options)

    def _choose_windows(self, options: TransformerOptions) -> Windowing:
        """Return the windows in which a sequence is scored."""
        network, history = self.network, options.history
        if history is None:
            return partial(network.windows, stride=self._choose_stride(options))
        return lambda inputs: strided_windows(len(inputs), min(history, network.shape.context), stride=1)

    def _choose_stride(self, options: TransformerOptions) -> int:
        context = self.network.shape.context
        return min(options.stride or max(1, context // 2), context)

    def _sign_windows(self, options: TransformerOptions) -> dict[str, object]:
        if options.architecture != "decoder":
            return {"segments": options.segments}
        return {"stride": self._choose_stride(options)} if options.history is None else {"history": options.history}


class _StoredTraining(BaseModel):
    """The JSON that is saved along with the weights."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    context: int = Field(ge=1, le=LONGEST_CONTEXT)
    steps: int
    budget: float | None
    history: TrainingHistory
    pairs: Pairs = ()


def build_network(lexicon: Lexicon, context: int, options: TransformerOptions) -> Network:
    """Return a network for the types of a lexicon, with its first weights."""
    shape = Shape(
        id_count(lexicon),
        context,
        options.layers,
        options.width,
        options.heads,
        options.dropout,
        rotary=options.positions == "rotary",
    )
    return make_network(options.architecture, shape, mark_ids(lexicon) if options.by_line else ())


def _limits(steps: int, budget: float | None) -> str:
    """Return what limits training, apart from patience, for the signature."""
    by_steps = [f"{steps}steps"] if steps else []
    return ",".join(by_steps if budget is None else [*by_steps, f"{budget:g}s"])
