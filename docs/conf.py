"""Sphinx's settings; `make docs` builds the pages into build/docs."""

import sys
from pathlib import Path

import fastmlp

sys.path.append(str(Path(__file__).parent))  # for comparison.py

project = "fastmlp"
author = "the fastmlp developers"
version = release = fastmlp.__version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.autosummary", "myst_parser", "numpydoc", "sphinx_click", "comparison"]
exclude_patterns = []
default_role = "code"
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]

autodoc_typehints = "none"  # the docstrings have shapes and units too
autodoc_member_order = "bysource"
autosummary_generate = True
# members are shown on their class's page
numpydoc_show_class_members = False

smartquotes = False  # they turn the two hyphens of an option into a dash

html_theme = "pydata_sphinx_theme"
html_static_path = ["_static"]
html_css_files = ["tables.css"]
html_title = f"fastmlp {version}"
html_show_sourcelink = False
html_theme_options = {
    "navbar_align": "left",
    "header_links_before_dropdown": 12,
    "navbar_persistent": [],
    "navbar_end": ["search-button", "theme-switcher"],
    "secondary_sidebar_items": {"**": ["page-toc"], "index": [], "speed": []},
    "footer_start": [],
    "footer_end": [],
}
# the pages are few, and all of them are at the top
html_sidebars = {"**": []}
