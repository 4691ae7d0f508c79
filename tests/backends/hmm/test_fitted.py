from lmbench.backends.hmm.model import Hmm
from tests.backends.hmm.samples import fit, without_valid


def test_a_restored_model_is_the_same_model(english, tmp_path):
    model = fit("hmm:states=4", english)
    model.save(tmp_path)
    again = Hmm(model.options)
    again.restore(tmp_path)
    assert str(again.signature()) == str(model.signature())
    assert again.exhibits() == model.exhibits()
    assert again._fitted.points == model._fitted.points
    assert again.score(["the cat\n"])[0].logprobs.tolist() == model.score(["the cat\n"])[0].logprobs.tolist()


def test_the_course_of_training_is_saved_without_a_validation_split_too(english, tmp_path):
    model = fit("hmm:states=2,iterations=3", without_valid(english))
    model.save(tmp_path)
    again = Hmm(model.options)
    again.restore(tmp_path)
    assert [(point.iteration, point.valid_nats) for point in again._fitted.points] == [(1, None), (2, None), (3, None)]
    assert again._fitted.points == model._fitted.points
