"""What a frozen program needs of fastmlp besides the modules that an import statement names."""

from importlib.util import find_spec

from PyInstaller.utils.hooks import collect_data_files, collect_submodules

datas = collect_data_files("fastmlp")
# the builds of the kernels, of which one is chosen, what compiled code imports, and what `progress=True` does
hiddenimports = [
    *collect_submodules("fastmlp._kernels"),
    "scipy.linalg.cython_blas",
    *(["tqdm.auto"] if find_spec("tqdm") else []),
]
