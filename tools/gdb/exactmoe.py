"""Shows Eigen's matrices and vectors in gdb as what they are: a shape and its values.

    (gdb) print x
    $1 = [4,3] = {
      0 = -1.25 -0.5 0.25,
      1 = 0 1 -0.75,
      ...
    (gdb) print $at(x, 1, 2)
    $2 = -0.75
    (gdb) print $row(x, 1)
    $3 = "[3] 0 1 -0.75"
    (gdb) print $hex(sum)
    $4 = "-0x1.1p+0  0xbf880000"

Works for Eigen::Matrix, Array, Map and Ref of any scalar type: moe::Matrix, IntMatrix, Vector, ConstMatrix. Reads memory only and calls
nothing in the program. Large ones are abbreviated: `set exactmoe-rows 20`, `set exactmoe-columns 16`.
"""
import re
import struct

import gdb
import gdb.printing

_MATRIX = re.compile(r"^Eigen::(Matrix|Array|Map|Ref)<")
_ROW_MAJOR = 1  # bit of Eigen's options


class _Limit(gdb.Parameter):
    def __init__(self, name, value, what):
        self.__doc__ = f"How many {what} of a matrix are printed."
        self.set_doc = self.show_doc = self.__doc__
        super().__init__(name, gdb.COMMAND_DATA, gdb.PARAM_ZUINTEGER)
        self.value = value


_rows_limit = _Limit("exactmoe-rows", 8, "rows")
_columns_limit = _Limit("exactmoe-columns", 8, "columns")


def _integer(type_, index):
    return int(type_.template_argument(index))


def _plain(type_):
    """The type without const, reference and typedef."""
    type_ = type_.strip_typedefs()
    if type_.code in (gdb.TYPE_CODE_REF, gdb.TYPE_CODE_RVALUE_REF):
        type_ = type_.target()
    return type_.strip_typedefs().unqualified()


class View:
    """Pointer, sizes and strides of an Eigen object, read from its members; calls nothing in the program."""

    def __init__(self, value):
        type_ = _plain(value.type)
        kind = _MATRIX.match(str(type_)).group(1)
        if kind in ("Map", "Ref"):
            self._read_mapped(value, type_)
        else:
            self._read_owned(value, type_)

    def _read_owned(self, value, type_):
        self.scalar = type_.template_argument(0)
        row_major = _integer(type_, 3) & _ROW_MAJOR
        storage = value["m_storage"]
        rows, cols = _integer(type_, 1), _integer(type_, 2)
        self.rows = int(storage["m_rows"]) if rows < 0 else rows
        self.cols = int(storage["m_cols"]) if cols < 0 else cols
        data = storage["m_data"]
        if data.type.strip_typedefs().code != gdb.TYPE_CODE_PTR:  # fixed size: plain_array
            data = data["array"]
        self.data = data.cast(self.scalar.unqualified().pointer())
        self.steps = (self.cols, 1) if row_major else (1, self.rows)

    def _read_mapped(self, value, type_):
        plain = _plain(type_.template_argument(0))  # the matrix that is viewed
        self.scalar = plain.template_argument(0)
        row_major = _integer(plain, 3) & _ROW_MAJOR
        rows, cols = _integer(plain, 1), _integer(plain, 2)
        self.rows = int(value["m_rows"]["m_value"]) if rows < 0 else rows
        self.cols = int(value["m_cols"]["m_value"]) if cols < 0 else cols
        self.data = value["m_data"].cast(self.scalar.unqualified().pointer())
        stride = _plain(type_.template_argument(2))
        outer = self._stride(value, stride, 0) or (self.cols if row_major else self.rows)
        inner = self._stride(value, stride, 1) or 1
        self.steps = (outer, inner) if row_major else (inner, outer)

    @staticmethod
    def _stride(value, stride, which):
        """The outer (0) or inner (1) stride; 0 means: as if packed."""
        name = str(stride)
        if "OuterStride" in name:
            fixed = _integer(stride, 0) if which == 0 else 0
        elif "InnerStride" in name:
            fixed = _integer(stride, 0) if which == 1 else 0
        else:
            fixed = _integer(stride, which)
        if fixed >= 0:
            return fixed
        return int(value["m_stride"]["m_outer" if which == 0 else "m_inner"]["m_value"])

    def at(self, row, col):
        return (self.data + row * self.steps[0] + col * self.steps[1]).dereference()


def _shown(count, limit):
    """0 .. count-1, or its beginning, None, and its last."""
    limit = max(2, limit.value or 2)
    if count <= limit:
        return list(range(count))
    return list(range(limit - 1)) + [None, count - 1]


def _line(values):
    return " ".join("..." if v is None else v.format_string() for v in values)


class Vector:
    """[size] and the values, on one line."""

    def __init__(self, view):
        self._view = view

    def to_string(self):
        v = self._view
        return _abbreviated(v.rows, lambda r: v.at(r, 0), _columns_limit)


class Matrix:
    """[rows,columns] and one line for each row."""

    def __init__(self, view):
        self._view = view

    def to_string(self):
        return f"[{self._view.rows},{self._view.cols}]"

    def children(self):
        v = self._view
        for r in _shown(v.rows, _rows_limit) if v.cols else []:
            if r is None:
                yield "...", "..."
            else:
                yield str(r), _line(None if c is None else v.at(r, c) for c in _shown(v.cols, _columns_limit))


def _abbreviated(count, at, limit):
    return f"[{count}] " + _line(None if i is None else at(i) for i in _shown(count, limit))


class _Printers(gdb.printing.PrettyPrinter):
    def __init__(self):
        super().__init__("exactmoe")

    def __call__(self, value):
        try:
            if not _MATRIX.match(str(_plain(value.type))):
                return None
            view = View(value)
        except (gdb.error, RuntimeError):
            return None
        if view.rows < 0 or view.cols < 0 or view.rows * view.cols > 2**40:
            return None  # not constructed yet
        return Vector(view) if view.cols == 1 else Matrix(view)


class _At(gdb.Function):
    """$at(x, row, column), $at(v, index): one element."""

    def __init__(self):
        super().__init__("at")

    def invoke(self, value, row, col=0):
        view = View(value)
        row, col = int(row), int(col)
        if not (0 <= row < view.rows and 0 <= col < view.cols):
            raise gdb.GdbError(f"({row},{col}) is outside [{view.rows},{view.cols}]")
        return view.at(row, col)


class _Row(gdb.Function):
    """$row(x, row): a whole row, however long."""

    def __init__(self):
        super().__init__("row")

    def invoke(self, value, row):
        view = View(value)
        if not 0 <= int(row) < view.rows:
            raise gdb.GdbError(f"row {int(row)} is outside [{view.rows},{view.cols}]")
        return f"[{view.cols}] " + _line(view.at(int(row), c) for c in range(view.cols))


class _Hex(gdb.Function):
    """$hex(x): a binary32 number in hexadecimal floating point, and its 32 bits."""

    def __init__(self):
        super().__init__("hex")

    def invoke(self, value):
        number = float(value)
        short = re.sub(r"\.?0+p", "p", number.hex())  # as C prints it
        return f"{short}  0x{struct.unpack('<I', struct.pack('<f', number))[0]:08x}"


_At()
_Row()
_Hex()
gdb.printing.register_pretty_printer(None, _Printers(), replace=True)
