"""A model some of whose options the validation split chooses, whatever the model is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import ClassVar, cast

from lmbench.corpus import TrainingText
from lmbench.errors import CorpusError
from lmbench.exhibit import Exhibit
from lmbench.model import (
    LONGEST_REMARK,
    Exportable,
    Fitted,
    Footprint,
    LanguageModel,
    ModelOptions,
    ModelSpec,
    Saveable,
    Traits,
    declared_traits,
    plain_traits,
)
from lmbench.progress import SILENT, Progress
from lmbench.saved import FILE, open_saved, write_saved
from lmbench.score import Score
from lmbench.signature import Signature
from lmbench.state import ModelState, NextEvents
from lmbench.tuning.options import TunedOptions, find_tuned, list_candidates, read_given
from lmbench.tuning.search import Found, Search, SearchRecord, exhibit_search

_CHOSEN = "chosen"  # the folder of the chosen model within that of a saved search


def read_options(spec: ModelSpec, model: type[LanguageModel]) -> tuple[type[LanguageModel], ModelOptions]:
    """Return the class and the options that a spec names: those of a search if an option of the grid is ``auto``.

    Args:
        spec: The spec.
        model: The registered class of its name.

    Raises:
        LmbenchError: An option does not exist, or a value does not fit.
    """
    tuned = find_tuned(spec, model)
    if not tuned:
        return read_given(spec, model)
    options = TunedOptions.of(list_candidates(spec, model, tuned))
    return _tuned_class(model, options.mixins), options


class Tuned(LanguageModel):
    """A model some of whose options the validation split chooses. It does what the chosen model does."""

    Options: ClassVar[type[ModelOptions]] = TunedOptions
    options: TunedOptions
    _found = Fitted[Found]()

    def __init__(self, options: ModelOptions | None = None) -> None:
        super().__init__(options)
        self.traits = _join_traits([candidate.build().traits for candidate in self.options.candidates])

    @property
    def chosen(self) -> LanguageModel:
        """The chosen model, fitted."""
        return self._found.model

    def fit(self, data: TrainingText, progress: Progress = SILENT) -> None:
        """Fit each candidate, and keep the one with the fewest bits per byte of the validation split.

        Raises:
            CorpusError: The validation split is empty.
            LmbenchError: All candidates failed; the message has the error of the first one.
        """
        if not data.valid.size:
            raise CorpusError(f"{self.options.names} needs a validation split; give the option a value")
        self._found = Search(data, progress).run(self.options.candidates)

    def score(self, documents: Sequence[str]) -> list[Score]:
        return self.chosen.score(documents)

    def score_continuations(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        return self.chosen.score_continuations(pairs)

    def measure_continuations(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[float, int]]:
        return self.chosen.measure_continuations(pairs)

    def conditional_logprob(self, context: str, continuation: str, whole: Score) -> float:
        return self.chosen.conditional_logprob(context, continuation, whole)

    def next_events(self, text: str) -> NextEvents:
        return self.chosen.next_events(text)

    def state_after(self, text: str) -> ModelState:
        return self.chosen.state_after(text)

    def suspect_histories(self) -> Sequence[str]:
        """Return the texts that the conformance suite asks the chosen model for, if it has any."""
        suspects: Sequence[str] = getattr(self.chosen, "suspect_histories", tuple)()
        return suspects

    def signature(self) -> Signature:
        found = self._found
        search = (("tuned-on-valid", found.values.replace(" ", "")), ("grid", self.options.grid))
        return found.model.signature() + Signature(search)

    def exhibits(self) -> tuple[Exhibit, ...]:
        return (*self.chosen.exhibits(), exhibit_search(self._found.record))

    def remarks(self) -> tuple[str, ...]:
        remark = f"{self._found.values} tuned on valid"
        return (*self.chosen.remarks(), remark if len(remark) <= LONGEST_REMARK else f"{self.options.names} on valid")

    @property
    def score_tolerance(self) -> float:
        return self.chosen.score_tolerance

    def footprint(self) -> Footprint:
        return self.chosen.footprint()

    def save(self, folder: Path) -> None:
        """Write the chosen model and the trials into a folder."""
        found = self._found
        (folder / FILE).unlink(missing_ok=True)  # without it the folder holds no model until the chosen one is written
        (folder / _CHOSEN).mkdir(exist_ok=True)
        cast(Saveable, found.model).save(folder / _CHOSEN)
        write_saved(folder, self, {}, found.record)

    def restore(self, folder: Path) -> None:
        """Restore the chosen model from a folder that `save` wrote, without a search.

        Raises:
            SpecError: The folder does not hold a search with these candidates.
        """
        with open_saved(folder, self) as saved:
            record = saved.facts(SearchRecord)
            if not 0 <= record.chosen < len(record.trials) == len(self.options.candidates):
                raise ValueError("the trials are not those of the candidates")
        model = self.options.candidates[record.chosen].build()
        cast(Saveable, model).restore(folder / _CHOSEN)
        self._found = Found(model, record)

    def export(self, path: Path) -> None:
        """Write the chosen model to `path`."""
        cast(Exportable, self.chosen).export(path)

    def export_limits(self) -> tuple[str, ...]:
        return cast(Exportable, self.chosen).export_limits()

    def check_exportable(self) -> None:
        """Check, before fitting, that each candidate can be exported."""
        for candidate in self.options.candidates:
            cast(Exportable, candidate.build()).check_exportable()


@cache
def _tuned_class(model: type[LanguageModel], mixins: tuple[type, ...]) -> type[Tuned]:
    """Return the class of a search among models of a class; it has the mixins that all candidates have."""
    traits = replace(declared_traits(model), version=Tuned.traits.version)
    body = {"__doc__": model.__doc__, "__module__": __name__, "traits": traits}
    return cast(type[Tuned], type(f"Tuned{model.__name__}", (Tuned, *mixins), body))


def _join_traits(declared: Sequence[object]) -> Traits:
    """Return the traits of a search among models that have these."""
    traits = list(map(plain_traits, declared))
    threads = [one.threads for one in traits]
    return replace(
        traits[0],
        weights="fitted" if all(one.weights == "fitted" for one in traits) else "partly pretrained",
        normalized=all(one.normalized for one in traits),
        batch_characters=min(one.batch_characters for one in traits),
        version=Tuned.traits.version,
        threads=None if None in threads else max(number or 1 for number in threads),
        libraries=tuple(dict.fromkeys(name for one in traits for name in one.libraries)),
        gpu=any(one.gpu for one in traits),
    )
