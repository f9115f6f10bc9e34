"""What a frozen program needs of fastmlp besides the modules in import statements."""

from importlib.util import find_spec

from PyInstaller.utils.hooks import collect_data_files

datas = collect_data_files("fastmlp")
# what compiled code and `progress=True` import
hiddenimports = ["scipy.linalg.cython_blas", *(["tqdm.auto"] if find_spec("tqdm") else [])]
