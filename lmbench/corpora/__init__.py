"""Corpora by name: embedded, public, synthetic, or the user's own."""
