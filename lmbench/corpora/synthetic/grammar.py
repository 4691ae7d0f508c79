"""The source ``grammar``: agreement across nested relative clauses, matching brackets, coordination."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from lmbench.arrays import Floats, Ints
from lmbench.corpora.synthetic.base import (
    LINE_END,
    Lines,
    SampledSource,
    SourceOptions,
    SymbolSampler,
    make_words,
)
from lmbench.corpora.synthetic.distributions import cumulative, draw_categorical, entropies, natural_logs

Nouns = Annotated[int, Field(ge=1, le=5000, description="number of nouns, each in the singular and the plural")]
"""The type of the option of sources with grammatical number."""

_LARGEST_RADIUS = 0.95
_CLOSINGS = {"line": LINE_END, "round": ")", "square": "]"}
_OPENINGS = {"round": "(", "square": "["}
_ENDINGS = {  # of a stem, by number; as in English, the plural noun and the singular verb end in s
    "noun": {"singular": "no", "plural": "nos"},
    "intransitive": {"singular": "res", "plural": "re"},
    "transitive": {"singular": "tas", "plural": "ta"},
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One way to expand a nonterminal: into a terminal, followed by nonterminals.

    Attributes:
        probability: P(rule | nonterminal).
        terminal: A word, or the line end.
        then: The nonterminals.
    """

    probability: float
    terminal: str
    then: tuple[str, ...] = ()


Rules = Mapping[str, Sequence[Rule]]
"""The rules of each nonterminal."""


class GrammarOptions(SourceOptions):
    """Options of the source grammar."""

    lines: Lines = 3000
    nouns: Nouns = 20
    verbs: int = Field(10, ge=1, le=5000, description="number of intransitive verbs, and of transitive ones")
    relative: float = Field(0.4, ge=0, le=1, description="probability that a relative clause follows a subject")
    brackets: float = Field(0.2, ge=0, le=1, description="probability that a clause is a sentence in brackets")
    coordination: float = Field(0.15, ge=0, le=1, description="probability that 'and' and a clause follow a clause")

    @model_validator(mode="after")
    def _check_that_lines_end(self) -> Self:
        radius = GrammarSource("line", self._rules(nouns=1, verbs=1)).radius
        if radius > _LARGEST_RADIUS:
            options = f"relative={self.relative:g}, brackets={self.brackets:g} and coordination={self.coordination:g}"
            raise ValueError(
                f"{options} nest so deeply that lines may never end "
                f"(spectral radius {radius:.2f}, at most {_LARGEST_RADIUS:g}); reduce them"
            )
        return self

    def source(self) -> GrammarSource:
        """Return the grammar with these options; nothing about it is random, and its words follow Zipf's law."""
        return GrammarSource("line", self._rules(self.nouns, self.verbs))

    def _rules(self, nouns: int, verbs: int) -> Rules:
        return _clauses(self.brackets, self.coordination) | _subjects(self.relative, nouns, verbs)


