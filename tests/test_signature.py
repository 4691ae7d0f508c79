from lmbench import Signature


def test_a_signature_prints_like_sacrebleus():
    assert str(Signature.of(order=3, tok="words") + Signature.of(seed=0)) == "order:3|tok:words|seed:0"


def test_signatures_with_the_same_parts_are_equal():
    assert Signature.of(order=3) == Signature((("order", "3"),))
    assert Signature.of(a=1, b=2) != Signature.of(b=2, a=1)
