"""What a frozen program needs of fastmlp besides the modules that an import statement names."""

from importlib.util import find_spec

from PyInstaller.utils.hooks import collect_data_files

datas = collect_data_files("fastmlp")
# compiled code imports the first one, `progress=True` the other
hiddenimports = ["scipy.linalg.cython_blas", *(["tqdm.auto"] if find_spec("tqdm") else [])]