@dataclass(frozen=True)
class GrammarSource(SampledSource):
    """A probabilistic grammar in Greibach normal form.

    A nonterminal and a terminal determine the rule. Every line therefore has one derivation, and the next symbol
    depends only on the first open nonterminal: the top of a stack.

    Attributes:
        start: The nonterminal of a line.
        rules: The rules of each nonterminal.
    """

    start: str
    rules: Rules

    @property
    def description(self) -> str:
        return f"a grammar over {len(self.words)} words: agreement across relative clauses, matching brackets"

    @cached_property
    def words(self) -> tuple[str, ...]:  # type: ignore[override]  # read-only, as in the other sources
        """All terminals except the line end, in the order of the rules."""
        terminals = dict.fromkeys(rule.terminal for rules in self.rules.values() for rule in rules)
        return tuple(terminal for terminal in terminals if terminal != LINE_END)

    def make_sampler(self, lines: int, rng: np.random.Generator) -> SymbolSampler:
        stacks = np.zeros((lines, 16), dtype=np.int64)  # the start symbol is nonterminal 0
        heights = np.ones(lines, dtype=np.int64)
        distributions, pushed, push_counts = cumulative(self.probabilities), self._pushed, self._push_counts

        def sample(unfinished: Ints) -> Ints:
            nonlocal stacks
            if heights[unfinished].max() + pushed.shape[2] > stacks.shape[1]:
                stacks = np.hstack([stacks, np.zeros_like(stacks)])
            heights[unfinished] -= 1
            tops = stacks[unfinished, heights[unfinished]]
            drawn = draw_categorical(distributions, tops, rng)
            for place in range(pushed.shape[2]):  # entries above the height are never read
                stacks[unfinished, heights[unfinished] + place] = pushed[tops, drawn, place]
            heights[unfinished] += push_counts[tops, drawn]
            return drawn

        return sample

    def logprobs(self, symbols: Ints) -> Floats:
        probabilities = np.zeros(len(symbols))
        stack = [0]
        for place, symbol in enumerate(symbols.tolist()):
            if stack:
                probabilities[place] = self._advance(stack, symbol)
            if symbol == self.end:
                stack = [0]
        return natural_logs(probabilities)

    @property
    def mean_events(self) -> float:
        return float(self.visits.sum())

    def entropy_rate(self) -> float:
        """Return Σ v(A) H(A) over the expected bytes, if v(A) are the expected numbers of a nonterminal in a line."""
        visits = self.visits
        return float(visits @ entropies(self.probabilities) / (visits @ (self.probabilities @ self.sizes)))

    @cached_property
    def visits(self) -> Floats:
        """(nonterminals,) expected numbers in a line: v = start + v M, with M the expected offspring of each."""
        start = np.eye(len(self._numbers))[0]
        return np.linalg.solve(np.eye(len(start)) - self._offspring.T, start)

    @property
    def radius(self) -> float:
        """Spectral radius of the expected offspring. If it is below 1, lines end and have a finite expected length."""
        return float(np.abs(np.linalg.eigvals(self._offspring)).max())

    def _advance(self, stack: list[int], symbol: int) -> float:
        """Return P(symbol | stack), and update the stack in place; an impossible symbol empties it."""
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
        """The rule of each nonterminal and symbol: its probability, and its nonterminals in reverse order."""
        symbols = {terminal: symbol for symbol, terminal in enumerate([*self.words, LINE_END])}
        return [
            {
                symbols[rule.terminal]: (rule.probability, tuple(self._numbers[name] for name in reversed(rule.then)))
                for rule in self.rules[name]
            }
            for name in self._numbers
        ]

    @cached_property
    def probabilities(self) -> Floats:
        """(nonterminals, symbols) P(symbol | nonterminal)."""
        probabilities = np.zeros((len(self._numbers), self.end + 1))
        for nonterminal, moves in enumerate(self._moves):
            for symbol, (probability, _) in moves.items():
                probabilities[nonterminal, symbol] = probability
        return probabilities

    @cached_property
    def _pushed(self) -> Ints:
        """(nonterminals, symbols, most) nonterminals that the rule pushes, the lowest first, padded with 0."""
        most = max(len(rule.then) for rules in self.rules.values() for rule in rules)
        pushed = np.zeros((*self.probabilities.shape, most), dtype=np.int64)
        for nonterminal, moves in enumerate(self._moves):
            for symbol, (_, then) in moves.items():
                pushed[nonterminal, symbol, : len(then)] = then
        return pushed

    @cached_property
    def _push_counts(self) -> Ints:
        """(nonterminals, symbols) number of nonterminals that the rule pushes."""
        counts = np.zeros(self.probabilities.shape, dtype=np.int64)
        for nonterminal, moves in enumerate(self._moves):
            for symbol, (_, then) in moves.items():
                counts[nonterminal, symbol] = len(then)
        return counts

    @cached_property
    def _offspring(self) -> Floats:
        """(nonterminals, nonterminals) expected number of the second in a rule of the first."""
        offspring = np.zeros((len(self._numbers), len(self._numbers)))
        for nonterminal, moves in enumerate(self._moves):
            for probability, then in moves.values():
                for child in then:
                    offspring[nonterminal, child] += probability
        return offspring


def _clauses(brackets: float, coordination: float) -> dict[str, Sequence[Rule]]:
    """Return the rules of a line, of clauses in brackets, and of the ends of both."""
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
    """Return the rules of subjects and of the predicates that agree with them.

    A relative clause is about its subject ("that sleeps", "that sees the cat"), or it has a subject of its own ("that
    the cat sees", "that the cat that sleeps sees"), whose verb precedes the outer one.
    """
    rules: dict[str, Sequence[Rule]] = {
        "object": [Rule(1.0, "the", ("any noun",))],
        "subject": [],
        "inner subject": [],
        "any noun": [],
    }
    for number in ("singular", "plural"):
        noun, intransitive, transitive = (
            _zipf([stem + _ENDINGS[kind][number] for stem in make_words(many)])
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
    """Return rules of these terminals, with probabilities proportional to 1, 1/2, 1/3, …"""
    weights = 1 / np.arange(1, len(terminals) + 1)
    return [Rule(float(p), terminal) for p, terminal in zip(weights / weights.sum(), terminals, strict=True)]


def _share(share: float, rules: Sequence[Rule], *then: str) -> list[Rule]:
    """Return the rules with this share of their probabilities, and with these nonterminals appended."""
    return [Rule(share * rule.probability, rule.terminal, (*rule.then, *then)) for rule in rules]
