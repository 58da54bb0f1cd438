"""Writes a scikit-learn model as the JSON that `weir model import` reads.

    python -m weir.export model.joblib -o model.json
    weir model import model.json -o model.weir

Reads what joblib.dump or pickle.dump wrote; unpickling runs code, so open only files that you trust. Or, with the model at hand:

    import weir.export
    weir.export.write(model, "model.json")

Random forests, extra trees, decision trees, gradient boosting, histogram gradient boosting (classifiers and regressors), AdaBoost
classifiers over decision trees and isolation forests. docs/import.md describes the JSON. scikit-learn is not imported here; unpickling needs it.
"""
from __future__ import annotations

import argparse
import json
import pickle
import sys
import typing

import numpy

VERSION = 1
SET_MAX = 65536  # categories that weir takes: 0 to 65,535

Json = typing.Dict[str, typing.Any]


class ExportError(ValueError):
    """The model is none that weir can score; the message says why."""


# -- trees --


def _lists(left: numpy.ndarray, right: numpy.ndarray, column: numpy.ndarray, threshold: numpy.ndarray, missing_left: numpy.ndarray,
           leaf: numpy.ndarray, cover: numpy.ndarray, gain: numpy.ndarray, group: int) -> Json:
    """One tree. leaf: a row for each node; only those of the leaves are kept."""
    inner = left >= 0
    return {
        "group": group,
        "left": numpy.where(inner, left, -1).tolist(),
        "right": numpy.where(inner, right, -1).tolist(),
        "column": numpy.where(inner, column, 0).tolist(),
        "threshold": numpy.where(inner, threshold, 0.0).tolist(),
        "missing_left": numpy.where(inner, missing_left, 0).astype(int).tolist(),
        "leaf": leaf[~inner].ravel().tolist(),
        "cover": cover.tolist(),
        "gain": gain.tolist(),
    }


def _tree(tree: typing.Any, leaf: numpy.ndarray, group: int = 0) -> Json:
    """A sklearn.tree._tree.Tree with these leaf values. Gain: the weighted decrease of impurity."""
    left, right = tree.children_left, tree.children_right
    weight, impurity = tree.weighted_n_node_samples, tree.impurity
    inner = left >= 0
    gain = numpy.zeros(len(left))
    gain[inner] = (weight[inner] * impurity[inner] - weight[left[inner]] * impurity[left[inner]]
                   - weight[right[inner]] * impurity[right[inner]])
    missing_left = getattr(tree, "missing_go_to_left", numpy.zeros(len(left)))
    return _lists(left, right, tree.feature, tree.threshold, missing_left, leaf, weight, gain, group)


def _shares(tree: typing.Any) -> numpy.ndarray:
    """[nodes][classes]; counts before scikit-learn 1.3, shares since."""
    value = tree.value[:, 0, :]
    return value / value.sum(axis=1, keepdims=True)


# -- the kinds of models --


def _single_output(model: typing.Any) -> None:
    if getattr(model, "n_outputs_", 1) != 1:
        raise ExportError(f"{model.n_outputs_} outputs; weir scores one label a row")


def _forest(model: typing.Any, trees: list, algorithm: str) -> Json:
    """Means over trees: of class shares, or of predictions."""
    _single_output(model)
    n = len(trees)
    if not hasattr(model, "classes_"):
        return {"algorithm": algorithm, "objective": "regression", "link": "identity",
                "trees": [_tree(t, t.value[:, 0, :] / n) for t in trees]}
    classes = len(model.classes_)
    if classes < 2:
        raise ExportError("a model of one class")
    columns = slice(1, 2) if classes == 2 else slice(None)
    return {"algorithm": algorithm, "objective": "classification", "link": "probability", "groups": 1 if classes == 2 else classes,
            "width": 1 if classes == 2 else classes, "trees": [_tree(t, _shares(t)[:, columns] / n) for t in trees]}


def _gradient_boosting(model: typing.Any) -> Json:
    init = model.init_
    if not (isinstance(init, str) or type(init).__name__ in ("DummyClassifier", "DummyRegressor")):
        raise ExportError(f"gradient boosting that begins with a {type(init).__name__}; weir adds trees to a constant")
    base = numpy.ravel(model._raw_predict_init(numpy.zeros((1, model.n_features_in_), dtype=numpy.float32)))
    # The probability of the exponential loss is that of twice the margin.
    factor = 2.0 if hasattr(model, "classes_") and model.loss == "exponential" else 1.0
    trees = [_tree(e.tree_, e.tree_.value[:, 0, :] * (model.learning_rate * factor), group)
             for stage in model.estimators_ for group, e in enumerate(stage)]
    return {"algorithm": "gradient-boosting", "objective": model.loss,
            "link": "logistic" if hasattr(model, "classes_") else "identity", "groups": len(base),
            "base": (base * factor).tolist(), "trees": trees}


