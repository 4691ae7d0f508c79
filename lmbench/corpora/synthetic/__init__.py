"""Texts whose entropy is known exactly."""
