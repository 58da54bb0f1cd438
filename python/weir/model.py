"""Models of weir: load, score, explain. See docs/python.md."""
from __future__ import annotations

import ctypes
import json
import os
import types
import typing

import numpy
import numpy.typing

from . import _library
from ._library import Error

Floats = numpy.typing.NDArray[numpy.float32]


class Verdicts(typing.NamedTuple):
    """What a model says of rows."""
    score: Floats  #: probability of not being benign; of a regression, the prediction
    class_index: numpy.typing.NDArray[numpy.uint16]  #: place in Model.classes
    alert: numpy.typing.NDArray[numpy.bool_]  #: not benign, and the score is at the threshold or above


class Explanation(typing.NamedTuple):
    """base + contributions.sum(axis=1) = the margin."""
    contributions: numpy.typing.NDArray[numpy.float64]  #: a row for each row, a column for each column
    base: float


class Shape(typing.NamedTuple):
    """The size of a model's trees."""
    trees: int
    nodes: int
    leaves: int
    depth: int


class Model:
    """A model file, ready to score. Any number of threads may use one model; close() comes last.

        with weir.Model.load("flows.weir") as model:
            score, class_index, alert = model.predict(rows)

    Rows are float32, a row each, columns in the order of Model.columns, NaN where a value is missing. Arrays of float32 whose rows lie
    whole in memory (also every second row, or the first columns of a wider array) are read where they are; all else is copied first. A
    pandas DataFrame gives its columns by name.
    """

    def __init__(self, handle: int) -> None:
        """Model.load makes models; `handle` is a weir_model that now belongs to this object."""
        self._library = _library.load()
        self._handle: ctypes.c_void_p = ctypes.c_void_p(handle)
        call = self._library
        self.name: str = call.weir_model_name(handle).decode()
        self.version: str = call.weir_model_version(handle).decode()
        self.label: str = call.weir_model_label(handle).decode()  #: "name:version"
        self.algorithm: str = call.weir_model_algorithm(handle).decode()
        self.feature_set: str = call.weir_model_feature_set(handle).decode()
        self.columns: list[str] = self._names(call.weir_model_columns)
        self.classes: list[str] = self._names(call.weir_model_classes)
        benign = int(call.weir_model_benign(handle))
        self.benign: int | None = benign if benign >= 0 else None  #: place in classes
        self.regression = bool(call.weir_model_regression(handle))
        self.groups = int(call.weir_model_groups(handle))  #: margins a row

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Model:
        """Reads and validates a model file. Error: names the file, the place and the remedy."""
        library, handle, error = _library.load(), ctypes.c_void_p(), _library.CError()
        _library.check(library.weir_model_load(os.fsencode(path), ctypes.byref(handle), ctypes.byref(error)), error)
        assert handle.value
        return cls(handle.value)

    def close(self) -> None:
        """Frees the model; a closed one may be closed again, and nothing else."""
        if self._handle:
            self._library.weir_model_free(ctypes.byref(self._handle))

    def __enter__(self) -> Model:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: types.TracebackType | None) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            self.close()

    def __repr__(self) -> str:
        return f"<weir.Model {self.label}: {self.algorithm}, {len(self.columns)} columns, {len(self.classes)} classes>"

    @property
    def threshold(self) -> float:
        """A row is an alert from this score on. May be set, while no other thread uses the model."""
        return float(self._library.weir_model_threshold(self._open()))

    @threshold.setter
    def threshold(self, value: float) -> None:
        error = _library.CError()
        _library.check(self._library.weir_model_set_threshold(self._open(), value, ctypes.byref(error)), error)

    @property
    def card(self) -> dict[str, typing.Any]:
        """The whole card of the model file."""
        return typing.cast("dict[str, typing.Any]", json.loads(self._library.weir_model_card(self._open())))

    @property
    def shape(self) -> Shape:
        got = self._library.weir_model_shape(self._open())
        return Shape(got.trees, got.nodes, got.leaves, got.depth)

    def margins(self, x: numpy.typing.ArrayLike) -> Floats:
        """[rows][groups]: before sigmoid or softmax."""
        data, stride = self._rows(x)
        margins: Floats = numpy.empty((len(data), self.groups), numpy.float32)
        self._library.weir_model_margins(self._open(), data.ctypes.data, len(data), stride, margins.ctypes.data)
        return margins

    def predict(self, x: numpy.typing.ArrayLike) -> Verdicts:
        """Score, class and alert of each row."""
        data, stride = self._rows(x)
        score: Floats = numpy.empty(len(data), numpy.float32)
        index, alert = numpy.empty(len(data), numpy.uint16), numpy.empty(len(data), numpy.bool_)
        self._library.weir_model_predict(self._open(), data.ctypes.data, len(data), stride, score.ctypes.data, index.ctypes.data,
                                         alert.ctypes.data)
        return Verdicts(score, index, alert)

    def probabilities(self, x: numpy.typing.ArrayLike) -> Floats:
        """[rows][classes]."""
        margins = self.margins(x)
        probabilities: Floats = numpy.empty((len(margins), len(self.classes)), numpy.float32)
        self._library.weir_model_probabilities(self._open(), margins.ctypes.data, len(margins), probabilities.ctypes.data)
        return probabilities

    def explain(self, x: numpy.typing.ArrayLike, group: int = 0, how: typing.Literal["exact", "path"] = "exact") -> Explanation:
        """How the margin of `group` (0 for two classes) is shared out among the columns; docs/explain.md tells what "exact" and "path" are."""
        ways = ("exact", "path")
        if how not in ways or group < 0:
            raise Error(-2, f"explain(group={group}, how={how!r}): group is 0 or more, how is 'exact' or 'path'")
        data, stride = self._rows(x)
        contributions = numpy.empty((len(data), len(self.columns)), numpy.float64)
        base, error = ctypes.c_double(), _library.CError()
        _library.check(self._library.weir_model_explain(self._open(), ways.index(how), data.ctypes.data, len(data), stride, group, None,
                                                        contributions.ctypes.data, ctypes.byref(base)), error)
        return Explanation(contributions, base.value)

    def _open(self) -> ctypes.c_void_p:
        if not self._handle:
            raise Error(-11, f"{self.label} is closed")
        return self._handle

    def _names(self, function: typing.Any) -> list[str]:
        names = ctypes.POINTER(ctypes.c_char_p)()
        return [names[i].decode() for i in range(function(self._handle, ctypes.byref(names)))]

    def _rows(self, x: typing.Any) -> tuple[Floats, int]:
        """Rows as libweir reads them, and how many floats lie from one to the next."""
        if hasattr(x, "columns") and hasattr(x, "to_numpy"):
            missing = [name for name in self.columns if name not in x.columns]
            if missing:
                raise Error(-7, f"the frame lacks {len(missing)} of the model's columns: {', '.join(missing[:5])}")
            x = x[self.columns].to_numpy(dtype=numpy.float32)
        data: Floats = numpy.asarray(x, dtype=numpy.float32)
        if data.ndim != 2 or data.shape[1] != len(self.columns):
            raise Error(-7, f"rows of shape {data.shape}; the model takes (any number, {len(self.columns)}): {', '.join(self.columns[:5])}, ...")
        between, within = data.strides
        if not data.flags.aligned or within != 4 or between % 4 or between < 4 * data.shape[1]:
            data = numpy.ascontiguousarray(data)
            between = data.strides[0]
        return data, between // 4

