"""Transformers trained here, and pretrained models."""
