"""Text that a terminal or a page shows as it is."""


def printable(text: str) -> str:
    """`text` in one line, what cannot be printed escaped as in Python's literals."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)
