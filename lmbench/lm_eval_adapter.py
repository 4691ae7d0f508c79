"""Any model of lmbench in EleutherAI's lm-evaluation-harness, as the model ``lmbench``.

Versions of lm_eval with plugins find this model by its entry point in the group ``lm_eval.models``. For older versions,
``python -m lmbench.lm_eval_adapter`` runs lm_eval's command line with this model registered (docs/lm-eval.md).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.model import LM
from lm_eval.api.registry import register_model

from lmbench.cli.displays import NoticeDisplay
from lmbench.cli.output import echo
from lmbench.corpora.loading import load_corpus
from lmbench.errors import LmbenchError, SpecError
from lmbench.generation import Sampler, write_until
from lmbench.model import LanguageModel, ModelSpec
from lmbench.registry import build
from lmbench.score import Score, checked_scores
from lmbench.signature import plain_signature
from lmbench.tasks.respond import find_likelihoods
from lmbench.tasks.task import Continuation

_BATCH_TEXTS = 256
_MAX_NEW_EVENTS = 256  # the default of lm_eval's own models


@register_model("lmbench")
class LmbenchLM(LM):  # type: ignore[misc]  # lm_eval has no types
    """A model of lmbench, loaded or fitted, with the interface of lm_eval.

    Args:
        spec: The model, with ``;`` instead of ``,``, because lm_eval splits at commas: ``kenlm:order=3;min_count=1``.
        corpus: The name or path of the corpus to fit a model on that is not pretrained.
        batch_size: Ignored; lm_eval passes it to every model.
        max_batch_size: Ignored.
        device: Ignored.

    Raises:
        LmbenchError: The model cannot be built, loaded or fitted.
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
        self._model = _prepare(ModelSpec.parse(spec.replace(";", ",")), corpus)

    def loglikelihood(self, requests: Sequence[Instance], disable_tqdm: bool = False) -> list[tuple[float, bool]]:
        """Return log P(continuation | context) in nats, and whether the continuation is greedy, for each request.

        The log-probability is that of `LanguageModel.score_continuations`. A continuation is greedy if choosing the
        most likely event each time writes it, and no other event is as likely. It is never greedy with an unknown word,
        or if the model offers no distribution.
        """
        pairs = [Continuation(context, text, greedy=True) for context, text in (request.args for request in requests)]
        answers = [
            answer
            for start in range(0, len(pairs), _BATCH_TEXTS)
            for answer in find_likelihoods(self._model, pairs[start : start + _BATCH_TEXTS])
        ]
        return [(answer.logprob, bool(answer.is_greedy)) for answer in answers]

    def loglikelihood_rolling(self, requests: Sequence[Instance], disable_tqdm: bool = False) -> list[float]:
        """Return log P(text) in nats for each request."""
        return [float(score.logprobs.sum()) for score in self._score([request.args[0] for request in requests])]

    def generate_until(self, requests: Sequence[Instance], disable_tqdm: bool = False) -> list[str]:
        """Return the text generated for each request, up to the first end string.

        The arguments `until`, `max_gen_toks` (events; 256 by default), `do_sample`, `temperature`, `top_k` and `top_p`
        apply; all others are ignored.

        Raises:
            LmbenchError: The model offers no distribution over texts.
        """
        return [_generate_until(self._model, *request.args) for request in requests]

    def get_model_info(self) -> dict[str, str]:
        """Return the model's signature, which lm_eval stores with its results."""
        return {"lmbench_signature": str(plain_signature(self._model.signature()))}

    def _score(self, texts: Sequence[str]) -> Iterator[Score]:
        """Yield the score of each text, or raise ScoreError if it breaks the contract."""
        for start in range(0, len(texts), _BATCH_TEXTS):
            batch = tuple(texts[start : start + _BATCH_TEXTS])
            yield from checked_scores(self._model.score(batch), batch)


def _generate_until(model: LanguageModel, context: str, arguments: Mapping[str, Any]) -> str:
    until = arguments.get("until") or []
    ends = [until] if isinstance(until, str) else until
    drawn = bool(arguments.get("do_sample", False))
    sampler = Sampler(
        temperature=float(arguments.get("temperature", 1.0)) if drawn else 0.0,
        top_k=int(arguments.get("top_k", 0)) if drawn else 0,
        top_p=float(arguments.get("top_p", 1.0)) if drawn else 1.0,
    )
    return write_until(model, context, ends, int(arguments.get("max_gen_toks", _MAX_NEW_EVENTS)), sampler)


def _prepare(spec: ModelSpec, corpus: str | None) -> LanguageModel:
    """Return the model that `spec` names, loaded or fitted."""
    model = build(spec)
    if not model.traits.normalized:
        raise SpecError(f"the scores of '{spec}' are not probabilities, which lm_eval needs; choose another model")
    if model.traits.pretrained:
        if corpus is not None:
            raise SpecError(f"'{spec}' is pretrained and cannot be fitted; leave corpus={corpus} out")
        model.prepare(None, NoticeDisplay())
    elif corpus is None:
        raise SpecError(f"'{spec}' must be fitted; add corpus=NAME_OR_PATH")
    else:
        model.prepare(load_corpus(corpus).training, NoticeDisplay())
    return model


def main() -> None:
    """Run lm_eval's command line; an LmbenchError is printed in one line, with exit code 2."""
    from lm_eval.__main__ import cli_evaluate  # a command line that loads this module as a plugin does not need another

    try:
        cli_evaluate()
    except LmbenchError as error:
        echo(f"Error: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
