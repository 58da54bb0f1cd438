"""weir in Python: weir.Model loads, scores and explains models, weir.survey runs the tasks of a survey (both through libweir.so);
weir.frame reads and writes batch frames, weir.export writes scikit-learn models for weir (both without it)."""
from ._library import Error
from .model import Explanation, Model, Shape, Verdicts

__all__ = ["Error", "Explanation", "Model", "Shape", "Verdicts"]
__version__ = "0.1.0"
