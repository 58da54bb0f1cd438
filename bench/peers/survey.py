"""The second paper's experiment as its readers would write it: scikit-learn's classifiers, one after another and as Ray tasks.

    python survey.py WHAT.json        then a line a request on standard input, a line of JSON an answer

WHAT.json: {"train": CSV, "test": CSV, "label": column, "benign": value, "columns": [...], "categories": {column: [...]}, "tasks": [[algorithm, seed], ...]}
or         {"frame": FRAME of `weir survey`, "split": name, "tasks": ...}

    sequential [A:S,..]  each task, or these, in this process, one after another
    ray N                each task as a Ray task of one CPU, on a cluster of N that this process starts and ends

An answer: {"start_s": .., "wall_s": .., ("cpu_s": .., sequential only) "tasks": [{"algorithm", "seed", "fit_s", "score_s", "accuracy", "precision", "recall", "f1"}, ...]}; wall_s is from the first
task's start to the last one's end, start_s is what Ray took before. Defaults of each library but for one thread (n_jobs=1) and the seed, no scaling,
float64. What is missing, which scikit-learn does not take, is the column's mean, as in weir; columns and codes of texts are weir's.
"""
import json
import os
import secrets
import struct
import sys
import time
import warnings

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
if "RAY_AUTH_MODE" not in os.environ:
    os.environ["RAY_AUTH_MODE"], os.environ["RAY_AUTH_TOKEN"] = "token", secrets.token_hex(32)
MISSING = ["", "NaN", "nan", "NA", "N/A", "null", "none", "-", "?", "(empty)"]


def knn(seed):
    from sklearn.neighbors import KNeighborsClassifier
    return KNeighborsClassifier(n_jobs=1)


def decision_tree(seed):
    from sklearn.tree import DecisionTreeClassifier
    return DecisionTreeClassifier(random_state=seed)


def mlp(seed):
    from sklearn.neural_network import MLPClassifier
    return MLPClassifier(random_state=seed)


def svm(seed):
    from sklearn.svm import SVC
    return SVC(random_state=seed)


def random_forest(seed):
    from sklearn.ensemble import RandomForestClassifier
    return RandomForestClassifier(n_jobs=1, random_state=seed)


def logistic_regression(seed):
    from sklearn.linear_model import LogisticRegression
    return LogisticRegression(random_state=seed)


def gaussian_nb(seed):
    from sklearn.naive_bayes import GaussianNB
    return GaussianNB()


def lda(seed):
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    return LinearDiscriminantAnalysis()


def linear_svm(seed):
    from sklearn.svm import LinearSVC
    return LinearSVC(random_state=seed)


def adaboost(seed):
    from sklearn.ensemble import AdaBoostClassifier
    return AdaBoostClassifier(random_state=seed)


def xgboost(seed):
    from xgboost import XGBClassifier
    return XGBClassifier(n_jobs=1, random_state=seed)


def lightgbm(seed):
    from lightgbm import LGBMClassifier
    return LGBMClassifier(n_jobs=1, random_state=seed, verbose=-1)


def catboost(seed):
    from catboost import CatBoostClassifier
    return CatBoostClassifier(thread_count=1, random_seed=seed, verbose=0, allow_writing_files=False)


MODELS = {"knn": knn, "decision-tree": decision_tree, "mlp": mlp, "svm": svm, "random-forest": random_forest,
          "logistic-regression": logistic_regression, "gaussian-nb": gaussian_nb, "lda": lda, "linear-svm": linear_svm, "adaboost": adaboost,
          "xgboost": xgboost, "lightgbm": lightgbm, "catboost": catboost}


def header(path):
    """Names as weir makes them: without outer blanks; the second of two is called name_1."""
    import csv

    with open(path, encoding="utf-8-sig", newline="") as file:
        names = [name.strip() for name in next(csv.reader(file))]
    for i, name in enumerate(names):
        copy = 0
        while names[i] in names[:i]:
            copy += 1
            names[i] = "%s_%d" % (name, copy)
    return names


def read(path, what):
    """Rows as float64, and 1 where they are no benign ones."""
    import numpy
    import pandas

    names = header(path)
    texts = {name: str for name in [*what["categories"], what["label"]]}
    table = pandas.read_csv(path, header=0, names=names, encoding="utf-8-sig", dtype=texts, na_values=MISSING, keep_default_na=False,
                            usecols=[*what["columns"], what["label"]], skipinitialspace=True, low_memory=False)
    x = numpy.empty((len(table), len(what["columns"])))
    for i, name in enumerate(what["columns"]):
        column = table[name]
        if name in what["categories"]:
            column = column.str.strip().map({text: code for code, text in enumerate(what["categories"][name])})
        x[:, i] = pandas.to_numeric(column, errors="coerce")
    x[~(numpy.abs(x) <= 3.4028234663852886e38)] = numpy.nan
    return x, (table[what["label"]].str.strip() != what["benign"]).to_numpy(numpy.int64)


