"""Run models on corpora and store the results."""
