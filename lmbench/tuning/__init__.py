"""Tuning: options with the value ``auto``, which the validation split chooses from the values of the model's grid.

options.py lists the candidates, search.py tries them, and model.py is the model that does what the chosen one does.
"""

from lmbench.tuning.model import read_options
from lmbench.tuning.options import AUTO

__all__ = ["AUTO", "read_options"]