def _bits(words: numpy.ndarray) -> set[int]:
    return {32 * w + b for w, word in enumerate(words.tolist()) for b in range(32) if word >> b & 1}


def _hist_gradient_boosting(model: typing.Any) -> Json:
    categorical = model.is_categorical_
    features = numpy.arange(model.n_features_in_)
    codes: dict[int, list[int]] = {}  # the category that each code of a column stands for
    preprocessor = getattr(model, "_preprocessor", None)
    if preprocessor is not None and categorical is not None:
        features = numpy.concatenate([features[categorical], features[~categorical]])  # it puts categories first
        for column, values in zip(features.tolist(), preprocessor.named_transformers_["encoder"].categories_):
            codes[column] = [_category(model, column, v) for v in values.tolist()]
    known, place = model._bin_mapper.make_known_categories_bitsets()
    links = {"IdentityLink": "identity", "LogLink": "exp", "LogitLink": "logistic", "MultinomialLogit": "logistic"}
    link = type(model._loss.link).__name__
    if link not in links:
        raise ExportError(f"a loss with {link}: weir does not know what its margins mean")
    trees = []
    for stage in model._predictors:
        for group, predictor in enumerate(stage):
            nodes = predictor.nodes
            inner = nodes["is_leaf"] == 0
            column = features[numpy.where(inner, nodes["feature_idx"], 0)]
            threshold = numpy.where(nodes["is_categorical"] != 0, 0.0, nodes["num_threshold"])
            tree = _lists(numpy.where(inner, nodes["left"].astype(numpy.int64), -1), nodes["right"].astype(numpy.int64), column,
                          threshold, nodes["missing_go_to_left"], nodes["value"][:, None], nodes["count"].astype(float),
                          nodes["gain"], group)
            tree["gain"] = numpy.where(inner, nodes["gain"], 0.0).tolist()
            sets = []
            for node in numpy.flatnonzero(inner & (nodes["is_categorical"] != 0)).tolist():
                left = _bits(predictor.raw_left_cat_bitsets[nodes["bitset_idx"][node]])
                # An unknown category goes where a missing value goes: the set holds those that go to the other side.
                missing_left = bool(nodes["missing_go_to_left"][node])
                here = _bits(known[place[nodes["feature_idx"][node]]]) - left if missing_left else left
                table = codes.get(int(column[node]))
                members = (c if table is None else table[c] for c in here)
                sets.append({"node": node, "side": "right" if missing_left else "left",
                             "categories": sorted(c for c in members if c < SET_MAX)})
            if sets:
                tree["sets"] = sets
            trees.append(tree)
    base = numpy.ravel(model._baseline_prediction)
    return {"algorithm": "hist-gradient-boosting", "objective": model.loss, "link": links[link], "groups": len(base),
            "base": base.tolist(), "trees": trees}


def _category(model: typing.Any, column: int, value: typing.Any) -> int:
    if isinstance(value, float) and value != value:
        return SET_MAX  # missing: never asked for, a missing value goes its own way
    if isinstance(value, str) or value != int(value) or not 0 <= value < SET_MAX:
        raise ExportError(f"category {value!r} of column {column}; weir takes whole numbers from 0 to {SET_MAX - 1}: "
                          "code categories as numbers before training")
    return int(value)


def _ada_boost(model: typing.Any) -> Json:
    if getattr(model, "algorithm", "SAMME") not in ("SAMME", "deprecated"):
        raise ExportError(f"AdaBoost with algorithm {model.algorithm}; weir scores SAMME")
    classes = model.classes_.tolist()
    k = len(classes)
    total = float(numpy.sum(model.estimator_weights_[: len(model.estimators_)]))
    trees = []
    for estimator, weight in zip(model.estimators_, model.estimator_weights_):
        if not hasattr(estimator, "tree_"):
            raise ExportError(f"AdaBoost over {type(estimator).__name__}; weir scores it over decision trees")
        label = [classes.index(c) for c in estimator.classes_.tolist()]
        vote = numpy.asarray(label)[numpy.argmax(estimator.tree_.value[:, 0, :], axis=1)]
        share = float(weight) / total
        if k == 2:  # the second class's votes less the first one's; the margin is its log odds
            leaf = numpy.where(vote == 1, 2 * share, -2 * share)[:, None]
        else:
            leaf = numpy.full((len(vote), k), -share / (k - 1))
            leaf[numpy.arange(len(vote)), vote] = share
            leaf /= k - 1  # probabilities are the softmax of this part of the votes
        trees.append(_tree(estimator.tree_, leaf))
    return {"algorithm": "ada-boost", "objective": "classification", "link": "logistic", "groups": 1 if k == 2 else k,
            "width": 1 if k == 2 else k, "trees": trees}


