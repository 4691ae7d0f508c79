"""Run the command line with ``python -m lmbench``."""

from lmbench.cli.main import main

if __name__ == "__main__":
    main()
