"""The probabilities of a hidden Markov model, and the expected counts from which they are estimated.

Shapes: V symbols, K states.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lmbench.arrays import Floats


@dataclass(frozen=True, slots=True)
class Parameters:
    """The probabilities that define a hidden Markov model.

    Attributes:
        start: (K,) P(state of a line's first event).
        transitions: (K, K) P(next state | state); rows sum to 1.
        emissions: (V, K) P(symbol | state); columns sum to 1.
    """

    start: Floats
    transitions: Floats
    emissions: Floats

    @property
    def states(self) -> int:
        """The number of states."""
        return len(self.start)

    @property
    def size(self) -> int:
        """The number of probabilities."""
        return self.start.size + self.transitions.size + self.emissions.size

    def log_prior(self, pseudo_count: float) -> float:
        """Return the logarithm of the Dirichlet prior's density, in nats and up to a constant.

        It is pseudo_count * sum(log p) over all probabilities p. An EM iteration never lowers the sum of this and the
        log-likelihood of the training lines (Dempster, Laird and Rubin 1977).
        """
        return pseudo_count * sum(float(np.log(part).sum()) for part in (self.start, self.transitions, self.emissions))

    def mix_emissions(self, unigrams: Floats, share: float) -> Parameters:
        """Return these parameters with emissions interpolated with `unigrams` (V,), which get the weight `share`."""
        return replace(self, emissions=(1 - share) * self.emissions + share * unigrams[:, None])


@dataclass(frozen=True, slots=True)
class ExpectedCounts:
    """How often each start, transition and emission is expected in the training lines.

    Attributes:
        start: (K,) lines that begin in the state.
        transitions: (K, K) moves from a state (row) to a state (column).
        emissions: (V, K) events of the symbol in the state.
        log_likelihood: Nats of the lines under the parameters that gave the counts; NaN if there are none.
    """

    start: Floats
    transitions: Floats
    emissions: Floats
    log_likelihood: float = float("nan")

    def parameters(self, pseudo_count: float) -> Parameters:
        """Return the most probable parameters under a Dirichlet prior that adds `pseudo_count` to each count."""
        start, transitions = self.start + pseudo_count, self.transitions + pseudo_count
        emissions = self.emissions + pseudo_count
        return Parameters(
            start / start.sum(),
            transitions / transitions.sum(axis=1, keepdims=True),
            emissions / emissions.sum(axis=0),
        )
