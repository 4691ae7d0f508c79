"""Freed blocks go back to the system."""

import subprocess
import sys

import pytest

PROGRAM = """
import ctypes, resource
from lmbench.backends.neural.pretrained.allocator import return_freed_blocks

def resident_pages():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1])

return_freed_blocks()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
pages = []
for size in [2**24, 2**23]:  # glibc would keep the second, having seen the first one freed
    block = libc.malloc(size)
    ctypes.memset(block, 1, size)
    keeper = libc.malloc(1000)  # above the block, so that the heap cannot shrink
    libc.free(block)
    pages.append(resident_pages())
print((pages[1] - pages[0]) * resource.getpagesize())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems are left alone")
def test_a_freed_block_is_returned_after_a_larger_one():
    program = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert int(program.stdout) < 2**20
