"""Makes tests/model/import: small models of XGBoost, LightGBM, CatBoost and scikit-learn, trained here on made-up data, and what
these libraries answer for rows that look for trouble.

    PYTHONPATH=python build/peers/bin/python tests/model/make_models.py tests/model/import

NAME.expected has a line for each row: values | leaf of each tree, -1 where the library does not say | margins | probabilities of
all classes, or the prediction. Values are float32; the libraries were given them as float64. The files in the tree were made with
the versions of tools/peers.txt; making them again gives the same rows, and models of the versions at hand.
"""
from __future__ import annotations

import json
import os
import sys

import numpy

import weir.export

COLUMNS = 6
CATEGORY = 5  # the column of categories, where a model has one
ROWS = 72
NAMES = ["dur", "sbytes", "a b", "größe", "rate", "proto"]

rng = numpy.random.default_rng(20)


def training(kinds: int = 2, categories: int = 0, missing: bool = True, zeros: bool = False) -> tuple:
    x = rng.normal(size=(400, COLUMNS))
    x[:, 1] = numpy.floor(numpy.exp(3 + 2 * x[:, 1]))  # counts
    x[:, 4] = numpy.round(x[:, 4], 1)
    if categories:
        x[:, CATEGORY] = rng.integers(0, categories, len(x))
    signal = x[:, 0] + 0.7 * numpy.sin(3 * x[:, 2]) + 0.3 * numpy.log1p(x[:, 1]) - 0.8 + 0.4 * x[:, 4]
    if categories:
        signal += (x[:, CATEGORY] % 3 == 1) * 1.5
    if missing:
        x[rng.random(x.shape) < 0.08] = numpy.nan
        if categories:
            x[numpy.isnan(x[:, CATEGORY]), CATEGORY] = 2
    if zeros:
        x[rng.random(x.shape) < 0.2] = 0
    y = numpy.digitize(signal + 0.3 * rng.normal(size=len(x)), numpy.quantile(signal, [0.55, 0.8, 0.92][: kinds - 1]))
    return x, y, signal


SPECIAL = [0.0, -0.0, 1e-45, -1e-45, 1e-40, 1e-35, -1e-35, 1.1e-35, -1.1e-35, 2e-35, 16777217.0, 9007199254740993.0, 1e18, -1e18, 1e30,
           3.4028235e38, -3.4028235e38, 1.0, -1.0]
CODES = [0, 1, 2, 3, 5, 8, 31, 32, 33, 63, 64, 100, 255, 256, 65535, 65536, 16777216, 2147483648, 1e10, -1, -5, 0.5, 1.9, -0.5, -0.0]


def rows(x: numpy.ndarray, edges: dict, infinite: bool, missing: bool, category: bool, codes: list | None = None) -> numpy.ndarray:
    """Rows near thresholds, of training values, of special ones. float32."""
    out = numpy.empty((ROWS, COLUMNS), dtype=numpy.float32)
    for r in range(ROWS):
        for c in range(COLUMNS):
            kind = rng.integers(0, 20)
            near = edges.get(c)
            value = numpy.float32(x[rng.integers(0, len(x)), c])
            if category and c == CATEGORY:
                value = numpy.float32((codes or CODES)[rng.integers(0, len(codes or CODES))] if kind < 14 else rng.integers(0, 40))
                if kind == 19 and codes is None:
                    value = numpy.float32(numpy.nan)
            elif kind < 9 and near:
                value = numpy.float32(near[rng.integers(0, len(near))])
                value = [value, numpy.nextafter(value, numpy.float32(numpy.inf)), numpy.nextafter(value, numpy.float32(-numpy.inf))][
                    rng.integers(0, 3)]
            elif kind < 12:
                value = numpy.float32(SPECIAL[rng.integers(0, len(SPECIAL))])
            elif kind == 12:
                value = numpy.float32(numpy.nan)
            elif kind == 13:
                value = numpy.float32(rng.choice([numpy.inf, -numpy.inf]))
            if not missing and numpy.isnan(value):
                value = numpy.float32(-0.25)
            if not infinite and numpy.isinf(value):
                value = numpy.float32(1e20)
            out[r, c] = value
    return out


