"""The findings of a run and their certainty, in at most six sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from lmbench.analysis.ranking import Entry, Ranking
from lmbench.analysis.task_ranking import TaskRanking
from lmbench.report.digits import choose_decimals, show_fixed, show_interval, show_with_error
from lmbench.report.ranked_run import RankedRun, name_entry
from lmbench.report.task_numbers import show_with_unit
from lmbench.statistics import Estimate

_MOST = 6
_MOST_NAMED = 4


def list_findings(results: RankedRun) -> list[str]:
    """Return the sentences, the most important ones first."""
    ranked = [ranking for ranking in results.rankings if ranking.entries]
    answered = [ranking for ranking in results.tasks if ranking.main.entries]
    if not ranked and not answered:
        return ["No model has numbers."]
    sentences = [
        *_describe_winners(ranked),
        *_describe_untrained(results, ranked),
        *_describe_tasks(answered),
        *_describe_certainty(ranked),
        *_describe_trouble(results),
        *_describe_groups(results),
        *_describe_floors(ranked),
    ]
    return sentences[:_MOST]


def _describe_winners(rankings: Sequence[Ranking]) -> Iterator[str]:
    """Yield which models are the best ones, and whether that is certain."""
    claimed = [ranking for ranking in rankings if ranking.entries[0].rank is not None and len(ranking.entries) > 1]
    sole = [ranking for ranking in claimed if len(_list_best(ranking)) == 1]
    if sole:
        yield f"{_join(_name_winners(sole))}. There, every other model needs more by more than chance."
    if shared := [ranking for ranking in claimed if ranking not in sole]:
        ties = (f"{ranking.corpus.name} ({_join(map(name_entry, _list_best(ranking)))})" for ranking in shared)
        yield (
            f"On {_join(ties)}, the model named first needs the fewest bits, and the others do not differ from it by "
            "more than chance."
        )
    if rest := [ranking for ranking in rankings if ranking not in claimed]:
        firsts = (f"{name_entry(each.entries[0])} on {each.corpus.name} ({_show(each.entries[0])})" for each in rest)
        why = "there are too few documents" if len(rest[0].entries) > 1 else "it is the only model"
        yield f"The fewest bits are needed by {_join(firsts)}, but no ranking is claimed: {why}."


def _name_winners(rankings: Sequence[Ranking]) -> Iterator[str]:
    """Yield which corpora a model is the best on, with its bits per byte there."""
    best = ((ranking, ranking.entries[0]) for ranking in rankings)
    won = ((name_entry(entry), f"{ranking.corpus.name} ({_show(entry)})") for ranking, entry in best)
    return _name_places(won, "needs the fewest bits per byte")


def _name_places(won: Iterable[tuple[str, str]], verb: str) -> Iterator[str]:
    """Yield each model with all of its places; the first one with the verb."""
    for number, (model, places) in enumerate(_gather(won).items()):
        yield f"{model} {f'{verb} ' * (number == 0)}on {_join(places)}"


def _gather(won: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return the places of each model, given pairs of a model and a place."""
    places: dict[str, list[str]] = {}
    for model, place in won:
        places.setdefault(model, []).append(place)
    return places


def _describe_untrained(results: RankedRun, rankings: Sequence[Ranking]) -> Iterator[str]:
    """Yield the best of the models without other text, if a pretrained one is the best of all."""
    won: list[tuple[str, str]] = []
    for ranking in rankings:
        if not _is_pretrained(results, ranking.entries[0]):
            continue
        first = next((entry for entry in ranking.entries if not _is_pretrained(results, entry)), None)
        if first:
            won.append((name_entry(first), f"{ranking.corpus.name} ({_show(first)})"))
    if won:
        found = _join(f"{model} on {_join(corpora)}" for model, corpora in _gather(won).items())
        yield f"Pretrained models know other text too. Of those trained on the corpus alone, the best are {found}."


def _describe_tasks(rankings: Sequence[TaskRanking]) -> Iterator[str]:
    """Yield the best model of each task that has one, and how many models are not shown to be better than guessing."""
    if not rankings:
        return
    sole = [ranking for ranking in rankings if _has_one_best(ranking)]
    others = [ranking for ranking in rankings if ranking not in sole]
    won = f"{_join(_name_task_winners(sole))}. There, every other model is worse by more than chance. " if sole else ""
    open_ones = f"No model is shown to be the best on {_name_tasks(others)}." if others else ""
    yield f"{won}{open_ones}".strip()
    places = [(ranking, entry) for ranking in rankings for entry in ranking.main.entries if entry.to_chance]
    guessing = [(ranking, entry) for ranking, entry in places if entry.to_chance != "above"]
    if guessing:
        named = _join(f"{name_entry(entry)} on {ranking.task.name}" for ranking, entry in guessing)
        names = f": {named}" if len(guessing) <= _MOST_NAMED else ""
        yield f"On tasks, {len(guessing):,} of {len(places):,} values are not shown to be better than guessing{names}."


