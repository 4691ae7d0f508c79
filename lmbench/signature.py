"""Signatures: one line that says everything a number depends on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Signature:
    """Everything that a number depends on, as ordered (name, value) pairs; printed as ``name:value|name:value``.

    The form is that of sacreBLEU's signatures (Post 2018).
    """

    parts: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, **parts: object) -> Signature:
        """Return a signature with these parts, in this order."""
        return cls(tuple((name, str(value)) for name, value in parts.items()))

    def __add__(self, other: Signature) -> Signature:
        return Signature(self.parts + other.parts)

    def __str__(self) -> str:
        return "|".join(f"{name}:{value}" for name, value in self.parts)