def numbers(values: numpy.ndarray) -> str:
    return " ".join(repr(float(v)) for v in values)


def save(folder: str, name: str, x: numpy.ndarray, leaves: numpy.ndarray, margins: numpy.ndarray, outputs: numpy.ndarray) -> None:
    margins, outputs = margins.reshape(ROWS, -1), outputs.reshape(ROWS, -1)
    with open(os.path.join(folder, name + ".expected"), "w", encoding="utf-8") as file:
        for r in range(ROWS):
            # shortest texts: float32 values as float32 writes them
            values = " ".join(str(v) for v in x[r])
            file.write(f"{values} | {' '.join(str(int(v)) for v in leaves[r])} | {numbers(margins[r])} | {numbers(outputs[r])}\n")


def both(positive: numpy.ndarray) -> numpy.ndarray:
    return numpy.column_stack([1 - positive, positive])


# -- XGBoost --


def xgboost_models(folder: str) -> None:
    import xgboost

    version = xgboost.__version__

    def make(name: str, kinds: int = 2, categories: int = 0, regression: bool = False, positive: bool = False, form: str = "json",
             rounds: int = 4, **parameters: object) -> None:
        x, y, signal = training(kinds, categories)
        target = numpy.exp(signal / 2) if positive else signal if regression else y
        if parameters["objective"] == "binary:hinge":
            target = y
        types = ["c" if categories and c == CATEGORY else "q" for c in range(COLUMNS)]
        data = xgboost.DMatrix(x, target, feature_names=NAMES, feature_types=types, enable_categorical=bool(categories))
        settings = {"max_depth": 3, "eta": 0.7, "nthread": 1, "seed": 1, "max_bin": 32, **parameters}
        if kinds > 2:
            settings["num_class"] = kinds
        booster = xgboost.train(settings, data, rounds)
        file = f"xgb-{name}-{version}.{form}"
        booster.save_model(os.path.join(folder, file))
        trees = json.loads(booster.save_raw("json"))["learner"]["gradient_booster"]
        trees = (trees.get("gbtree") or trees)["model"]["trees"]
        edges: dict = {}
        for tree in trees:
            for left, column, value, kind in zip(tree["left_children"], tree["split_indices"], tree["split_conditions"],
                                                 tree["split_type"]):
                if left >= 0 and not kind:
                    edges.setdefault(column, []).append(value)
        q = rows(x, edges, True, True, bool(categories))
        margins = booster.inplace_predict(q, predict_type="margin", missing=numpy.nan, validate_features=False)
        outputs = booster.inplace_predict(q, missing=numpy.nan, validate_features=False)
        finite = numpy.isfinite(q) | numpy.isnan(q)
        leaves = numpy.full((ROWS, len(trees)), -1)
        good = finite.all(axis=1)
        matrix = xgboost.DMatrix(q[good], feature_names=NAMES, feature_types=types, enable_categorical=bool(categories))
        leaves[good] = booster.predict(matrix, pred_leaf=True).reshape(int(good.sum()), -1)
        if parameters["objective"] == "binary:logitraw":
            outputs = 1 / (1 + numpy.exp(-margins.astype(numpy.float64)))
        if parameters["objective"] in ("binary:logistic", "binary:logitraw", "binary:hinge"):
            outputs = both(outputs.astype(numpy.float64))
        save(folder, file, q, leaves, margins, outputs)

    make("category", categories=40, objective="binary:logistic", tree_method="hist", max_cat_to_onehot=4)
    make("category-ubj", categories=40, form="ubj", objective="binary:logistic", tree_method="hist", max_cat_to_onehot=1)
    make("one-hot", categories=9, objective="binary:logistic", tree_method="hist", max_cat_to_onehot=20)
    make("forest", objective="binary:logistic", num_parallel_tree=3, subsample=0.6, rounds=2)
    make("forest-multi", kinds=3, form="ubj", objective="multi:softprob", num_parallel_tree=2, subsample=0.6, rounds=2)
    make("dart", objective="binary:logistic", booster="dart", rate_drop=0.4, rounds=6)
    make("dart-multi", kinds=3, objective="multi:softprob", booster="dart", rate_drop=0.4)
    make("hinge", objective="binary:hinge")
    make("squared", regression=True, objective="reg:squarederror")
    make("absolute", regression=True, form="ubj", objective="reg:absoluteerror")
    make("huber", regression=True, objective="reg:pseudohubererror")
    make("poisson", positive=True, objective="count:poisson")
    make("gamma", positive=True, form="ubj", objective="reg:gamma")
    make("tweedie", positive=True, objective="reg:tweedie", tweedie_variance_power=1.3)
    make("base", objective="binary:logistic", base_score=0.2)


