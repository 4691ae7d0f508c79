import shutil

from tests.cli.commands import lmbench


def test_a_run_is_verified_and_damage_ends_with_exit_code_1(tmp_path):
    options = ("--models", "uniform", "--corpora", "fables-en,recall", "--no-check", "--quiet")
    assert lmbench("run", *options, "--out", tmp_path / "run").returncode == 0
    result = lmbench("verify", tmp_path / "run", "--sample", "1")
    assert (result.returncode, result.stderr) == (0, "")
    first, second, third, last = result.stdout.splitlines()
    assert first == "ok     uniform on fables-en: 8.0000 bits/byte"
    assert second.startswith("ok     uniform on recall: ")
    assert third.endswith("evaluated again: the same to the last bit")
    assert last == "2 of 2 cells are stored and undamaged; nothing wrong"
    [cell] = (tmp_path / "run/cells").glob("*recall")
    (cell / "documents.parquet").unlink()
    result = lmbench("verify", tmp_path / "run", "--sample", "0")
    assert result.returncode == 1
    assert result.stdout.splitlines()[1].startswith("WRONG  uniform on recall: ")
    assert result.stdout.splitlines()[-1] == "1 of 2 cells are stored and undamaged; 1 wrong"
    shutil.rmtree(cell)
    result = lmbench("verify", tmp_path / "run", "--sample", "0")
    assert result.returncode == 0
    assert result.stdout.splitlines()[-1] == "1 of 2 cells are stored and undamaged, and 1 missing; nothing wrong"


def test_what_is_not_a_run_is_refused(tmp_path):
    result = lmbench("verify", tmp_path / "missing")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == f"Error: {tmp_path}/missing is not a run directory: manifest.json is missing\n"
