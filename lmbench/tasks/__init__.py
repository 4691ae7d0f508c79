"""Tasks: items that models answer, such as minimal pairs, multiple choice and translation."""