# -- LightGBM --


def lightgbm_models(folder: str) -> None:
    import lightgbm

    def make(name: str, kinds: int = 2, categories: int = 0, regression: bool = False, positive: bool = False, rounds: int = 4,
             missing: bool = True, zeros: bool = False, factor: float = 1, telling: bool = False, **parameters: object) -> None:
        x, y, signal = training(kinds, categories, missing, zeros)
        if telling:  # that a value is missing tells the class: thresholds of infinity
            y = numpy.where(numpy.isnan(x[:, 4]), 1, y * (rng.random(len(x)) < 0.3))
        target = numpy.exp(signal / 2) if positive else signal if regression else y
        if parameters["objective"] in ("cross_entropy", "cross_entropy_lambda"):
            target = 1 / (1 + numpy.exp(-signal))
        settings = {"num_leaves": 9, "learning_rate": 0.4, "verbose": -1, "min_data_in_leaf": 8, "num_threads": 1, "seed": 3,
                    "max_bin": 63, "min_data_per_group": 5, "deterministic": True, **parameters}
        if kinds > 2:
            settings["num_class"] = kinds
        data = lightgbm.Dataset(x, target, categorical_feature=[CATEGORY] if categories else [],
                                feature_name=[n.replace(" ", "_") for n in NAMES])
        booster = lightgbm.train(settings, data, rounds)
        file = f"lgb-{name}.txt"
        booster.save_model(os.path.join(folder, file))
        edges: dict = {}

        def walk(node: dict) -> None:
            if "split_feature" in node:
                if node["decision_type"] == "<=":
                    edges.setdefault(node["split_feature"], []).append(node["threshold"])
                walk(node["left_child"])
                walk(node["right_child"])

        for tree in booster.dump_model()["tree_info"]:
            walk(tree["tree_structure"])
        q = rows(x, edges, True, True, bool(categories))
        wide = q.astype(numpy.float64)
        margins = booster.predict(wide, raw_score=True) * factor
        outputs = booster.predict(wide)
        leaves = booster.predict(wide, pred_leaf=True).reshape(ROWS, -1)
        if parameters["objective"] in ("binary", "cross_entropy"):
            outputs = both(outputs)
        save(folder, file, q, leaves, margins, outputs)

    make("binary", objective="binary")
    make("none", objective="binary", missing=False, zeros=True, use_missing=False)
    make("no-missing-seen", objective="binary", missing=False)
    make("zero", objective="binary", zeros=True, zero_as_missing=True)
    make("category", categories=40, objective="binary", cat_smooth=1, cat_l2=1)
    make("category-few", categories=4, objective="binary", max_cat_to_onehot=8)
    make("sigmoid", objective="binary", sigmoid=1.7, factor=1.7)
    make("multi", kinds=3, categories=12, objective="multiclass")
    make("ova", kinds=4, objective="multiclassova", sigmoid=0.8, factor=0.8, rounds=2)
    make("forest", objective="binary", boosting="rf", bagging_freq=1, bagging_fraction=0.6, factor=1 / 4)  # raw_score is the sum
    make("forest-multi", kinds=3, objective="multiclass", boosting="rf", bagging_freq=1, bagging_fraction=0.6, rounds=3, factor=1 / 3)
    make("dart", objective="binary", boosting="dart", drop_rate=0.5, rounds=6)
    make("goss", objective="binary", data_sample_strategy="goss")
    make("regression", regression=True, objective="regression")
    make("poisson", positive=True, objective="poisson")
    make("cross-entropy", objective="cross_entropy")
    make("cross-entropy-lambda", objective="cross_entropy_lambda")
    make("lone-leaf", objective="binary", min_gain_to_split=1e9, rounds=1)
    make("missing-alone", objective="binary", telling=True)


