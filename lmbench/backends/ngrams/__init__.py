"""N-gram models: estimated here, computed by NLTK, or read from files."""
