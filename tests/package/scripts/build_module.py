"""Builds plain.c of this folder as `setup.py` builds the kernels. Argument: the repository's root.

`setup.py` is imported, not run, so that it asks for no version of the tools.
"""

import importlib.util
import os
import sys
from pathlib import Path

from setuptools import Distribution, Extension

here, root = Path.cwd(), Path(sys.argv[1])
os.chdir(root)
spec = importlib.util.spec_from_file_location("setup_of_fastmlp", root / "setup.py")
setup = importlib.util.module_from_spec(spec)
spec.loader.exec_module(setup)
setup.c_sources = lambda level: [str(here / "plain.c")]
kernels = Distribution({"name": "kernels", "ext_modules": [Extension("plain", [], include_dirs=["src_pyx"])]})
command = setup.BuildKernels(kernels)
command.build_lib = command.build_temp = str(here)
command.ensure_finalized()
command.run()
