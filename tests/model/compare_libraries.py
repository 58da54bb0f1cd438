"""Models trained on the spot, of XGBoost, LightGBM, CatBoost and scikit-learn: imported, and compared with their libraries.

    compare_libraries.py WEIR PYTHON_FOLDER

On rows of float32 (`weir predict`): margins within one unit in the last place a tree of XGBoost's, within 1e-6 of the others', and
the same class. On rows of float64 (`weir model import --check`): the share of other classes is printed. The data: random rows with
missing values, extreme values and categories; with WEIR_DATA set, the flows of UNSW-NB15 too. The libraries are those of
build/peers, of WEIR_PEERS or of the system; exit 77 = skipped, there are none.
"""
import csv
import os
import pathlib
import subprocess
import sys
import tempfile

LIBRARIES = ("numpy", "xgboost", "lightgbm", "catboost", "sklearn", "pandas", "joblib")


def find_libraries() -> None:
    """Starts again in a Python that has the libraries."""
    import importlib.util

    missing = [name for name in LIBRARIES if importlib.util.find_spec(name) is None]
    if not missing:
        return
    root = pathlib.Path(__file__).resolve().parents[2]
    places = [root / "build/peers/bin/python", pathlib.Path(os.environ.get("WEIR_PEERS", "/nonexistent")) / "bin/python"]
    for python in places:
        if python.exists() and not os.environ.get("WEIR_COMPARE_AGAIN"):
            os.environ["WEIR_COMPARE_AGAIN"] = "1"
            if "WEIR_PEERS" not in os.environ:
                os.environ["WEIR_PEERS"] = str(python.parents[1])
            os.execv(str(python), [str(python), *sys.argv])
    print(f"skipped: no Python has {', '.join(missing)}; `tools/setup peers` installs them")
    sys.exit(77)


if len(sys.argv) != 3:
    sys.exit(__doc__)
find_libraries()
WEIR = sys.argv[1]
sys.path.insert(0, sys.argv[2])

import joblib  # noqa: E402
import numpy  # noqa: E402

import weir.export  # noqa: E402

failures = 0


def random_data(seed: int) -> tuple:
    rng = numpy.random.default_rng(seed)
    x = rng.normal(size=(1500, 8))
    x[:, 1] = numpy.floor(numpy.exp(4 * x[:, 1]))  # counts to 10^6 and beyond
    x[:, 2] *= 10.0 ** rng.integers(-30, 30, len(x))  # all sizes, denormals of float32 among them
    x[:, 3] = rng.integers(0, 30, len(x))  # categories
    x[:, 4] = rng.integers(2**40, 2**62, len(x)).astype(float)  # int64 that float32 cannot hold
    x[rng.random(len(x)) < 0.1, 5] = numpy.nan
    x[rng.random(len(x)) < 0.3, 6] = -0.0
    score = x[:, 0] + numpy.log1p(x[:, 1]) / 4 + (x[:, 3] % 4 == 1) + numpy.nan_to_num(x[:, 5]) + 0.3 * rng.normal(size=len(x))
    return f"random {seed}", x, numpy.digitize(score, numpy.quantile(score, [0.6, 0.85]))


def flows() -> list:
    folder = os.environ.get("WEIR_DATA")
    if not folder:
        print("WEIR_DATA is not set: no models of real flows")
        return []
    with open(os.path.join(folder, "flows/unsw-nb15/UNSW_NB15_training-set.csv"), encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))[::20]
    texts = {"proto", "service", "state"}
    names = [n for n in rows[0] if n not in {"id", "label", "attack_cat"}]
    tables = {n: {v: i for i, v in enumerate(sorted({r[n] for r in rows}))} for n in texts}
    x = numpy.array([[tables[n][r[n]] if n in texts else float(r[n] or "nan") for n in names] for r in rows])
    x = numpy.concatenate([x[:, :3], x[:, 3:4], x[:, 4:]], axis=1)
    label = numpy.array([int(r["label"]) for r in rows])
    generic = numpy.array([r["attack_cat"].strip() == "Generic" for r in rows])
    return [("UNSW-NB15", x, label + generic)]


def write_rows(path: str, x: numpy.ndarray) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(",".join(f"c{i}" for i in range(x.shape[1])) + "\n")
        for row in x:
            file.write(",".join("" if v != v else str(v) for v in row) + "\n")


