"""Tokenizers, vocabularies and the cost of unknown words."""
