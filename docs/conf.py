"""How `make site` builds the documentation: pages by MyST, names by autodoc, theme by Furo.

The site works from the disk: no font, script or formula comes from elsewhere.
"""

from __future__ import annotations

import os
import re
import sys
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parent / "_sphinx"))

# Notebooks run the `radiotracer` of this environment, in a kernel that prints no moving bars.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
os.environ["JUPYTER_PATH"] = str(Path(__file__).parent / "_sphinx")

project = "Radiotracer"
author = "the Radiotracer authors"
project_copyright = "2026 the Radiotracer authors"
version = release = installed("radiotracer")

extensions = [
    "myst_nb",  # brings myst_parser
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "cyclopts.ext.sphinx",
    "mathml",
    "diagrams_directive",
]
exclude_patterns = ["_sphinx", "_static"]
language = "en"
smartquotes = False  # two hyphens are an option
default_role = "literal"  # single backticks in docstrings are names, as in Markdown

myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_fence_as_directive = ["mermaid"]
myst_heading_anchors = 4

# Each notebook is run in an empty folder; a cell that fails or complains fails the site.
nb_execution_in_temp = True
nb_execution_timeout = 600
nb_execution_raise_on_error = True
nb_merge_streams = True
nb_output_stderr = "remove-warn"
nb_ipywidgets_js: dict[str, Any] = {}

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88

# References to what this site does not describe: other libraries' names, and names that are only
# annotations. Those of the package's public names have to resolve.
nitpick_ignore_regex = [
    (r"py:.*", r"(?!radiotracer\.[A-Za-z]+$).*"),
]

html_theme = "furo"
html_title = f"Radiotracer {release}"
html_static_path = ["_static"]
html_css_files = ["site.css", "notebooks.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#a3333d", "color-brand-content": "#a3333d"},
    "dark_css_variables": {"color-brand-primary": "#f2a0a6", "color-brand-content": "#f2a0a6"},
}
pygments_style = "friendly"
pygments_dark_style = "github-dark"

copybutton_exclude = ".linenos, .gp, .go"


def stars(*event: Any) -> None:
    """A star in a docstring is a star: shapes such as (n, *shape) are no emphasis."""
    lines = event[-1]
    lines[:] = [re.sub(r"(``.*?``|`.*?`)|\*", lambda m: m[1] or r"\*", line) for line in lines]


def setup(app: Sphinx) -> None:
    """Connect what the site changes in docstrings."""
    app.connect("autodoc-process-docstring", stars, priority=900)
