import numpy as np

from lmbench.backends.hmm.line_filter import LineFilter
from tests.backends.hmm.samples import fit, float64_engine, random_lines, random_parameters


def test_predictions_are_the_engines():
    parameters = random_parameters(3, 5)
    [line] = random_lines(5, [9])
    [expected] = float64_engine([line], parameters).logprobs(parameters)
    predict = LineFilter(parameters).next_logprobs
    np.testing.assert_allclose([predict(line[:t])[line[t]] for t in range(9)], expected, rtol=1e-12)
    np.testing.assert_allclose(predict(line[:2])[line[2]], expected[2], rtol=1e-12)  # back to a shorter line


def test_a_line_is_read_event_by_event(english):
    model = fit("hmm:states=3,iterations=3", english)
    state = model.state_after("the cat")
    words = model._fitted.lexicon.types
    state.next_events()
    for word, text in (("sat", "the cat sat"), ("on", "the cat sat on"), ("\n", "the cat sat on\n"), ("the", "\nthe")):
        state.advance(words.index(word))
        expected = model.next_events(text).logprobs
        np.testing.assert_allclose(state.next_events().logprobs, expected, rtol=1e-12)
