import pytest

from tests.plugins import installed
from tests.tuning.toys import PLUGIN


@pytest.fixture
def toy(tmp_path):
    with installed(tmp_path, {"toy": "plugin_module:Toy", "exports": "plugin_module:Exports"}, PLUGIN):
        yield