# -- CatBoost --


def catboost_models(folder: str) -> None:
    import catboost
    import pandas

    def make(name: str, kinds: int = 2, categories: int = 0, regression: bool = False, positive: bool = False, rounds: int = 4,
             names: bool = False, **parameters: object) -> None:
        x, y, signal = training(kinds, categories)
        target = numpy.exp(signal / 2) if positive else signal if regression else y

        def frame(values: numpy.ndarray) -> pandas.DataFrame:
            out = pandas.DataFrame(values.astype(numpy.float64), columns=NAMES)
            if categories:
                out["proto"] = out["proto"].astype(int)
            return out

        cat = ["proto"] if categories else None
        pool = catboost.Pool(frame(x), target, cat_features=cat)
        model = catboost.CatBoost({"iterations": rounds, "depth": 3, "learning_rate": 0.5, "verbose": 0, "thread_count": 1,
                                   "random_seed": 5, "allow_writing_files": False, "border_count": 40, "one_hot_max_size": 64,
                                   **parameters})
        model.fit(pool)
        file = f"cat-{name}.json"
        path = os.path.join(folder, file)
        model.save_model(path, format="json", pool=pool)
        with open(path, encoding="utf-8") as handle:
            text = json.load(handle)
        del text["model_info"]["train_finish_time"], text["model_info"]["model_guid"], text["model_info"]["output_options"]
        with open(path, "w", encoding="utf-8") as handle:
            json.dump(text, handle, separators=(",", ":"))
        edges = {f["flat_feature_index"]: f["borders"] or [] for f in text["features_info"]["float_features"]}
        q = rows(x, edges, True, True, bool(categories), [0, 1, 2, 3, 5, 8, 9, 11, 63, 65535, 65536, 100000, -1, -5])
        asked = catboost.Pool(frame(q), cat_features=cat)
        margins = model.predict(asked, prediction_type="RawFormulaVal")
        leaves = model.calc_leaf_indexes(asked)
        outputs = margins
        if not regression and not positive:
            outputs = model.predict(asked, prediction_type="Probability")
        elif positive:
            outputs = model.predict(asked, prediction_type="Exponent")
        save(folder, file, q, leaves, margins, outputs)

    make("binary", loss_function="Logloss")
    make("nan-max", loss_function="Logloss", nan_mode="Max")
    make("one-hot", categories=12, loss_function="Logloss", rounds=6)
    make("depthwise", loss_function="Logloss", grow_policy="Depthwise", depth=4)
    make("lossguide", kinds=3, loss_function="MultiClass", grow_policy="Lossguide", max_leaves=7)
    make("multi", kinds=3, loss_function="MultiClass")
    make("ova", kinds=4, loss_function="MultiClassOneVsAll", rounds=3)
    make("rmse", regression=True, loss_function="RMSE")
    make("poisson", positive=True, loss_function="Poisson")
    make("deep", loss_function="Logloss", depth=6, rounds=2)


# -- scikit-learn --


