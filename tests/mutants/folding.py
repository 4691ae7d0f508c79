"""Mutants that do not tell different texts apart: case, digits, white space, accents, Chinese characters."""

import numpy as np

from tests.mutants.base import Bigram


class FreeSpaces(Bigram):
    """white space costs nothing"""

    caught_by = "chain-rule"

    def costs(self, document):
        return np.where(np.isin(list(document.encode()), (9, 32)), 0.0, super().costs(document))


class FreeCase(Bigram):
    """text is lower-cased before scoring"""

    caught_by = "chain-rule"

    def costs(self, document):
        return super().costs("".join(c.lower() if c.isascii() else c for c in document))


class FreeInsides(Bigram):
    """the later bytes of a character cost nothing"""

    caught_by = "unknown-words"

    def costs(self, document):
        return np.where([128 <= byte < 192 for byte in document.encode()], 0.0, super().costs(document))
