"""The tasks of a survey (`weir survey`), run from Python: what an engine needs.

    import numpy, weir.survey
    frame = numpy.memmap("out/data/flows.frame", mode="r")
    done = weir.survey.run_task(frame, task)          # task: an entry of out/plan.json
    done.result["result"]["metrics"]["accuracy"]

`python3 -m weir.survey FOLDER` runs all of a folder's tasks on Ray; `weir survey --engine ray` starts it. Nothing here knows of algorithms or of
what is in a frame: libweir does. See docs/python.md.
"""
from __future__ import annotations

import ctypes
import json
import typing

import numpy

from .. import _library
from .._library import Error

_pointer, _size, _text = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p
_FUNCTIONS: dict[str, tuple[typing.Any, list[typing.Any]]] = {
    "weir_survey_run": (ctypes.c_int, [_pointer, _size, _text, ctypes.POINTER(_pointer), ctypes.POINTER(_size), ctypes.POINTER(_pointer),
                                       ctypes.POINTER(_library.CError)]),
    "weir_free": (None, [_pointer]),
}


class Done(typing.NamedTuple):
    """What came of a task."""
    text: str  #: the result as JSON, as libweir wrote it; the same as the file tasks/ID.json of the local engine
    model: bytes | None  #: a .weir file; None: the task failed

    @property
    def result(self) -> dict[str, typing.Any]:
        return typing.cast("dict[str, typing.Any]", json.loads(self.text))


def run_task(frame: typing.Any, task: str | dict[str, typing.Any]) -> Done:
    """Fits and scores one task on the bytes of a frame (a NumPy array, bytes, a map: read where they lie), on one thread, without files.

    A task that cannot be fitted is no Error: its result says "failed" and why. Error: the frame or the task is broken, or no memory is left.
    """
    library = _library.load()
    _library.declare(library, _FUNCTIONS)
    data = numpy.frombuffer(frame, numpy.uint8)
    text = task if isinstance(task, str) else json.dumps(task)
    model, size, result, error = _pointer(), _size(), _pointer(), _library.CError()
    try:
        code = library.weir_survey_run(data.ctypes.data, len(data), text.encode(), ctypes.byref(model), ctypes.byref(size), ctypes.byref(result),
                                       ctypes.byref(error))
        _library.check(code, error)
        return Done(ctypes.string_at(typing.cast(int, result.value)).decode(),
                    ctypes.string_at(model.value, size.value) if model.value else None)
    finally:
        library.weir_free(model)
        library.weir_free(result)


__all__ = ["Done", "Error", "run_task"]
