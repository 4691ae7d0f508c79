"""benchmarks/kills.py does the same a thousand times."""

from tests.runs.killing import kill_runs


def test_a_run_that_is_killed_at_any_moment_resumes_and_has_the_same_table(tmp_path):
    *_, losses = kill_runs(tmp_path, kills=2)
    assert losses.kills >= 2
    assert (losses.redone, losses.failed, losses.different) == (0, 0, 0)
