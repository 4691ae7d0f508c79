# The project's commands. `just check` is what .ci/run runs.

python := ".venv/bin/python"

# Everything that must pass before a change lands
check: lint types test

# Style and formatting
lint:
    {{python}} -m ruff check .
    {{python}} -m ruff format --check .

# Types, strictly
types:
    {{python}} -m mypy

# All tests; those on real corpora need LMBENCH_MIRROR
test *arguments:
    {{python}} -m pytest {{arguments}}