def read_frame(path, split):
    """The split's rows of a frame (docs/survey.md): ((training rows, 1 where they are no benign ones), (test rows, the same))"""
    import numpy

    data = numpy.fromfile(path, numpy.uint8)
    _, columns, rows, _, head, _ = struct.unpack("<2I4Q", data[8:48].tobytes())
    about = json.loads(data[64 : 64 + head].tobytes())
    pad = lambda n: -(-n // 64) * 64
    at, step, bits = 64 + pad(head), pad(4 * rows), pad((rows + 7) // 8)
    attack = numpy.array([int(k != about["benign"]) if k >= 0 else -1 for k in about["class_of"]])[data[at : at + 4 * rows].view("<u4")]
    x = numpy.stack([data[at + (c + 1) * step :][: 4 * rows].view("<f4") for c in range(columns)], axis=1).astype(numpy.float64)
    first = at + (columns + 1) * step + 2 * bits * [s["name"] for s in about["splits"]].index(split)
    sides = [numpy.unpackbits(data[first + i * bits :][:bits], bitorder="little")[:rows].astype(bool) & (attack >= 0) for i in range(2)]
    return tuple((x[side], attack[side]) for side in sides)


def load(what):
    import numpy

    (train, y), (test, truth) = read_frame(what["frame"], what["split"]) if "frame" in what else (read(what["train"], what), read(what["test"], what))
    if numpy.isnan(train).any() or numpy.isnan(test).any():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a column without any value has no mean
            mean = numpy.nan_to_num(numpy.nanmean(train, axis=0))
        for x in train, test:
            rows, columns = numpy.nonzero(numpy.isnan(x))
            x[rows, columns] = mean[columns]
    return train, y, test, truth


def fit(algorithm, seed, train, y, test, truth):
    from sklearn.metrics import accuracy_score, precision_recall_fscore_support

    warnings.simplefilter("ignore")
    model = MODELS[algorithm](seed)
    start = time.monotonic()
    model.fit(train, y)
    fitted = time.monotonic()
    found = model.predict(test)
    scored = time.monotonic()
    precision, recall, f1, _ = precision_recall_fscore_support(truth, found, average="binary", zero_division=0)
    return {"algorithm": algorithm, "seed": seed, "fit_s": fitted - start, "score_s": scored - fitted,
            "accuracy": float(accuracy_score(truth, found)), "precision": float(precision), "recall": float(recall), "f1": float(f1)}


def load_libraries(algorithms):
    """What a first call pays for its imports is no training time."""
    for algorithm in algorithms:
        MODELS[algorithm](0)
    import sklearn.metrics  # noqa: F401


def sequential(data, tasks):
    load_libraries({algorithm for algorithm, _ in tasks})
    start, cpu = time.monotonic(), time.process_time()
    done = [fit(algorithm, seed, *data) for algorithm, seed in tasks]
    return {"start_s": 0.0, "wall_s": time.monotonic() - start, "cpu_s": time.process_time() - cpu, "tasks": done}


def start_ray(ray, processes):
    """Ray gives its start 30 s; a machine that has much else to do may want longer."""
    for attempt in range(3):
        try:
            ray.init(address="local", num_cpus=processes, include_dashboard=False, log_to_driver=False, logging_level="error", configure_logging=False)
            return
        except Exception:
            ray.shutdown()
            if attempt == 2:
                raise


def parallel(data, tasks, processes):
    import ray

    begin = time.monotonic()
    start_ray(ray, processes)
    try:
        ready = ray.remote(num_cpus=1)(lambda algorithms: load_libraries(algorithms) or time.sleep(0.2))
        algorithms = sorted({algorithm for algorithm, _ in tasks})
        ray.get([ready.remote(algorithms) for _ in range(processes)])  # a worker a CPU, its libraries loaded
        start = time.monotonic()
        parts = [ray.put(part) for part in data]
        task = ray.remote(num_cpus=1)(fit)
        done = ray.get([task.remote(algorithm, seed, *parts) for algorithm, seed in tasks])
        return {"start_s": start - begin, "wall_s": time.monotonic() - start, "tasks": done}
    finally:
        ray.shutdown()


def main():
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the libraries print is no answer

    def answer(what):
        answers.write(json.dumps(what) + "\n")
        answers.flush()

    with open(sys.argv[1]) as file:
        what = json.load(file)
    try:
        import ray
        import sklearn
    except ImportError as error:
        answer({"missing": error.name})
        return
    what["tasks"] = [tuple(task) for task in what["tasks"]]
    try:
        data = load(what)
    except (OSError, ValueError, KeyError) as error:
        answer({"error": "%s: %s" % (what.get("frame") or what["train"], error)})
        return
    answer({"sklearn": sklearn.__version__, "ray": ray.__version__, "train_rows": len(data[0]), "test_rows": len(data[2]),
            "columns": data[0].shape[1], "unknown": sorted({a for a, _ in what["tasks"]} - set(MODELS))})
    what["tasks"] = [task for task in what["tasks"] if task[0] in MODELS]
    for line in sys.stdin:
        words = line.split()
        if words[0] == "ray":
            answer(parallel(data, what["tasks"], int(words[1])))
        elif len(words) == 1:
            answer(sequential(data, what["tasks"]))
        else:
            answer(sequential(data, [(a, int(s)) for a, s in (task.split(":") for task in words[1].split(","))]))


if __name__ == "__main__":
    main()
