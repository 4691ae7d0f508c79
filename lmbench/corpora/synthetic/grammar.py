"""The source ``grammar``: agreement across nested relative clauses, brackets that match, coordination."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from pydantic import Field, model_validator

from lmbench.corpora.synthetic.base import (
    LINE_END,
    Floats,
    Ints,
    Source,
    SourceOptions,
    Step,
    categorical,
    cumulated,
    entropies,
    logs_of,
    words,
)

_LARGEST_RADIUS = 0.95
_CLOSINGS = {"line": LINE_END, "round": ")", "square": "]"}
_OPENINGS = {"round": "(", "square": "["}
_ENDINGS = {  # of a stem, by number: English has them the same way round
    "noun": {"singular": "no", "plural": "nos"},
    "intransitive": {"singular": "res", "plural": "re"},
    "transitive": {"singular": "tas", "plural": "ta"},
}


@dataclass(frozen=True, slots=True)
class Rule:
    """A nonterminal may become this terminal, followed by these nonterminals."""

    probability: float
    terminal: str
    then: tuple[str, ...] = ()


Rules = Mapping[str, Sequence[Rule]]


class GrammarOptions(SourceOptions):
    """Options of the source grammar."""

    lines: int = Field(3000, ge=1, le=10_000_000, description="lines of the training split")
    nouns: int = Field(20, ge=1, le=5000, description="number of nouns, each singular and plural")
    verbs: int = Field(10, ge=1, le=5000, description="number of verbs without an object, and of verbs with one")
    relative: float = Field(0.4, ge=0, le=1, description="probability that a relative clause follows a subject")
    brackets: float = Field(0.2, ge=0, le=1, description="probability that a clause is a sentence in brackets")
    coordination: float = Field(0.15, ge=0, le=1, description="probability that 'and' and a clause follow a clause")

    @model_validator(mode="after")
    def _lines_end(self) -> Self:
        radius = GrammarSource("line", self._rules(nouns=1, verbs=1)).radius
        if radius > _LARGEST_RADIUS:
            options = f"relative={self.relative:g}, brackets={self.brackets:g} and coordination={self.coordination:g}"
            raise ValueError(
                f"{options} nest so deep that lines need not end "
                f"(spectral radius {radius:.2f}, at most {_LARGEST_RADIUS:g}); lower them"
            )
        return self

    def source(self) -> GrammarSource:
        """The grammar with these options; its words' probabilities fall as Zipf's do, and none is drawn."""
        return GrammarSource("line", self._rules(self.nouns, self.verbs))

    def _rules(self, nouns: int, verbs: int) -> Rules:
        return _clauses(self.brackets, self.coordination) | _subjects(self.relative, nouns, verbs)


@dataclass(frozen=True)
class GrammarSource(Source):
    """A probabilistic grammar in Greibach normal form, where a nonterminal and a terminal determine the rule.

    Every line so has one derivation, and what comes next depends on the first nonterminal that is still open: the
    top of a stack.
    """

    start: str
    rules: Rules

    @property
    def description(self) -> str:
        return f"a grammar over {len(self.words)} words: agreement across relative clauses, brackets that match"

    @cached_property
    def words(self) -> tuple[str, ...]:  # type: ignore[override]  # the others are given theirs, and it is frozen too
        """All terminals but the line end, in the order of the rules."""
        terminals = dict.fromkeys(rule.terminal for rules in self.rules.values() for rule in rules)
        return tuple(terminal for terminal in terminals if terminal != LINE_END)

    def walk(self, lines: int, rng: np.random.Generator) -> Step:
        stacks = np.zeros((lines, 16), dtype=np.int64)  # the start symbol is nonterminal 0
        heights = np.ones(lines, dtype=np.int64)
        cumulative, pushed, pushes = cumulated(self._probabilities), self._pushed, self._pushes

        def step(going: Ints) -> Ints:
            nonlocal stacks
            if heights[going].max() + pushed.shape[2] > stacks.shape[1]:
                stacks = np.hstack([stacks, np.zeros_like(stacks)])
            heights[going] -= 1
            tops = stacks[going, heights[going]]
            drawn = categorical(cumulative, tops, rng)
            for place in range(pushed.shape[2]):  # what stands above the height is not read
                stacks[going, heights[going] + place] = pushed[tops, drawn, place]
            heights[going] += pushes[tops, drawn]
            return drawn

        return step

    def logprobs(self, symbols: Ints) -> Floats:
        probabilities = np.zeros(len(symbols))
        stack = [0]
        for place, symbol in enumerate(symbols.tolist()):
            if stack:
                probabilities[place] = self._follow(stack, symbol)
            if symbol == self.end:
                stack = [0]
        return logs_of(probabilities)

    def next_probabilities(self, beginning: Ints) -> Floats:
        stack = [0]
        for symbol in beginning.tolist():
            self._follow(stack, symbol)
        row: Floats = self._probabilities[stack[-1]]
        return row

    @property
    def mean_events(self) -> float:
        return float(self._visits.sum())

    def entropy_rate(self) -> float:
        visits = self._visits
        return float(visits @ entropies(self._probabilities) / (visits @ (self._probabilities @ self.sizes)))

    @cached_property
    def _visits(self) -> Floats:
        """The nonterminals' expected numbers in a line, v = start + v M, where M counts what each one leads to."""
        start = np.eye(len(self._numbers))[0]
        return np.linalg.solve(np.eye(len(start)) - self._offspring.T, start)

    @property
    def radius(self) -> float:
        """Spectral radius of the expected offspring; below 1 all lines end, and their expected length is finite."""
        return float(np.abs(np.linalg.eigvals(self._offspring)).max())

    def _follow(self, stack: list[int], symbol: int) -> float:
        """P(symbol | stack); the stack becomes what is open after it, and empty where the symbol cannot stand."""
        moves = self._moves[stack.pop()]
        probability, then = moves.get(symbol, (0.0, ()))
        if probability == 0:
            stack.clear()
        stack += then
        return probability

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(dict.fromkeys([self.start, *self.rules]))}

    @cached_property
    def _moves(self) -> list[dict[int, tuple[float, tuple[int, ...]]]]:
        """For each nonterminal and symbol the rule's probability, and its nonterminals, the last one first."""
        symbols = {terminal: symbol for symbol, terminal in enumerate([*self.words, LINE_END])}
        return [
            {
                symbols[rule.terminal]: (rule.probability, tuple(self._numbers[name] for name in reversed(rule.then)))
                for rule in self.rules[name]
            }
            for name in self._numbers
        ]

    @cached_property
    def _probabilities(self) -> Floats:
        """(nonterminals, symbols): P(symbol | nonterminal)."""
        probabilities = np.zeros((len(self._numbers), self.end + 1))
        for nonterminal, moves in enumerate(self._moves):
            for symbol, (probability, _) in moves.items():
                probabilities[nonterminal, symbol] = probability
        return probabilities

    @cached_property
    def _pushed(self) -> Ints:
        """(nonterminals, symbols, most): what the rule pushes, the bottom first, and 0 where it pushes less."""
        most = max(len(rule.then) for rules in self.rules.values() for rule in rules)
        pushed = np.zeros((*self._probabilities.shape, most), dtype=np.int64)
        for nonterminal, moves in enumerate(self._moves):
            for symbol, (_, then) in moves.items():
                pushed[nonterminal, symbol, : len(then)] = then
        return pushed

    @cached_property
    def _pushes(self) -> Ints:
        """(nonterminals, symbols): how many nonterminals the rule pushes."""
        pushes = np.zeros(self._probabilities.shape, dtype=np.int64)
        for nonterminal, moves in enumerate(self._moves):
            for symbol, (_, then) in moves.items():
                pushes[nonterminal, symbol] = len(then)
        return pushes

    @cached_property
    def _offspring(self) -> Floats:
        """(nonterminals, nonterminals): expected number of the second in the rule of the first."""
        offspring = np.zeros((len(self._numbers), len(self._numbers)))
        for nonterminal, moves in enumerate(self._moves):
            for probability, then in moves.values():
                np.add.at(offspring[nonterminal], list(then), probability)
        return offspring


