"""Power: how large a difference has to be so that a text shows it, and how much text a difference needs."""

from __future__ import annotations

REACH = 2.80
"""How many standard errors a difference needs, so that a two-sided test of level 5 % finds it with a probability of
80 %: 1.96 + 0.84 (Card et al., "With little power comes great responsibility", 2020; Miller, "Adding error bars to
evals: a statistical approach to language model evaluations", 2024)."""


def find_detectable(error: float) -> float:
    """Return the smallest true difference that a test finds with a probability of 80 %, given the standard error."""
    return REACH * error


def find_bytes_needed(size: float, error: float, difference: float) -> float:
    """Return how many bytes of such text show a difference with a probability of 80 %.

    Args:
        size: Bytes of the text.
        error: The standard error on it.
        difference: The difference, above 0.
    """
    return size * (find_detectable(error) / difference) ** 2
