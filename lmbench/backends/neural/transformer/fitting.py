"""Fitting the transformer model: a network of the training text's size, its first weights, and its training."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import torch

from lmbench.about import own_version
from lmbench.arrays import Ints
from lmbench.backends.neural.device import seed_torch, select_device, select_precision, use_threads
from lmbench.backends.neural.transformer.alignment import first_pairs
from lmbench.backends.neural.transformer.batches import examples
from lmbench.backends.neural.transformer.fitted import FittedTransformer, build_network
from lmbench.backends.neural.transformer.initial_weights import start_from_counts, start_from_neighbors
from lmbench.backends.neural.transformer.networks import EncoderDecoder, Network
from lmbench.backends.neural.transformer.options import TransformerOptions
from lmbench.backends.neural.transformer.sampled_softmax import count_negatives
from lmbench.backends.neural.transformer.schedule import Schedule
from lmbench.backends.neural.transformer.sequences import id_count, sequences_of
from lmbench.backends.neural.transformer.training import Objective, Training, TrainingPlan
from lmbench.backends.neural.transformer.validation import ValidationText
from lmbench.corpus import TrainingText
from lmbench.errors import CorpusError
from lmbench.progress import Progress
from lmbench.text.lexicon import Lexicon


def fit_transformer(data: TrainingText, options: TransformerOptions, progress: Progress) -> FittedTransformer:
    """Train on data.train, and keep the weights that are best on data.valid.

    Raises:
        CorpusError: A split is empty.
        SpecError: The checkpoint cannot be resumed.
        LmbenchError: The checkpoint cannot be written.
    """
    progress("learning the tokenizer", 0.0)
    lexicon, device = Lexicon.learn(data, options), select_device(options.device)
    sequences = [
        sequence
        for document in data.train.documents
        for sequence in sequences_of(lexicon, lexicon.encode(document).ids, options.by_line)
    ]
    validation = ValidationText.read(lexicon, data.valid, options.by_line)
    longest = max((len(sequence) - 1 for sequence in sequences), default=0)
    if longest == 0:
        raise CorpusError("the training split is empty: there is nothing to learn from")
    # embeddings of positions that training never reaches would stay random, so these are not used either
    context = min(options.context, longest)
    steps, budget = options.count_steps(data.train.size), options.budget or None
    schedule = Schedule(steps, budget, options.learning_rate)
    with seed_torch(device, options.seed), use_threads(options.threads):
        counts = _count_targets(sequences, id_count(lexicon))
        network = _start_network(build_network(lexicon, context, options), sequences, counts).to(device)
        plan = _plan(lexicon, schedule, options, _identify(data, lexicon, context, schedule, options))
        objective = _objective(network, sequences, counts, validation)
        history = Training(network, replace(objective, mixed=options.by_line), plan).run(progress)
    pairs = first_pairs(cast(EncoderDecoder, network), validation.sequences) if options.by_line else ()
    return FittedTransformer(lexicon, network, steps, budget, history, pairs)


def _start_network(network: Network, sequences: list[Ints], counts: Ints) -> Network:
    """Let the embeddings of a network start from the statistics of the training text."""
    if count_negatives(len(counts)):  # with few types, training finds their neighbors as fast
        start_from_neighbors(network, sequences)
    start_from_counts(network, counts)
    return network


def _plan(lexicon: Lexicon, schedule: Schedule, options: TransformerOptions, identity: str) -> TrainingPlan:
    name = hashlib.sha256(identity.encode()).hexdigest()[:12]  # trainings on several corpora share a folder
    return TrainingPlan(
        schedule=schedule,
        optimizer=options.optimizer,
        patience=options.patience,
        batch_tokens=options.batch_tokens,
        negatives=count_negatives(id_count(lexicon)),
        precision=select_precision(options.precision, select_device(options.device)),
        seed=options.seed,
        folder=Path(options.checkpoint).expanduser() / name if options.checkpoint else None,
        identity=identity,
    )


def _identify(
    data: TrainingText, lexicon: Lexicon, context: int, schedule: Schedule, options: TransformerOptions
) -> str:
    """Return everything that decides which weights result, as JSON.

    With a number of steps, the budget decides only how far training gets. Without, the learning rates follow it.
    """
    derived = {"preset", "tokenizer", "context", "stride", "history", "budget", "precision", "device", "checkpoint"}
    device = select_device(options.device)
    identity = options.model_dump(mode="json", exclude=derived) | {
        "train": data.train.fingerprint,
        "valid": data.valid.fingerprint,
        "tokenizer": lexicon.tokenizer.name,
        "context": context,
        "steps": schedule.steps,
        "budget": None if schedule.steps else schedule.budget,
        "precision": str(select_precision(options.precision, device)),
        "device": device.type,
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
