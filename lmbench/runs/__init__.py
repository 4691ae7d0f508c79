"""Running models on corpora, and keeping what came out."""
