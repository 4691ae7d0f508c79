import psutil

from lmbench import machine_memory


def test_the_smaller_one_of_the_machine_and_its_control_group_counts(monkeypatch, tmp_path):
    monkeypatch.setattr(machine_memory, "_GROUP_LIMIT", tmp_path / "limit")
    installed = psutil.virtual_memory().total
    assert machine_memory.usable_memory() == installed
    (tmp_path / "limit").write_text("max\n")
    assert machine_memory.usable_memory() == installed
    (tmp_path / "limit").write_text(f"{1 << 20}\n")
    assert machine_memory.usable_memory() == 1 << 20