def run(*words: str) -> str:
    done = subprocess.run([WEIR, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"weir {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def compare(name: str, folder: str, x: numpy.ndarray, file: str, original: str, margins: object, ulps: int) -> None:
    """margins: those of the library for float32 rows given as float64; ulps: 0, or trees of a float32 sum."""
    global failures
    columns = ",".join(f"c{i}" for i in range(x.shape[1]))
    narrow, wide, model, out = (os.path.join(folder, n) for n in ("narrow.csv", "wide.csv", "m.weir", "out.csv"))
    x32 = x.astype(numpy.float32)
    write_rows(narrow, x32)
    write_rows(wide, x)
    check = run("model", "import", file, "-o", model, "--columns", columns, "--quiet", "--check", wide, "--original", original)
    run("predict", model, "--data", narrow, "-o", out, "--quiet")
    theirs = numpy.asarray(margins(x32.astype(numpy.float64)), dtype=numpy.float64).reshape(len(x), -1)
    with open(out, encoding="ascii", newline="") as handle:
        rows = list(csv.DictReader(handle))
    keys = [k for k in rows[0] if k == "margin" or k.startswith("margin_")]
    ours = numpy.array([[float(r[k]) for k in keys] for r in rows])
    largest = numpy.abs(theirs).max()
    allowed = numpy.spacing(numpy.float32(max(largest, 1))) * ulps if ulps else 1e-6 * numpy.abs(theirs) + 1e-12
    wrong = int((~(numpy.abs(ours - theirs) <= allowed)).any(axis=1).sum()) if ours.shape == theirs.shape else len(x)
    failures += wrong > 0
    print(f"{name}: {wrong} of {len(x)} rows with another margin in float32; in float64 {check.strip()}", flush=True)


def compare_all(data: str, x: numpy.ndarray, kinds: numpy.ndarray, category: int, folder: str) -> None:
    import catboost
    import lightgbm
    import pandas
    import sklearn.ensemble
    import xgboost

    binary = (kinds > 0).astype(int)
    types = ["c" if c == category else "q" for c in range(x.shape[1])]

    def path(name: str) -> str:
        return os.path.join(folder, name)

    for label, y, settings in (("binary", binary, {"objective": "binary:logistic"}),
                               ("multi", kinds, {"objective": "multi:softprob", "num_class": 3})):
        matrix = xgboost.DMatrix(x, y, feature_types=types, enable_categorical=True)
        booster = xgboost.train({"max_depth": 6, "nthread": 1, **settings}, matrix, 20)
        for form in ("json", "ubj"):
            booster.save_model(path("m." + form))
            compare(f"{data}: XGBoost {label} {form}", folder, x, path("m." + form), path("m." + form),
                    lambda q: booster.inplace_predict(q, predict_type="margin"), 20)
    for label, y, settings in (("binary", binary, {"objective": "binary"}), ("multi", kinds, {"objective": "multiclass", "num_class": 3})):
        booster = lightgbm.train({"verbose": -1, "num_threads": 1, "num_leaves": 31, "zero_as_missing": label == "multi", **settings},
                                 lightgbm.Dataset(x, y, categorical_feature=[category]), 20)
        booster.save_model(path("m.txt"))
        compare(f"{data}: LightGBM {label}", folder, x, path("m.txt"), path("m.txt"), lambda q: booster.predict(q, raw_score=True), 0)
    for label, y, settings in (("binary", binary, {}), ("multi", kinds, {"loss_function": "MultiClass", "grow_policy": "Lossguide"})):
        def frame(q: numpy.ndarray) -> object:
            out = pandas.DataFrame(q)
            out[category] = out[category].astype(int)
            return out

        pool = catboost.Pool(frame(x), y, cat_features=[category])
        model = catboost.CatBoostClassifier(iterations=20, verbose=0, thread_count=1, allow_writing_files=False, one_hot_max_size=255,
                                            max_ctr_complexity=1, **settings)
        model.fit(pool)
        model.save_model(path("cat.json"), format="json", pool=pool)
        compare(f"{data}: CatBoost {label}", folder, x, path("cat.json"), path("cat.json"),
                lambda q: model.predict(frame(q), prediction_type="RawFormulaVal"), 0)
    e = sklearn.ensemble
    finite = numpy.nan_to_num(x)
    for label, model, y, rows in (
        ("random forest", e.RandomForestClassifier(20, random_state=1), binary, x),
        ("random forest of 3 classes", e.RandomForestClassifier(10, random_state=1), kinds, x),
        ("extra trees", e.ExtraTreesClassifier(10, random_state=1), binary, finite),
        ("gradient boosting", e.GradientBoostingClassifier(n_estimators=10, random_state=1), kinds, finite),
        ("histogram gradient boosting", e.HistGradientBoostingClassifier(max_iter=20, categorical_features=[category]), binary, x),
        ("AdaBoost", e.AdaBoostClassifier(n_estimators=10, random_state=1), binary, finite),
    ):
        model.fit(rows, y)
        joblib.dump(model, path("m.joblib"))
        weir.export.write(model, path("skl.json"))

        def margins(q: numpy.ndarray) -> numpy.ndarray:
            if hasattr(model, "decision_function"):
                return model.decision_function(q)
            p = model.predict_proba(q)
            return p[:, 1] if p.shape[1] == 2 else p

        compare(f"{data}: scikit-learn's {label}", folder, rows, path("skl.json"), path("m.joblib"), margins, 0)


def main() -> int:
    sets = [(*random_data(1), 3), *((*data, 1) for data in flows())]
    for data, x, kinds, category in sets:
        with tempfile.TemporaryDirectory() as folder:
            compare_all(data, x, kinds, category, folder)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
