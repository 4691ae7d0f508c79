"""Small Transformers, trained from scratch: a decoder like GPT-2, or an encoder-decoder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import ClassVar, cast

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError

from lmbench.about import own_version
from lmbench.arrays import Floats, Ids, Ints
from lmbench.backends.neural.device import seed_torch, select_device, select_precision, use_threads
from lmbench.backends.neural.transformer.alignment import Pairs, first_pairs, show_alignments
from lmbench.backends.neural.transformer.batches import examples
from lmbench.backends.neural.transformer.checkpoint import read_tensors, write_tensors
from lmbench.backends.neural.transformer.decoder_export import export_decoder
from lmbench.backends.neural.transformer.initial_weights import start_from_counts, start_from_neighbors
from lmbench.backends.neural.transformer.networks import Decoder, EncoderDecoder, Network, Shape, make_network
from lmbench.backends.neural.transformer.options import LONGEST_CONTEXT, TransformerOptions
from lmbench.backends.neural.transformer.schedule import Schedule
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
from lmbench.backends.neural.transformer.training import Objective, Training, TrainingPlan
from lmbench.backends.neural.transformer.training_history import TrainingHistory, learning_curve
from lmbench.backends.neural.transformer.validation import VALIDATION_EVENTS, ValidationText
from lmbench.backends.neural.windows import Windowing, strided_windows
from lmbench.corpus import TrainingText
from lmbench.errors import CorpusError, SpecError, reason
from lmbench.exhibit import Exhibit
from lmbench.model import Exportable, Fitted, Footprint, LanguageModel, ModelOptions, Saveable, Traits
from lmbench.progress import SILENT, Progress
from lmbench.score import Score
from lmbench.signature import Signature
from lmbench.state import ModelState
from lmbench.text.lexicon import Lexicon
from lmbench.text.lexicon_state import LexiconState

_MANY_TYPES = 8192  # with more, the output layer would take most of a training step
_NEGATIVES = 2048
_FILE = "transformer.safetensors"


@dataclass(frozen=True, slots=True)
class FittedTransformer:
    """A trained network, with everything else that scoring and saving need.

    Attributes:
        lexicon: The types, whose ids come below that of BOS.
        network: The network with its best weights.
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


