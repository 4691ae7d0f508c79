"""lmbench's models in EleutherAI's lm-evaluation-harness, as its model ``lmbench``.

``python -m lmbench.lm_eval_adapter`` is lm_eval's command line with that model registered (docs/lm-eval.md).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import click
import numpy as np
from lm_eval.__main__ import cli_evaluate
from lm_eval.api.instance import Instance
from lm_eval.api.model import LM
from lm_eval.api.registry import register_model

from lmbench.cli.displays import NoticeDisplay
from lmbench.corpora.catalog import load_corpus
from lmbench.errors import LmbenchError, SpecError
from lmbench.generation import Sampler, generate
from lmbench.model import LanguageModel, ModelSpec
from lmbench.registry import build
from lmbench.score import Score

_BATCH = 256  # texts scored at once
_MOST_EVENTS = 256  # of a generated text, as in lm_eval's own models
_ROUNDING = 1e-4  # nats; a batch and a single text differ by less in float32
_REMEMBERED = 16  # distributions; the choices of one question follow each other and share theirs


@register_model("lmbench")
class LmbenchLM(LM):  # type: ignore[misc]  # lm_eval has no types
    """Any model of lmbench, loaded or fitted, as lm_eval asks for it.

    Args: spec, the model, where ``;`` stands for ``,``, at which lm_eval splits (``kenlm:order=3;min_count=1``);
    corpus, the name or path of what it is fitted on, for a model that is not pretrained; batch_size, max_batch_size
    and device, which lm_eval gives to every model, change nothing. Raises LmbenchError.
    """

    def __init__(
        self,
        spec: str,
        corpus: str | None = None,
        batch_size: int | str | None = None,
        max_batch_size: int | None = None,
        device: str | None = None,
    ) -> None:
        super().__init__()
        self._model = _ready(ModelSpec.parse(spec.replace(";", ",")), corpus)
        self._next_events = lru_cache(_REMEMBERED)(self._model.next_events)

    def loglikelihood(self, requests: Sequence[Instance], disable_tqdm: bool = False) -> list[tuple[float, bool]]:
        """For each (context, continuation): nats, log P(continuation | context), and whether it is greedy.

        As `LanguageModel.score_continuations`. Greedy: before each event that ends after the context, no other was as
        likely; never for an unknown word, after a part of a character, or for a model without `next_events`.
        """
        pairs = [request.args for request in requests]
        scores = self._scores([context + continuation for context, continuation in pairs])
        answers = []
        for (context, continuation), score in zip(pairs, scores, strict=True):
            events = np.flatnonzero(score.ends > len(context.encode()))
            text = (context + continuation).encode()
            greedy = all(self._is_likeliest(text, score, event) for event in events.tolist())
            answers.append((self._model.conditional_logprob(context, continuation, score), greedy))
        return answers

    def loglikelihood_rolling(self, requests: Sequence[Instance], disable_tqdm: bool = False) -> list[float]:
        """For each (text,): nats, log P(text)."""
        return [float(score.logprobs.sum()) for score in self._scores([request.args[0] for request in requests])]

    def generate_until(self, requests: Sequence[Instance], disable_tqdm: bool = False) -> list[str]:
        """For each (context, arguments): the text that follows, up to the first of the strings that end it.

        Of the arguments, `until`, `max_gen_toks` (events; 256 without it), `do_sample`, `temperature`, `top_k` and
        `top_p` are heeded. Raises LmbenchError where the model offers no distribution over texts.
        """
        return [_until(self._model, *request.args) for request in requests]

    def get_model_info(self) -> dict[str, str]:
        """What lm_eval adds to the configuration in its results: the model's signature."""
        return {"lmbench_signature": str(self._model.signature())}

    def _scores(self, texts: Sequence[str]) -> Iterator[Score]:
        """Each text's score, proven to keep the contract. Raises ScoreError."""
        for start in range(0, len(texts), _BATCH):
            batch = texts[start : start + _BATCH]
            for text, score in zip(batch, self._model.score(batch), strict=True):
                yield score.check(text)

    def _is_likeliest(self, text: bytes, score: Score, event: int) -> bool:
        """Whether no other event was as likely as this one."""
        if score.spelling[event] < 0:
            return False
        try:
            before = text[: score.ends[event - 1] if event else 0].decode()
            logprobs = self._next_events(before).logprobs
        except (UnicodeDecodeError, NotImplementedError):
            return False
        return bool(np.count_nonzero(logprobs > score.logprobs[event] - _ROUNDING) == 1)


def _until(model: LanguageModel, context: str, arguments: Mapping[str, Any]) -> str:
    until = arguments.get("until") or []
    ends = [until] if isinstance(until, str) else until
    drawn = bool(arguments.get("do_sample", False))
    sampler = Sampler(
        temperature=float(arguments.get("temperature", 1.0)) if drawn else 0.0,
        top_k=int(arguments.get("top_k", 0)) if drawn else 0,
        top_p=float(arguments.get("top_p", 1.0)) if drawn else 1.0,
    )
    text = ""
    for part in generate(model, context, int(arguments.get("max_gen_toks", _MOST_EVENTS)), sampler):
        text += part
        if places := [place for end in ends if (place := text.find(end)) >= 0]:
            return text[: min(places)]
    return text


def _ready(spec: ModelSpec, corpus: str | None) -> LanguageModel:
    """The model that `spec` names, loaded or fitted. Raises LmbenchError."""
    model = build(spec)
    if not model.traits.normalized:
        raise SpecError(f"'{spec}' gives no probabilities, and lm_eval asks for them")
    if model.traits.pretrained:
        if corpus is not None:
            raise SpecError(f"'{spec}' is pretrained and is not fitted: leave corpus={corpus} out")
        model.prepare(None, NoticeDisplay())
    elif corpus is None:
        raise SpecError(f"'{spec}' has to be fitted: add corpus=NAME_OR_PATH")
    else:
        model.prepare(load_corpus(corpus).training, NoticeDisplay())
    return model


def main() -> None:
    """lm_eval's command line; what lmbench raises on purpose is one line and exit code 2."""
    try:
        cli_evaluate()
    except LmbenchError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