def _usual_way(rows: numpy.ndarray) -> numpy.ndarray:
    """The mean way to a leaf in a tree that is cut at random until each of so many rows is alone."""
    n = numpy.maximum(rows, 3).astype(float)
    return numpy.where(rows <= 2, numpy.where(rows <= 1, 0.0, 1.0),
                       2 * (numpy.log(n - 1) + numpy.euler_gamma) - 2 * (n - 1) / n)


def _isolation_forest(model: typing.Any) -> Json:
    """A leaf adds minus the way to it, as a share of the usual way; 2 to the sum's power is the score."""
    usual = float(_usual_way(numpy.asarray(model.max_samples_))) * len(model.estimators_)
    trees = []
    for estimator, features in zip(model.estimators_, model.estimators_features_):
        tree = estimator.tree_
        depth = numpy.zeros(tree.node_count)
        for node in numpy.flatnonzero(tree.children_left >= 0):  # a parent stands before its children
            depth[tree.children_left[node]] = depth[tree.children_right[node]] = depth[node] + 1
        way = depth + _usual_way(tree.n_node_samples)
        leaf = -way / usual if usual > 0 else numpy.full(len(way), -1 / len(model.estimators_))
        out = _tree(tree, leaf[:, None])
        out["column"] = numpy.where(tree.children_left >= 0, features[numpy.maximum(tree.feature, 0)], 0).tolist()
        out["gain"] = numpy.zeros(tree.node_count).tolist()  # its labels were noise
        trees.append(out)
    return {"algorithm": "isolation-forest", "objective": "isolation", "link": "isolation", "trees": trees}


def document(model: typing.Any) -> Json:
    """The model as JSON objects. ExportError: weir cannot score it."""
    name = type(model).__name__
    if name in ("RandomForestClassifier", "RandomForestRegressor"):
        parts = _forest(model, [e.tree_ for e in model.estimators_], "random-forest")
    elif name in ("ExtraTreesClassifier", "ExtraTreesRegressor"):
        parts = _forest(model, [e.tree_ for e in model.estimators_], "extra-trees")
    elif name in ("DecisionTreeClassifier", "DecisionTreeRegressor", "ExtraTreeClassifier", "ExtraTreeRegressor"):
        parts = _forest(model, [model.tree_], "decision-tree")
    elif name in ("GradientBoostingClassifier", "GradientBoostingRegressor"):
        parts = _gradient_boosting(model)
    elif name in ("HistGradientBoostingClassifier", "HistGradientBoostingRegressor"):
        parts = _hist_gradient_boosting(model)
    elif name == "AdaBoostClassifier":
        parts = _ada_boost(model)
    elif name == "IsolationForest":
        parts = _isolation_forest(model)
    else:
        raise ExportError(f"a {name}; weir scores scikit-learn's RandomForest, ExtraTrees, DecisionTree, GradientBoosting, "
                          "HistGradientBoosting (Classifier and Regressor), AdaBoostClassifier and IsolationForest")
    names = getattr(model, "feature_names_in_", None)
    classes = getattr(model, "classes_", None)
    head = {
        "weir_export": VERSION,
        "algorithm": parts.pop("algorithm"),
        "objective": parts.pop("objective"),
        "link": parts.pop("link"),
        "columns": int(model.n_features_in_),
        "groups": parts.pop("groups", 1),
        "width": parts.pop("width", 1),
        "base": parts.pop("base", []),
        "names": None if names is None else [str(n) for n in names],
        "classes": None if classes is None else [str(c) for c in classes.tolist()],
    }
    return {**head, **parts}


def write(model: typing.Any, path: str) -> None:
    """Writes the model to a file. ExportError: weir cannot score it."""
    text = json.dumps(document(model), separators=(",", ":"))
    with open(path, "w", encoding="utf-8") as file:
        file.write(text + "\n")


def load(path: str) -> typing.Any:
    """What joblib.dump or pickle.dump wrote. Runs code of the file: only for files that you trust."""
    try:
        import joblib
    except ImportError:
        with open(path, "rb") as file:
            return pickle.load(file)
    return joblib.load(path)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m weir.export", description="Writes a scikit-learn model for `weir model import`.",
                                     epilog="example: python -m weir.export forest.joblib -o forest.json")
    parser.add_argument("model", help="what joblib.dump or pickle.dump wrote; only open files that you trust")
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="the JSON to write")
    options = parser.parse_args(arguments)
    try:
        write(load(options.model), options.output)
    except ExportError as error:
        print(f"weir.export: {options.model}: {error}", file=sys.stderr)
        return 1
    except ImportError as error:
        print(f"weir.export: {options.model}: {error}; install what the model was made with", file=sys.stderr)
        return 1
    except (OSError, pickle.UnpicklingError, EOFError) as error:
        print(f"weir.export: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
