"""Unpacks libraries, headers and the version out of a wheel: unpack.py WHEEL FOLDER."""

import re
import sys
import zipfile

WANTED = re.compile(
    r"torch/include/|torch/version\.py$|torch\.libs/|nvidia/[^/]+/lib/[^/]+\.so"
    r"|torch/lib/lib(?!torch_cuda|torch_python|torch_nvshmem|c10_cuda|caffe2_nvrtc|shm)[^/]*\.so"
)

wheel, folder = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    archive.extractall(folder, [name for name in archive.namelist() if WANTED.match(name)])