def _has_one_best(ranking: TaskRanking) -> bool:
    """Return whether one model of several is better than each other one by more than chance."""
    best, *others = ranking.main.entries
    return best.rank is not None and bool(others) and not any(entry.is_best for entry in others)


def _name_task_winners(rankings: Sequence[TaskRanking]) -> Iterator[str]:
    """Yield which tasks a model is the best on, with its values there."""
    won = []
    for ranking in rankings:
        main, best = ranking.main, ranking.main.entries[0]
        value = f"{main.metric.name} {show_with_unit(best.value.value, main)}"
        won.append((name_entry(best), f"{ranking.task.name} ({value})"))
    return _name_places(won, "gives the best answers")


def _name_tasks(rankings: Sequence[TaskRanking]) -> str:
    """Return the names of tasks, or how many there are."""
    names = [ranking.task.name for ranking in rankings]
    return _join(names) if len(names) <= _MOST_NAMED else f"{len(names)} tasks"


def _describe_certainty(rankings: Sequence[Ranking]) -> Iterator[str]:
    """Yield how many pairs differ, are equal, or remain open."""
    pairs = [pair for ranking in rankings if not ranking.has_too_few_documents for pair in ranking.comparisons]
    if not pairs:
        return
    differ, equal = sum(pair.differs for pair in pairs), sum(pair.equal for pair in pairs)
    yield (
        f"Pairs of models on the same corpus: {differ:,} of {len(pairs):,} differ by more than chance (p < 0.05 after "
        f"Holm's correction), {equal:,} are equal within ±{rankings[0].margin:g} bits/byte, and "
        f"{len(pairs) - differ - equal:,} remain open."
    )


def _describe_trouble(results: RankedRun) -> Iterator[str]:
    """Yield the number of cells that have numbers, and of those in doubt."""
    cells, absent = results.all_cells, len(results.missing) + len(results.missing_tasks)
    count, failed = len(cells), sum(cell.status != "ok" for cell in cells)
    doubted = sum(bool(results.marks.doubt(cell)) for cell in cells if cell.status == "ok")
    missing = f", {absent:,} are missing" * bool(absent)
    yield (
        f"{count - failed:,} of {count:,} cells have numbers{missing}; "
        f"{doubted or 'none'} of them {'are' if doubted > 1 else 'is'} in doubt (‡)"
        f"{'; the notes below the tables say why' * bool(doubted)}."
    )


def _describe_groups(results: RankedRun) -> Iterator[str]:
    """Yield the model with the lowest ratio to the baseline on natural text, and on how many corpora it is better."""
    for group in results.groups:
        best = min(group.summaries, key=lambda summary: summary.average.value)
        if group.kind == "natural" and best.average.value < 1:
            average = best.average
            decimals = choose_decimals([Estimate(average.value, average.low, average.high)])
            interval = "" if average.low is None else f", 95 % CI {show_interval(average, decimals)}"
            yield (
                f"On {len(best.corpora)} natural corpora, {best.label} needs {show_fixed(average.value, decimals)} "
                f"times the bits of {group.baseline} (geometric mean{interval}), and "
                f"{_describe_shown(best.shown_better, len(best.corpora))}."
            )


def _describe_floors(rankings: Sequence[Ranking]) -> Iterator[str]:
    """Yield how far the best models are above the floor of synthetic sources."""
    found = [
        f"{show_with_error(best.excess)} on {ranking.corpus.name} ({name_entry(best)})"
        for ranking in rankings
        if (best := ranking.entries[0]).excess
    ]
    if found:
        yield f"Above the floor of their sources, the best models need {_join(found)} bits/byte."


def _describe_shown(better: int, corpora: int) -> str:
    """Return on how many corpora a model is better by more than chance, as the end of a sentence."""
    if not better:
        return "is not shown to be better on any of them"
    return f"is better by more than chance on {'all' if better == corpora else f'at least {better}'} of them"


def _list_best(ranking: Ranking) -> list[Entry]:
    return [entry for entry in ranking.entries if entry.is_best]


def _is_pretrained(results: RankedRun, entry: Entry) -> bool:
    return any(map(results.marks.is_pretrained, entry.cells))


def _show(entry: Entry) -> str:
    return show_fixed(entry.per_byte.value, choose_decimals([entry.per_byte]))


def _join(texts: Iterable[str]) -> str:
    """Return texts as a list in a sentence: "a, b and c"."""
    *others, last = texts
    return f"{', '.join(others)} and {last}" if others else last
