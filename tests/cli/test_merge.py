from tests.cli.commands import lmbench


def run(models, folder, *options):
    return lmbench("run", "--models", models, "--corpora", "fables-en", "--no-check", "--out", folder, *options)


def test_shards_print_the_tables_of_one_run(tmp_path):
    for number in (1, 2):
        assert run("uniform,ppm", tmp_path / f"shard-{number}", "--shard", f"{number}/2").returncode == 0
    merged = lmbench("merge", tmp_path / "shard-2", tmp_path / "shard-1", "--out", tmp_path / "all")
    assert (merged.returncode, merged.stderr) == (0, "")
    assert "24 documents" in merged.stdout
    rows = [row for row in (tmp_path / "all/table.csv").read_text().splitlines() if "(compressor)" not in row]
    assert len(rows) == 3
    assert all(any(name in row for row in rows) and name in merged.stdout for name in ("uniform", "ppm"))


def test_what_is_not_a_run_is_refused_in_one_line(tmp_path):
    result = lmbench("merge", tmp_path / "missing", "--out", tmp_path / "all")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == f"Error: {tmp_path}/missing is not a run directory: manifest.json is missing\n"
    assert lmbench("merge", "--out", tmp_path / "all").stderr == "Error: Missing argument 'RUN…'.\n"
