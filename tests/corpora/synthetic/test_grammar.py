import math
from collections import defaultdict

import numpy as np
import pytest

from lmbench.corpora.synthetic.grammar import GrammarOptions, GrammarSource, Rule

VERBS = {"res": "singular", "tas": "singular", "re": "plural", "ta": "plural"}
NOUNS = {"no": "singular", "nos": "plural"}


def derivations(source, longest):
    """All lines of up to `longest` words and line ends, each with the probabilities of its derivations."""
    found = defaultdict(list)

    def derive(terminals, open_, probability):
        if not open_:
            found[" ".join(terminals[:-1]) + "\n"].append(probability)
        elif len(terminals) + len(open_) <= longest:
            for rule in source.rules[open_[0]]:
                if rule.probability:
                    derive([*terminals, rule.terminal], [*rule.then, *open_[1:]], probability * rule.probability)

    derive([], [source.start], 1.0)
    return found


@pytest.fixture(scope="module")
def source():
    return GrammarOptions(nouns=1, verbs=1).source()


@pytest.fixture(scope="module")
def lines(source):
    return derivations(source, 13)


def test_every_line_has_one_derivation_and_its_probability(source, lines):
    assert len(lines) > 500
    assert {len(probabilities) for probabilities in lines.values()} == {1}
    costs = source.costs(source.symbols("".join(lines)))
    assert np.exp(-costs).tolist() == pytest.approx([probability for [probability] in lines.values()])


def test_the_mass_of_all_short_lines_matches_generating_functions(source, lines):
    """f(z) of each nonterminal: the sum over its rules of p z times the f(z) of what follows, up to z^13."""
    functions = {name: np.zeros(14) for name in source.rules}
    for _ in range(14):
        functions = {name: sum(term(rule, functions) for rule in rules) for name, rules in source.rules.items()}
    mass = functions["line"].sum()
    assert 0.5 < mass < 1
    assert sum(probability for [probability] in lines.values()) == pytest.approx(mass)


def term(rule, functions):
    polynomial = np.eye(14)[1] * rule.probability
    for name in rule.then:
        polynomial = np.convolve(polynomial, functions[name])[:14]
    return polynomial


def test_the_entropy_rate_of_the_smallest_grammar():
    """ "the bano(s) bare(s)", or "bata(s) the bano(s)": number, verb, and in half of the lines the object's number.

    Bytes: 4 for "the ", and 5.5 on average for a noun or a verb and the space or line end after it.
    """
    smallest = GrammarOptions(nouns=1, verbs=1, relative=0, brackets=0, coordination=0).source()
    assert smallest.entropy_rate() == pytest.approx((1 + 1 + 0.5) / (4 + 5.5 + 5.5 + 0.5 * (4 + 5.5)))


def test_the_entropy_rate_of_matched_brackets():
    """Brackets of depth n have probability 2^-n: 2 bits on average, and 2n words of 2 bytes, 4 words on average."""
    rules = {"line": [Rule(1.0, "(", ("in", "end"))], "in": [Rule(0.5, "(", ("in", "in")), Rule(0.5, ")")]}
    critical = GrammarSource("line", rules | {"end": [Rule(1.0, "\n")]})
    assert critical.radius == pytest.approx(1)  # each nonterminal leads to one: the mean length of lines is infinite
    rules["in"] = [Rule(0.5, "(", ("in", "close")), Rule(0.5, ")")]
    rules["close"] = [Rule(1.0, ")")]
    source = GrammarSource("line", rules | {"end": [Rule(1.0, "\n")]})
    assert source.radius == pytest.approx(0.5)
    assert source.entropy_rate() == pytest.approx(2 / (4 * 2))
    assert source.score("( ( ) )\n").logprobs.sum() == pytest.approx(math.log(0.25))
    assert source.score("( ( )\n").logprobs.sum() == -math.inf


def test_after_a_word_that_cannot_stand_nothing_can(source):
    assert np.isneginf(source.score("the the bano bares\nthe bano bares\n").logprobs).tolist() == [
        *(False, True, True, True, True),
        *(False, False, False, False),
    ]


def disagreement(line):
    """Why a line is wrong, found by reading it from left to right with the subjects that wait for a verb; or None.

    A verb after "that" is about the subject, which still awaits its own verb. A noun with "the" after a verb is an
    object.
    """
    brackets, subjects, tokens = [], [], line.split()
    for i, token in enumerate(tokens):
        ending = next((e for e in (*VERBS, *NOUNS) if token.endswith(e) and token not in ("that", "the")), None)
        if token in "([":
            brackets.append({"(": ")", "[": "]"}[token])
        elif token in ")]" and (not brackets or brackets.pop() != token):
            return "brackets"
        elif ending in NOUNS and not (i > 1 and tokens[i - 2].endswith(("tas", "ta"))):
            subjects.append((NOUNS[ending], i))
        elif ending in VERBS:
            number, _ = subjects[-1] if tokens[i - 1] == "that" else subjects.pop()
            if number != VERBS[ending]:
                return f"{token} after {number}"
    return "open" if brackets or subjects else None


def farthest(line):
    """The largest number of words between the first subject and its verb, if the line begins with the subject."""
    tokens = line.split()
    depth = 1
    for i in range(2, len(tokens)):
        is_object = tokens[i - 2].endswith(("tas", "ta")) and tokens[i - 2] != "that"
        if tokens[i].endswith(tuple(NOUNS)) and not is_object:
            depth += 1
        elif tokens[i].endswith(tuple(VERBS)) and tokens[i - 1] != "that":
            depth -= 1
            if depth == 0:
                return i - 1
    return 0


def test_numbers_agree_and_brackets_match():
    source = GrammarOptions().source()
    lines = source.texts(source.draw(20_000, np.random.default_rng(0)))
    assert {disagreement(line) for line in lines} == {None}
    assert disagreement("the bano that the benos batas bires\n") == "batas after plural"
    assert disagreement("( the bano bires ]\n") == "brackets"


def test_agreement_extends_beyond_ngrams():
    source = GrammarOptions().source()
    lines = source.texts(source.draw(5000, np.random.default_rng(0)))
    distances = np.array([farthest(line) for line in lines if line.startswith("the ")])
    assert (distances > 4).mean() > 0.1
    assert distances.max() > 10


def test_words_follow_zipfs_law():
    source = GrammarOptions(nouns=3).source()
    shares = [np.exp(source.score(f"the {noun}").logprobs[1]) for noun in ("bano", "beno", "bino")]
    assert shares == pytest.approx([0.5 * 6 / 11, 0.5 * 3 / 11, 0.5 * 2 / 11])
