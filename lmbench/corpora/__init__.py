"""Corpora by name: embedded, public, synthetic, and what users bring."""
