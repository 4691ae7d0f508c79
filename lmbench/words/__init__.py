"""Surprisal by word: words as byte offsets, and sums of a model's events over them."""
