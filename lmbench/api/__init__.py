"""What a program or a notebook calls: `run` evaluates models on corpora and returns `Results`."""