def sklearn_models(folder: str) -> None:
    import sklearn.ensemble
    import sklearn.tree

    def make(name: str, model: object, kinds: int = 2, categories: int = 0, regression: bool = False, positive: bool = False,
             missing: bool = True, infinite: bool = False, base: int = 0) -> None:
        x, y, signal = training(kinds, categories, missing)
        if categories:
            x[:, CATEGORY] = x[:, CATEGORY] * 3 + base
        target = numpy.exp(signal / 2) if positive else signal if regression else y
        model.fit(x, target)  # type: ignore[attr-defined]
        file = f"skl-{name}.json"
        weir.export.write(model, os.path.join(folder, file))
        edges: dict = {}
        for tree in weir.export.document(model)["trees"]:
            for left, column, value in zip(tree["left"], tree["column"], tree["threshold"]):
                if left >= 0 and numpy.isfinite(value):
                    edges.setdefault(column, []).append(value)
        codes = [-1, 0, 1, base, base + 1, base + 3, base + 6, base + 9, base + 12, base + 15, base + 60, 255, 256, 300, 70000]
        q = rows(x, edges, infinite, missing, bool(categories), codes)
        if categories:
            q[::9, CATEGORY] = numpy.nan
        wide = q.astype(numpy.float64)
        leaves = numpy.zeros((ROWS, 0))
        if hasattr(model, "apply"):
            leaves = model.apply(wide).reshape(ROWS, -1)
        elif hasattr(model, "estimators_"):
            leaves = numpy.column_stack([e.apply(wide) for e in model.estimators_])
        if regression or positive:
            outputs = margins = model.predict(wide)  # type: ignore[attr-defined]
            if positive:
                margins = numpy.log(outputs)
        else:
            outputs = model.predict_proba(wide)  # type: ignore[attr-defined]
            if hasattr(model, "decision_function"):
                margins = model.decision_function(wide)
                if kinds > 2 and type(model).__name__ == "AdaBoostClassifier":
                    margins = margins / (kinds - 1)
                if getattr(model, "loss", "") == "exponential":
                    margins = margins * 2
            else:
                margins = outputs[:, 1] if kinds == 2 else outputs
        save(folder, file, q, leaves, margins, outputs)

    e, t = sklearn.ensemble, sklearn.tree
    make("forest", e.RandomForestClassifier(4, max_leaf_nodes=12, random_state=1))
    make("forest-multi", e.RandomForestClassifier(4, max_leaf_nodes=12, random_state=1), kinds=3)
    make("forest-regression", e.RandomForestRegressor(3, max_leaf_nodes=12, random_state=1), regression=True)
    make("extra", e.ExtraTreesClassifier(4, max_leaf_nodes=14, random_state=1), missing=False)
    make("extra-multi", e.ExtraTreesClassifier(3, max_leaf_nodes=14, random_state=1), kinds=4, missing=True)
    make("tree", t.DecisionTreeClassifier(max_leaf_nodes=20, random_state=1))
    make("tree-multi", t.DecisionTreeClassifier(max_leaf_nodes=20, random_state=1), kinds=3, missing=False)
    make("boosting", e.GradientBoostingClassifier(n_estimators=5, max_depth=3, random_state=1), missing=False)
    make("boosting-exponential", e.GradientBoostingClassifier(n_estimators=5, loss="exponential", random_state=1), missing=False)
    make("boosting-multi", e.GradientBoostingClassifier(n_estimators=3, max_depth=2, random_state=1), kinds=3, missing=False)
    make("boosting-regression", e.GradientBoostingRegressor(n_estimators=5, max_depth=3, random_state=1), regression=True, missing=False)
    hist = {"max_iter": 4, "max_leaf_nodes": 8, "min_samples_leaf": 8, "early_stopping": False, "random_state": 1, "max_bins": 32}
    make("hist", e.HistGradientBoostingClassifier(**hist), infinite=True)
    make("hist-category", e.HistGradientBoostingClassifier(categorical_features=[CATEGORY], **hist), categories=9, base=4)
    make("hist-multi", e.HistGradientBoostingClassifier(categorical_features=[CATEGORY], **hist), kinds=3, categories=9, infinite=True)
    make("hist-regression", e.HistGradientBoostingRegressor(**hist), regression=True, infinite=True)
    make("hist-poisson", e.HistGradientBoostingRegressor(loss="poisson", **hist), positive=True, infinite=True)
    make("ada", e.AdaBoostClassifier(t.DecisionTreeClassifier(max_depth=2), n_estimators=5, random_state=1), missing=False)
    make("ada-multi", e.AdaBoostClassifier(t.DecisionTreeClassifier(max_depth=3), n_estimators=4, random_state=1), kinds=3, missing=False)


def main() -> None:
    folder = sys.argv[1]
    wanted = sys.argv[2:]
    for name, make in {"xgb": xgboost_models, "lgb": lightgbm_models, "cat": catboost_models, "skl": sklearn_models}.items():
        if not wanted or name in wanted:
            global rng
            rng = numpy.random.default_rng(20)
            make(folder)


if __name__ == "__main__":
    main()