class _StoredTraining(BaseModel):
    """The JSON that is saved along with the weights."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    context: int = Field(ge=1, le=LONGEST_CONTEXT)
    steps: int
    budget: float | None
    history: TrainingHistory
    pairs: Pairs = ()


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
        libraries=("torch", "torch._dynamo"),  # an optimizer imports the second, which takes as long
        gpu=True,
    )
    options: TransformerOptions
    _fitted = Fitted[FittedTransformer]()

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
        progress("learning the tokenizer", 0.0)
        lexicon = Lexicon.learn(data, self.options)
        sequences = [sequence for document in data.train.documents for sequence in self._read(lexicon, document)]
        validation = ValidationText.read(lexicon, data.valid, self.options.by_line)
        longest = max((len(sequence) - 1 for sequence in sequences), default=0)
        if longest == 0:
            raise CorpusError("the training split is empty: there is nothing to learn from")
        # embeddings of positions that training never reaches would stay random, so these are not used either
        context = min(self.options.context, longest)
        steps, budget = self.options.count_steps(data.train.size), self.options.budget or None
        schedule = Schedule(steps, budget, self.options.learning_rate)
        with seed_torch(self._device, self.options.seed), use_threads(self.options.threads):
            counts = _count_targets(sequences, id_count(lexicon))
            network = self._start_network(lexicon, context, sequences, counts).to(self._device)
            plan = self._plan(lexicon, schedule, self._identity(data, lexicon, context, schedule))
            objective = _objective(network, sequences, counts, validation)
            history = Training(network, replace(objective, mixed=self.options.by_line), plan).run(progress)
        pairs = first_pairs(cast(EncoderDecoder, network), validation.sequences) if self.options.by_line else ()
        self._fitted = FittedTransformer(lexicon, network, steps, budget, history, pairs)

    def score(self, documents: Sequence[str]) -> list[Score]:
        lexicon, network = self._fitted.lexicon, self._fitted.network
        encoded = lexicon.encode_each(documents)
        parts = [sequences_of(lexicon, document.ids, self.options.by_line) for document in encoded]
        with use_threads(self.options.threads):
            logprobs = iter(sequence_logprobs(network, list(chain.from_iterable(parts)), self._windowing))
        costs = [np.concatenate([np.zeros(0), *islice(logprobs, len(part))]) for part in parts]
        return [document.score(cost) for document, cost in zip(encoded, costs, strict=True)]

    def state_after(self, text: str) -> ModelState:
        """Return the state after `text`. Its events are the lexicon's types and BOS, which no text contains."""
        lexicon, network = self._fitted.lexicon, self._fitted.network

        def predict(history: Ids) -> Floats:
            with use_threads(self.options.threads):
                return next_logprobs(network, with_bos(lexicon, history), self._windowing)

        return LexiconState(lexicon, text, predict, across_lines=not self.options.by_line, extra_events=(BOS,))

    def signature(self) -> Signature:
        options, fitted = self.options, self._fitted
        own = Signature.of(
            arch=options.architecture,
            layers=options.layers,
            width=options.width,
            heads=options.heads,
            context=fitted.network.shape.context,
            positions=options.positions,
            **self._sign_windows(),
            bos="line" if options.by_line else "document",
            dropout=f"{options.dropout:g}",
            optimizer=options.optimizer,
            lr=f"{options.learning_rate:g}",
            batch=options.batch_tokens,
            limit=_limits(fitted.steps, fitted.budget),
            patience=options.patience,
            valid=f"first{VALIDATION_EVENTS}",
            steps=fitted.history.points[-1].steps,
            best=fitted.history.best.steps,
            softmax=f"sampled{_NEGATIVES}" if _negatives(fitted.lexicon) else "full",
            precision=str(self._precision).removeprefix("torch."),
            threads=options.threads,
            seed=options.seed,
            device=self._device.type,
            torch=torch.__version__,
        )
        return own + fitted.lexicon.signature()

    def exhibits(self) -> tuple[Exhibit, ...]:
        """Return the learning curve, and the alignment of the first pairs of the validation text."""
        fitted = self._fitted
        if not fitted.pairs:
            return learning_curve(fitted.history)
        with use_threads(self.options.threads):
            alignments = show_alignments(cast(EncoderDecoder, fitted.network), fitted.lexicon, fitted.pairs)
        return (*learning_curve(fitted.history), *alignments)

    def remarks(self) -> tuple[str, ...]:
        fitted = self._fitted
        remarks = {
            "time-limited": fitted.budget is not None,
            "undertrained": fitted.history.is_still_improving,
            "no pairs in the validation text": self.options.by_line and not fitted.pairs,
        }
        return tuple(remark for remark, holds in remarks.items() if holds)

    def save(self, folder: Path) -> None:
        fitted = self._fitted
        fitted.lexicon.save(folder, self.options.portable)
        context = fitted.network.shape.context
        training = _StoredTraining(
            context=context, steps=fitted.steps, budget=fitted.budget, history=fitted.history, pairs=fitted.pairs
        )
        metadata = {"lmbench": own_version(), "training": training.model_dump_json()}
        write_tensors(folder / _FILE, fitted.network.state_dict(), metadata)

    def restore(self, folder: Path) -> None:
        """Read what `save` wrote; the device, the history and the checkpoint's folder may differ.

        Raises:
            SpecError: The folder does not hold a complete model with these options.
        """
        lexicon = Lexicon.restore(folder, self.options.portable)
        metadata: dict[str, str] = {}
        try:
            weights, metadata = read_tensors(folder / _FILE, self._device)
            stored = _StoredTraining.model_validate_json(metadata.get("training", ""))
            with torch.random.fork_rng(devices=[]):  # the weights that are drawn here are replaced
                with torch.device("meta"):  # compares the shapes before memory is allocated for them
                    self._make_network(lexicon, stored.context).load_state_dict(weights, assign=True)
                network = self._make_network(lexicon, stored.context).to(self._device)
            network.load_state_dict(weights)
        except (OSError, SafetensorError, ValidationError, RuntimeError) as error:
            author, this = metadata.get("lmbench"), own_version()
            elsewhere = f"; it was written by lmbench {author}" if author not in (None, this) else ""
            raise SpecError(
                f"{folder} does not hold a saved model: {_FILE} cannot be read: {reason(error)}{elsewhere}"
            ) from error
        self._fitted = FittedTransformer(lexicon, network, stored.steps, stored.budget, stored.history, stored.pairs)

    def export(self, path: Path) -> None:
        """Write a folder that transformers' AutoModelForCausalLM and AutoTokenizer load.

        Raises:
            SpecError: The model is an encoder-decoder, for which transformers does not have a class.
        """
        self.check_exportable()
        lexicon, decoder = self._fitted.lexicon, cast(Decoder, self._fitted.network)
        export_decoder(path, decoder, TokenizerFile(lexicon, BOS), self.signature())
        lexicon.save(path, self.options)

    def export_limits(self) -> tuple[str, ...]:
        """Return what happens to unknown words."""
        known = f"{len(self._fitted.lexicon):,} types of the tokenizer {self._fitted.lexicon.tokenizer.name}"
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

    @property
    def _device(self) -> torch.device:
        return select_device(self.options.device)

    @property
    def _precision(self) -> torch.dtype:
        return select_precision(self.options.precision, self._device)

    @property
    def _stride(self) -> int:
        context = self._fitted.network.shape.context
        return min(self.options.stride or max(1, context // 2), context)

    @property
    def _windowing(self) -> Windowing:
        """The windows in which a sequence is scored."""
        network, history = self._fitted.network, self.options.history
        if history is None:
            return partial(network.windows, stride=self._stride)
        return lambda inputs: strided_windows(len(inputs), min(history, network.shape.context), stride=1)

    def _read(self, lexicon: Lexicon, document: str) -> list[Ints]:
        return sequences_of(lexicon, lexicon.encode(document).ids, self.options.by_line)

    def _sign_windows(self) -> dict[str, object]:
        options = self.options
        if options.architecture != "decoder":
            return {"segments": options.segments}
        return {"stride": self._stride} if options.history is None else {"history": options.history}

    def _make_network(self, lexicon: Lexicon, context: int) -> Network:
        options = self.options
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

    def _start_network(self, lexicon: Lexicon, context: int, sequences: list[Ints], counts: Ints) -> Network:
        """Return a network whose embeddings start from the statistics of the training text."""
        network = self._make_network(lexicon, context)
        if _negatives(lexicon):  # with few types, training finds their neighbors as fast
            start_from_neighbors(network, sequences)
        start_from_counts(network, counts)
        return network

    def _plan(self, lexicon: Lexicon, schedule: Schedule, identity: str) -> TrainingPlan:
        options = self.options
        name = hashlib.sha256(identity.encode()).hexdigest()[:12]  # trainings on several corpora share a folder
        return TrainingPlan(
            schedule=schedule,
            optimizer=options.optimizer,
            patience=options.patience,
            batch_tokens=options.batch_tokens,
            negatives=_negatives(lexicon),
            precision=self._precision,
            seed=options.seed,
            folder=Path(options.checkpoint).expanduser() / name if options.checkpoint else None,
            identity=identity,
        )

    def _identity(self, data: TrainingText, lexicon: Lexicon, context: int, schedule: Schedule) -> str:
        """Return everything that decides which weights result, as JSON.

        With a number of steps, the budget decides only how far training gets. Without, the learning rates follow it.
        """
        derived = {"preset", "tokenizer", "context", "stride", "history", "budget", "precision", "device", "checkpoint"}
        identity = self.options.model_dump(mode="json", exclude=derived) | {
            "train": data.train.fingerprint,
            "valid": data.valid.fingerprint,
            "tokenizer": lexicon.tokenizer.name,
            "context": context,
            "steps": schedule.steps,
            "budget": None if schedule.steps else schedule.budget,
            "precision": str(self._precision),
            "device": self._device.type,
            "torch": torch.__version__,
            "lmbench": own_version(),
        }
        return json.dumps(identity, sort_keys=True)


def _objective(network: Network, sequences: list[Ints], counts: Ints, validation: ValidationText) -> Objective:
    return Objective(
        draw_epoch=lambda generator: [
            example for sequence in sequences for example in examples(network, sequence, generator)
        ],
        counts=counts,
        evaluate=lambda: validation.bits_per_byte(network),
    )


def _count_targets(sequences: list[Ints], ids: int) -> Ints:
    """Return how often each id is predicted in an epoch, (V,)."""
    events = np.concatenate([sequence[1:] for sequence in sequences])
    return np.bincount(events, minlength=ids)


def _limits(steps: int, budget: float | None) -> str:
    """Return what limits training, apart from patience, for the signature."""
    by_steps = [f"{steps}steps"] if steps else []
    return ",".join(by_steps if budget is None else [*by_steps, f"{budget:g}s"])


def _negatives(lexicon: Lexicon) -> int:
    return _NEGATIVES if id_count(lexicon) > _MANY_TYPES else 0
