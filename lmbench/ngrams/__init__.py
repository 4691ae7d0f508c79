"""N-gram algorithms without models: counting, estimating, looking up, and ARPA files."""
