"""Transformers that are trained from scratch."""
