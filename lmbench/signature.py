"""Signatures: one line that lists everything a number depends on."""

from __future__ import annotations

from dataclasses import dataclass

from lmbench.errors import PluginError, kind_of


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


def plain_signature(returned: object) -> Signature:
    """Return what `LanguageModel.signature` returned as pairs of plain texts.

    Raises:
        PluginError: It is anything else.
    """
    if not isinstance(returned, Signature):
        raise PluginError(f"signature returned {kind_of(returned)}; it must return a Signature")
    parts: object = returned.parts
    if not isinstance(parts, tuple):
        raise PluginError(f"the parts of the signature are {kind_of(parts)}; they must be a tuple")
    return Signature(tuple(map(_plain_part, parts)))


def _plain_part(part: object) -> tuple[str, str]:
    if isinstance(part, tuple) and [type(entry) for entry in part] == [str, str]:
        name, value = part
        return name, value
    raise PluginError(f"a part of the signature is {kind_of(part)}; it must be a name and a value, both of type str")
