"""What a frozen program needs of fastmlp besides the modules in import statements."""

from importlib.util import find_spec

from PyInstaller.utils.hooks import collect_data_files, collect_submodules

datas = collect_data_files("fastmlp")
# all builds of the kernels, one of which is chosen at run time, and what compiled code and `progress=True` import
hiddenimports = [
    *collect_submodules("fastmlp._kernels"),
    "scipy.linalg.cython_blas",
    *(["tqdm.auto"] if find_spec("tqdm") else []),
]
