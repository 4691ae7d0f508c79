import pickle
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

import pytest

from lmbench import LanguageModel, ModelOptions, build
from lmbench.backends.ngrams.kenlm import KenlmNgram
from lmbench.errors import PluginError, SpecError
from lmbench.runs.objects import ModelObject, find_spec
from tests.api.models import ByteOptions, Bytes, Stubborn


def test_an_instance_that_its_options_describe_is_built_anew():
    fitted = Bytes(ByteOptions(added=0.5))
    fitted.logprobs = "the state of a fit"
    given = ModelObject.of(fitted)
    built = given.build()
    assert (type(built), built.options, hasattr(built, "logprobs")) == (Bytes, ByteOptions(added=0.5), False)
    assert str(given.spec) == "Bytes:added=0.5"


def test_an_instance_with_another_constructor_is_copied():
    model = Stubborn(3.0)
    built = ModelObject.of(model).build()
    built.weights.append(1.0)
    assert (built.options.added, model.weights) == (3.0, [3.0])


def test_an_instance_whose_constructor_takes_more_than_options_is_copied():
    class Wide(Bytes):
        def __init__(self, options=None, width=1):
            super().__init__(options)
            self.width = width

    assert ModelObject.of(Wide(width=5)).build().width == 5


def test_an_instance_without_options_is_copied():
    class Bare(Bytes):
        def __init__(self, options=None):
            self.width = 5

    model = Bare()
    model.width = 7
    assert ModelObject.of(model).build().width == 7


def test_a_class_whose_options_lack_defaults_is_refused():
    class Required(ModelOptions):
        order: int

    needy = type("Needy", (Bytes,), {"Options": Required})
    with pytest.raises(
        PluginError, match=r"^Needy cannot be built without options: order: Field required; give an ins"
    ):
        ModelObject.of(needy)
    assert ModelObject.of(needy(Required(order=2))).build().options.order == 2


def test_a_class_is_built_with_its_own_options():
    assert ModelObject.of(Bytes).build().options == ByteOptions()
    with pytest.raises(PluginError, match=r"^Stubborn cannot be built: TypeError: .*missing 1 required"):
        ModelObject.of(Stubborn).build()


def test_what_is_not_a_model_is_refused():
    with pytest.raises(PluginError, match=r"^int is not a LanguageModel"):
        ModelObject.of(int)
    with pytest.raises(PluginError, match=r"^LanguageModel lacks score, signature"):
        ModelObject.of(LanguageModel)


def test_other_processes_can_import_a_class_of_a_module_and_no_other(monkeypatch):
    class Local(Bytes):
        pass

    given = ModelObject.of(Bytes)
    assert given.is_portable
    assert pickle.loads(pickle.dumps(given)).build().options == ByteOptions()
    assert not ModelObject.of(Local).is_portable
    in_main = type("InMain", (Bytes,), {"__module__": "__main__"})
    monkeypatch.setattr(sys.modules["__main__"], "InMain", in_main, raising=False)
    assert not ModelObject.of(in_main).is_portable
    by_hand = ModuleType("by_hand")
    by_hand.__spec__ = ModuleSpec("by_hand", None)
    by_hand.Loaded = type("Loaded", (Bytes,), {"__module__": "by_hand"})
    monkeypatch.setitem(sys.modules, "by_hand", by_hand)
    assert not ModelObject.of(by_hand.Loaded).is_portable


def test_the_identity_is_that_of_the_source_if_files_have_all_of_it():
    class Local(Bytes):
        pass

    assert ModelObject.of(Bytes).identity() == ModelObject.of(Bytes(ByteOptions())).identity()
    assert ModelObject.of(Bytes).identity() != ModelObject.of(Bytes(ByteOptions(added=2))).identity()
    assert ModelObject.of(Local).identity() != ModelObject.of(Local).identity()
    assert ModelObject.of(Stubborn(1)).identity() != ModelObject.of(Stubborn(1)).identity()


def test_the_source_of_a_program_counts_unless_it_may_have_changed_since(monkeypatch, tmp_path):
    main = sys.modules["__main__"]
    given = ModelObject.of(type("InMain", (Bytes,), {"__module__": "__main__"}))
    (tmp_path / "script.py").touch()
    monkeypatch.setattr(main, "__file__", str(tmp_path / "script.py"), raising=False)
    monkeypatch.delattr(sys, "ps1", raising=False)
    assert given.has_source
    monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)  # as in `python -i script.py`
    assert not given.has_source
    monkeypatch.delattr(sys, "ps1")
    monkeypatch.setattr(main, "__file__", "<stdin>")  # as in `python < script.py`
    assert not given.has_source


def test_whatever_pickling_raises_a_model_is_not_portable(monkeypatch):
    def refuse(self):
        raise ValueError("never")

    monkeypatch.setattr(Stubborn, "__getstate__", refuse)
    assert not ModelObject.of(Stubborn(1.0)).is_portable


def test_quick_options_apply_unless_they_are_set():
    assert ModelObject.of(Bytes).quickened().build().options.added == 2
    [changed] = ModelObject.of(Bytes).changed_options()
    assert (changed.name, changed.checked, changed.own) == ("added", "2.0", "1.0")
    assert ModelObject.of(Bytes(ByteOptions(added=7))).changed_options() == ()
    with pytest.raises(SpecError, match=r"^Bytes does not take added=much"):
        ModelObject.of(Bytes).with_option("added", "much")


def test_registered_models_have_a_spec():
    assert str(find_spec(build("kenlm:order=3"))) == "kenlm:order=3"
    assert str(find_spec(KenlmNgram)) == "kenlm"
    assert find_spec(Bytes) is None
