"""libweir.so: where it is, what it shows, how it fails. Loaded by the first use, not by `import weir`."""
from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import typing

_PACKAGE = os.path.dirname(os.path.abspath(__file__))
_SONAME = "libweir.so.0"

CODES = {0: "WEIR_OK", -1: "WEIR_ERR_MEMORY", -2: "WEIR_ERR_ARGUMENT", -3: "WEIR_ERR_IO", -4: "WEIR_ERR_FORMAT", -5: "WEIR_ERR_LIMIT",
         -6: "WEIR_ERR_UNSUPPORTED", -7: "WEIR_ERR_MISMATCH", -8: "WEIR_ERR_NOT_FOUND", -9: "WEIR_ERR_BUSY", -10: "WEIR_ERR_FULL",
         -11: "WEIR_ERR_CLOSED", -12: "WEIR_ERR_PERMISSION", -13: "WEIR_ERR_LIBRARY", -14: "WEIR_ERR_AGAIN"}


class Error(Exception):
    """What libweir refuses. `code` is the number of include/weir/error.h, `name` its name; the text says what failed, where, and what to do."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(code, text)
        self.code = code
        self.name = CODES.get(code, str(code))
        self.text = text

    def __str__(self) -> str:
        return self.text


class CError(ctypes.Structure):
    """struct weir_error"""
    _fields_ = [("code", ctypes.c_int), ("text", ctypes.c_char * 512)]


class Shape(ctypes.Structure):
    """struct weir_model_shape"""
    _fields_ = [("trees", ctypes.c_size_t), ("nodes", ctypes.c_size_t), ("leaves", ctypes.c_size_t), ("depth", ctypes.c_size_t)]


_size, _text, _pointer = ctypes.c_size_t, ctypes.c_char_p, ctypes.c_void_p
_names = ctypes.POINTER(ctypes.POINTER(ctypes.c_char_p))
_error = ctypes.POINTER(CError)

# name: (what it gives, what it takes); include/weir/model.h in ctypes
_MODEL: dict[str, tuple[typing.Any, list[typing.Any]]] = {
    "weir_model_load": (ctypes.c_int, [_text, ctypes.POINTER(_pointer), _error]),
    "weir_model_free": (None, [ctypes.POINTER(_pointer)]),
    "weir_model_name": (_text, [_pointer]),
    "weir_model_version": (_text, [_pointer]),
    "weir_model_label": (_text, [_pointer]),
    "weir_model_algorithm": (_text, [_pointer]),
    "weir_model_feature_set": (_text, [_pointer]),
    "weir_model_feature_set_id": (ctypes.c_uint64, [_pointer]),
    "weir_model_columns": (_size, [_pointer, _names]),
    "weir_model_classes": (_size, [_pointer, _names]),
    "weir_model_benign": (ctypes.c_int, [_pointer]),
    "weir_model_threshold": (ctypes.c_float, [_pointer]),
    "weir_model_regression": (ctypes.c_int, [_pointer]),
    "weir_model_groups": (_size, [_pointer]),
    "weir_model_card": (_text, [_pointer]),
    "weir_model_set_threshold": (ctypes.c_int, [_pointer, ctypes.c_float, _error]),
    "weir_model_shape": (Shape, [_pointer]),
    "weir_model_margins": (None, [_pointer, _pointer, _size, _size, _pointer]),
    "weir_model_judge": (None, [_pointer, _pointer, _size, _pointer, _pointer, _pointer]),
    "weir_model_probabilities": (None, [_pointer, _pointer, _size, _pointer]),
    "weir_model_predict": (None, [_pointer, _pointer, _size, _size, _pointer, _pointer, _pointer]),
    "weir_model_explain": (ctypes.c_int, [_pointer, ctypes.c_int, _pointer, _size, _size, _size, _pointer, _pointer, ctypes.POINTER(ctypes.c_double)]),
}


def _candidates() -> typing.Iterator[str]:
    yield os.path.join(_PACKAGE, "libweir.so")  # a wheel that was made beside a build has it with it
    yield os.path.join(_PACKAGE, "..", "..", "build", "libweir.so")  # this package in weir's own tree


@functools.lru_cache(maxsize=None)
def load() -> ctypes.CDLL:
    """The library, its functions typed: WEIR_LIBRARY (a file; nothing else is tried then), beside the package, the system's."""
    named = os.environ.get("WEIR_LIBRARY")
    path = named or next((os.path.realpath(p) for p in _candidates() if os.path.exists(p)), _SONAME)
    try:
        library = ctypes.CDLL(path)
    except OSError as error:
        remedy = ("WEIR_LIBRARY names it" if named else
                  "build weir (make build), install it (make install), or name the file in the environment variable WEIR_LIBRARY")
        raise Error(-8, f"libweir is not there: {error}; {remedy}") from error
    declare(library, _MODEL)
    return library


def declare(library: ctypes.CDLL, functions: dict[str, tuple[typing.Any, list[typing.Any]]]) -> None:
    for name, (result, arguments) in functions.items():
        try:
            function = getattr(library, name)
        except AttributeError as error:
            raise Error(-7, f"{library._name} has no {name}: it is of another version of weir than this package") from error
        function.restype, function.argtypes = result, arguments


@functools.lru_cache(maxsize=None)
def path() -> str:
    """The file that is loaded."""
    load()
    with open("/proc/self/maps") as maps:
        for line in maps:
            file = line.rstrip("\n").partition("/")[2]
            if os.path.basename(file).startswith("libweir.so"):
                return "/" + file
    raise Error(-8, "libweir is loaded, but from no file of that name: WEIR_LIBRARY must name a libweir.so")


@functools.lru_cache(maxsize=None)
def fingerprint() -> str:
    """SHA-256 of the file that is loaded: equal ones calculate alike on one type of CPU."""
    with open(path(), "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def check(code: int, error: CError) -> None:
    if code:
        raise Error(code, error.text.decode(errors="replace") or CODES.get(code, str(code)))

