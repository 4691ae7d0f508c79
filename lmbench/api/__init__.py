"""The functions for programs and notebooks: `run` evaluates models on corpora and returns `Results`."""
