"""The findings of a run and their certainty, in at most six sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from lmbench.analysis.ranking import Entry, Ranking
from lmbench.analysis.task_ranking import TaskRanking
from lmbench.report.digits import choose_decimals, show_fixed, show_interval, show_with_error
from lmbench.report.ranked_run import RankedRun, name_entry
from lmbench.report.ranked_tables import find_rate
from lmbench.report.task_numbers import show_with_unit
from lmbench.statistics import Estimate

_MOST = 6
_MOST_NAMED = 4
_MOST_PLACES = 8


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
        *_describe_compressors(ranked),
    ]
    return sentences[:_MOST]


def _describe_winners(rankings: Sequence[Ranking]) -> Iterator[str]:
    """Yield which models are the best ones, and whether that is certain."""
    claimed = [ranking for ranking in rankings if ranking.entries[0].rank is not None and len(ranking.entries) > 1]
    sole = [ranking for ranking in claimed if len(_list_best(ranking)) == 1]
    if sole:
        yield f"{_join(_name_winners(sole))}. There, every other model needs more by more than chance."
    if shared := [ranking for ranking in claimed if ranking not in sole]:
        yield _describe_ties(shared)
    rest = [ranking for ranking in rankings if ranking not in claimed]
    if few := [ranking for ranking in rest if len(ranking.entries) > 1]:
        yield f"{_join(_name_winners(few))}, but no ranking is claimed: there are too few documents."
    if alone := [ranking for ranking in rest if len(ranking.entries) == 1]:
        found = ((name_entry(entry), f"{name} ({_show_with_interval(entry)})") for name, entry in _list_firsts(alone))
        yield f"Only one model has numbers, so that nothing is compared: {_join(_name_places(found))}."


def _describe_ties(rankings: Sequence[Ranking]) -> str:
    """Return which models share the first place."""
    if len(rankings) > _MOST_PLACES:
        return f"On {len(rankings):,} corpora, no model is better than every other one by more than chance."
    ties = (f"{ranking.corpus.name} ({_join(map(name_entry, _list_best(ranking)))})" for ranking in rankings)
    return (
        f"On {_join(ties)}, the model named first needs the fewest bits, and the others do not differ from it by more "
        "than chance."
    )


def _name_winners(rankings: Sequence[Ranking]) -> Iterator[str]:
    """Yield which corpora a model is the best on, with its bits per byte there."""
    won = ((name_entry(entry), f"{name} ({_show(entry)})") for name, entry in _list_firsts(rankings))
    return _name_places(won, "needs the fewest bits per byte ")


def _list_firsts(rankings: Iterable[Ranking]) -> Iterator[tuple[str, Entry]]:
    """Yield the name of each corpus, and its model with the fewest bits."""
    for ranking in rankings:
        yield ranking.corpus.name, ranking.entries[0]


def _name_places(won: Iterable[tuple[str, str]], verb: str = "", noun: str = "corpora") -> Iterator[str]:
    """Yield each model with all of its places, or their number if they are many; the first one with the verb."""
    for number, (model, places) in enumerate(_gather(won).items()):
        named = _join(places) if len(places) <= _MOST_PLACES else f"{len(places):,} {noun}"
        yield f"{model} {verb * (number == 0)}on {named}"


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
        trained = [place for place, entry in enumerate(ranking.entries) if not _is_pretrained(results, entry)]
        if trained and trained[0] > 0:
            first = ranking.entries[trained[0]]
            won.append((name_entry(first), f"{ranking.corpus.name} ({_show(first)}{_name_equals(ranking, trained)})"))
    if won:
        found = _join(_name_places(won, "needs the fewest bits per byte "))
        yield f"Pretrained models know other text too. Of those trained on the corpus alone, {found}."


def _name_equals(ranking: Ranking, places: Sequence[int]) -> str:
    """Return which of some entries are not shown to differ from the first of them, to be put after its bits."""
    first, *others = places
    if ranking.entries[first].rank is None:
        return ""
    same = {pair.second for pair in ranking.comparisons if pair.first == first and not pair.differs}
    names = [name_entry(ranking.entries[place]) for place in others if place in same]
    found = _join(names) if 0 < len(names) <= _MOST_NAMED else f"{len(names)} others"
    return f"; not shown to differ from {found}" if names else ""


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
    return _name_places(won, "gives the best answers ", "tasks")


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
    rest = len(pairs) - differ - equal
    yield (
        f"Pairs of models on the same corpus: {differ:,} of {len(pairs):,} differ{'s' * (differ == 1)} by more than "
        f"chance (p < 0.05 after Holm's correction), {equal:,} {'is' if equal == 1 else 'are'} equal within "
        f"±{rankings[0].margin:g} bits/byte, and {rest:,} remain{'s' * (rest == 1)} open."
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
        (show_with_error(entry.excess), f"on {name} ({name_entry(entry)})")
        for name, entry in _list_firsts(rankings)
        if entry.excess
    ]
    if found:
        (excess, place), *others = found
        rest = [f"{excess} bits/byte above the floor {place}", *map(" ".join, others)]
        yield f"The best model{'s need' if others else ' needs'} {_join(rest)}."


def _describe_compressors(rankings: Sequence[Ranking]) -> Iterator[str]:
    """Yield the compressor with the fewest bits on each corpus."""
    corpora = [ranking.corpus for ranking in rankings if ranking.corpus.anchors]
    best = [(corpus, min(corpus.anchors, key=lambda anchor: anchor.bits)) for corpus in corpora]
    won = [(anchor.name, f"{corpus.name} ({find_rate(anchor, corpus):.2f})") for corpus, anchor in best]
    if won:
        yield f"Of the compressors, {_join(_name_places(won, 'needs the fewest bits per byte '))}."


def _describe_shown(better: int, corpora: int) -> str:
    """Return on how many corpora a model is better by more than chance, as the end of a sentence."""
    if not better:
        return "is not shown to be better on any one of them"
    return f"is better by more than chance on {'all' if better == corpora else f'at least {better}'} of them"


def _list_best(ranking: Ranking) -> list[Entry]:
    return [entry for entry in ranking.entries if entry.is_best]


def _is_pretrained(results: RankedRun, entry: Entry) -> bool:
    return any(map(results.marks.is_pretrained, entry.cells))


def _show(entry: Entry) -> str:
    return show_fixed(entry.per_byte.value, choose_decimals([entry.per_byte]))


def _show_with_interval(entry: Entry) -> str:
    estimate = entry.per_byte
    interval = show_interval(estimate, choose_decimals([estimate]))
    return f"{_show(entry)}, 95 % CI {interval}" if estimate.low is not None else _show(entry)


def _join(texts: Iterable[str]) -> str:
    """Return texts as a list in a sentence: "a, b and c"."""
    *others, last = texts
    return f"{', '.join(others)} and {last}" if others else last