def _clauses(brackets: float, coordination: float) -> dict[str, Sequence[Rule]]:
    """A line and the sentences in brackets within it: what closes one stands open while it is made."""
    clause = [Rule(1 - brackets, "the", ("subject",))]
    clause += [Rule(brackets / 2, opening, ("clause", f"end of {kind}")) for kind, opening in _OPENINGS.items()]
    ends = {
        f"end of {kind}": (
            Rule(1 - coordination, closing),
            Rule(coordination, "and", ("clause", f"end of {kind}")),
        )
        for kind, closing in _CLOSINGS.items()
    }
    line = [Rule(rule.probability, rule.terminal, (*rule.then, "end of line")) for rule in clause]
    return {"line": line, "clause": clause, **ends}


def _subjects(relative: float, nouns: int, verbs: int) -> dict[str, Sequence[Rule]]:
    """Subjects and all that agrees with them.

    A relative clause is about its subject ("that sleeps", "that sees the cat") or has one of its own ("that the cat
    sees", "that the cat that sleeps sees"), whose verb comes before the outer one's.
    """
    rules: dict[str, Sequence[Rule]] = {
        "object": [Rule(1.0, "the", ("any noun",))],
        "subject": [],
        "inner subject": [],
        "any noun": [],
    }
    for number in ("singular", "plural"):
        noun, intransitive, transitive = (
            _zipf([stem + _ENDINGS[kind][number] for stem in words(many)])
            for kind, many in (("noun", nouns), ("intransitive", verbs), ("transitive", verbs))
        )
        verb = [*_share(0.5, intransitive), *_share(0.5, transitive, "object")]
        rules["subject"] = [*rules["subject"], *_share(0.5, noun, f"predicate {number}")]
        rules["inner subject"] = [*rules["inner subject"], *_share(0.5, noun, f"inner predicate {number}")]
        rules["any noun"] = [*rules["any noun"], *_share(0.5, noun)]
        rules[f"verb {number}"] = verb
        rules[f"inner verb {number}"] = transitive
        rules[f"relative {number}"] = [Rule(0.5, "the", ("inner subject",)), *_share(0.5, verb)]
        for inner in ("", "inner "):
            that = Rule(relative, "that", (f"relative {number}", f"{inner}verb {number}"))
            rules[f"{inner}predicate {number}"] = [that, *_share(1 - relative, rules[f"{inner}verb {number}"])]
    return rules


def _zipf(terminals: Sequence[str]) -> list[Rule]:
    """Terminals with probabilities proportional to 1, 1/2, 1/3, …"""
    weights = 1 / np.arange(1, len(terminals) + 1)
    return [Rule(float(p), terminal) for p, terminal in zip(weights / weights.sum(), terminals, strict=True)]


def _share(share: float, rules: Sequence[Rule], *then: str) -> list[Rule]:
    """Rules with this share of their probability, followed by these nonterminals too."""
    return [Rule(share * rule.probability, rule.terminal, (*rule.then, *then)) for rule in rules]
