"""Makes the files beside it with numpy (2.4.6): python make_files.py

They show how numpy itself writes what the readers of reference/io read.
"""

import io
import pathlib
import zipfile

import numpy as np

HERE = pathlib.Path(__file__).parent
TYPES = ["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?"]


def counted(dtype):
    """2 x 3 values: -1, 0, 1, 2, 3, 4 for signed types, 0 to 5 otherwise."""
    low = 0 if np.dtype(dtype).kind in "ub" else -1
    return np.arange(low, low + 6).reshape(2, 3).astype(dtype)


def npy(array, version):
    out = io.BytesIO()
    np.lib.format.write_array(out, array, version=version)
    return out.getvalue()


def main():
    arrays = {f"a_{dtype.replace('?', 'bool')}": counted(dtype) for dtype in TYPES}
    arrays["scalar"] = np.float32(2.5)
    arrays["empty"] = np.zeros((0, 4), np.float32)
    arrays["fortran"] = np.arange(24, dtype=np.int32).reshape(2, 3, 4).transpose(2, 1, 0)
    arrays["fortran_flat"] = np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3))
    np.savez(HERE / "stored.npz", **arrays)
    np.savez_compressed(HERE / "deflated.npz", **arrays)

    row = np.arange(3, dtype=np.float32)
    for version in (1, 2, 3):
        (HERE / f"version_{version}.npy").write_bytes(npy(row, (version, 0)))
    (HERE / "big_endian.npy").write_bytes(npy(row.astype(">f4"), (1, 0)))
    records = np.zeros(2, dtype=[("a", "<f4"), ("b", "<i4")])
    (HERE / "records.npy").write_bytes(npy(records, (1, 0)))

    with zipfile.ZipFile(HERE / "twice.npz", "w") as archive:
        for _ in range(2):
            archive.writestr("x.npy", npy(row, (1, 0)))


if __name__ == "__main__":
    main()
