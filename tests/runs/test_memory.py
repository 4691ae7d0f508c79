import subprocess
import sys

import numpy as np
import psutil

from lmbench.runs.memory import peak_bytes, resident_bytes


def test_peak_memory_counts_what_was_freed():
    before = peak_bytes()
    assert np.ones(before // 8 + 5_000_000).sum()
    assert peak_bytes() >= before + 40_000_000


def test_a_process_and_others_count_together_until_they_end():
    code = "kept = b'1' * 50_000_000; print(flush=True); input()"
    own = psutil.Process()
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        child.stdout.readline()
        other = psutil.Process(child.pid)
        assert resident_bytes(own, [other]) - resident_bytes(own, []) > 40_000_000
        child.communicate(b"\n")
    assert resident_bytes(other, [other]) == 0
