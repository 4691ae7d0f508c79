"""From text to events: tokenizers, vocabularies, and the price of unknown words."""
