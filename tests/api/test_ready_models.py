import os
import subprocess
import sys

CODE = """
from lmbench import Traits
from lmbench.api.ready_models import _limited_threads

with _limited_threads(Traits(threads=1, libraries=("torch.nn",))):
    import torch
    print(torch.get_num_threads())
"""


def test_a_library_that_is_not_imported_yet_gets_as_many_threads_as_in_a_run():
    ran = subprocess.run(
        [sys.executable, "-c", CODE],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": "2"},
    )
    assert ran.stdout == "1\n"
