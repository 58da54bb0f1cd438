"""Trainers against scikit-learn: the same rows, the same parameters, the same probabilities.

Usage: compare_sklearn.py WEIR. Without scikit-learn it says so and is skipped (77); `tools/setup peers` installs it."""
import csv
import os
import subprocess
import sys
import tempfile
import warnings

WEIR = os.path.abspath(sys.argv[1])
PEERS = os.path.join(os.path.dirname(WEIR), "peers", "bin", "python")
try:
    import numpy as np
    from catboost import CatBoostClassifier
    from lightgbm import LGBMClassifier
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.ensemble import AdaBoostClassifier, IsolationForest
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import LinearSVC
    from sklearn.neural_network import MLPClassifier
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC
except ImportError:
    if os.access(PEERS, os.X_OK) and os.path.realpath(sys.prefix) != os.path.realpath(os.path.dirname(os.path.dirname(PEERS))):
        os.execv(PEERS, [PEERS, *sys.argv])
    print("scikit-learn, LightGBM or CatBoost is not installed; tools/setup peers brings them")
    sys.exit(77)

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "python"))
import weir.export  # noqa: E402

COLUMNS = 12


def rows(classes, seed):
    """Columns of very different size, one of them constant, one a copy of another."""
    r = np.random.default_rng(seed)
    y = r.integers(0, classes, 900)
    x = r.normal(size=(900, COLUMNS)) + 0.9 * r.normal(size=(classes, COLUMNS))[y]
    x *= 10.0 ** r.integers(-2, 4, COLUMNS)
    x[:, 3] = 7
    x[:, 5] = x[:, 4]
    return x.astype(np.float32), y


def write(path, x, y):
    with open(path, "w", newline="") as file:
        out = csv.writer(file)
        out.writerow([f"f{c}" for c in range(COLUMNS)] + ["label"])
        for row, label in zip(x, y):
            out.writerow([repr(float(v)) for v in row] + [f"c{label}"])


def ours(folder, algorithm, classes, *more):
    data, model, out = (os.path.join(folder, name) for name in ("d.csv", "m.weir", "p.csv"))
    kind = ["--multiclass"] if classes > 2 else ["--benign", "c0"]
    subprocess.run([WEIR, "train", "--data", data, "--label", "label", *kind, "--test", data, "--algorithm", algorithm, "-o", model, "--quiet", "--json", *more],
                   check=True, stdout=subprocess.DEVNULL)
    subprocess.run([WEIR, "predict", model, "--data", data, "-o", out], check=True, stderr=subprocess.DEVNULL)
    with open(out, newline="") as file:
        read = list(csv.DictReader(file))
    if classes == 2:
        return np.array([[float(r["margin"])] for r in read])
    return np.array([[float(r[f"margin_{k}"]) for k in range(classes)] for r in read])


def isolation():
    """Forests are random: the same forest scores alike, ours score the same rows alike on average."""
    x, y = rows(2, 7)
    wide = x.astype(np.float64)
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        data, model, document, out = (os.path.join(folder, name) for name in ("d.csv", "m.weir", "m.json", "p.csv"))
        write(data, x, y)

        def scores():
            subprocess.run([WEIR, "predict", model, "--data", data, "-o", out], check=True, stderr=subprocess.DEVNULL)
            with open(out, newline="") as file:
                read = list(csv.DictReader(file))
            return np.array([float(r["score"]) for r in read]), np.array([r["class"] == "attack" for r in read])

        theirs = IsolationForest(n_estimators=300, random_state=1).fit(wide[y == 0])
        weir.export.write(theirs, document)
        subprocess.run([WEIR, "model", "import", document, "-o", model, "--columns", ",".join(f"f{c}" for c in range(COLUMNS))],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wanted = -theirs.score_samples(wide)
        got, alerts = scores()
        away = float(np.max(np.abs(got - wanted)))
        print(f"isolation-forest: imported: scores differ by {away:.2g} at most")
        if not away <= 1e-6 or (alerts != (theirs.predict(wide) < 0))[np.abs(wanted - 0.5) > 1e-6].any():
            wrong.append("isolation-forest, imported")
        ours(folder, "isolation-forest", 2, "--param", "n_estimators=300")
        got, alerts = scores()
        away, alike = float(np.mean(np.abs(got - wanted))), float(np.corrcoef(got, wanted)[0, 1])
        print(f"isolation-forest: trained: scores differ by {away:.2g} on average, correlation {alike:.4f}")
        if not (away <= 0.01 and alike >= 0.98):
            wrong.append("isolation-forest, trained")
        ours(folder, "isolation-forest", 2, "--param", "rows=all", "--param", "contamination=0.1")
        share, bound = float(np.mean(scores()[1])), 0.1
        print(f"isolation-forest: contamination {bound}: {share:.3f} are attacks")
        if abs(share - bound) > 0.003:
            wrong.append("isolation-forest, contamination")
    return wrong


def support_vectors(folder, classes):
    """The same optimum: our margins are its decision values times one factor, whatever that is."""
    wrong = []
    for theirs, more in ((make_pipeline(StandardScaler(), LinearSVC(tol=1e-9, max_iter=100000)), ["--scale", "standard"]),
                         (LinearSVC(C=0.01, tol=1e-9, max_iter=100000), ["--param", "C=0.01"])):
        x, y = rows(classes, 50 + classes)
        if not more[0].startswith("--scale"):
            x = (x / np.where(np.std(x, axis=0) > 0, np.std(x, axis=0), 1)).astype(np.float32)  # liblinear does not get there otherwise
        write(os.path.join(folder, "d.csv"), x, y)
        theirs.fit(x.astype(np.float64), y)
        wanted = theirs.decision_function(x.astype(np.float64)).reshape(len(y), -1)
        got = ours(folder, "linear-svm", classes, "--param", "tol=1e-8", *more)
        factor = float(np.sum(got * wanted) / np.sum(wanted * wanted))
        away = float(np.max(np.abs(got / factor - wanted) / (1 + np.abs(wanted))))
        print(f"linear-svm {' '.join(more)}: {classes} classes: margins are {factor:.3g} times the decision values, differ by {away:.2g} at most")
        if not (away <= 1e-4 and factor > 0.1):
            wrong.append("linear-svm")
    return wrong


def cross_entropy(margins, y):
    z = np.column_stack([np.zeros(len(y)), margins]) if margins.shape[1] == 1 else margins
    z = z - z.max(axis=1, keepdims=True)
    return float(np.mean(np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(y)), y]))


def perceptrons(folder, classes):
    """Weights begin at random: after as many epochs the mean loss over some seeds is the same."""
    wrong = []
    x, y = rows(classes, 60 + classes)
    write(os.path.join(folder, "d.csv"), x, y)
    wide = StandardScaler().fit_transform(x.astype(np.float64))
    for layers, epochs in (((100,), 60), ((40, 20), 60)):
        losses = [[], []]
        for seed in (1, 2, 3):
            theirs = MLPClassifier(layers, max_iter=epochs, tol=0, random_state=seed)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                theirs.fit(wide, y)
            losses[0].append(float(-np.mean(np.log(np.clip(theirs.predict_proba(wide)[np.arange(len(y)), y], 1e-15, 1)))))
            got = ours(folder, "mlp", classes, "--scale", "standard", "--seed", str(seed), "--param", "hidden=" + ",".join(map(str, layers)),
                       "--param", f"max_iter={epochs}", "--param", "tol=0", "--param", "n_iter_no_change=1000")
            losses[1].append(cross_entropy(got, y))
        mean = [float(np.mean(l)) for l in losses]
        print(f"mlp {layers}: {classes} classes: mean loss {mean[0]:.4f} there, {mean[1]:.4f} here")
        if not abs(mean[1] / mean[0] - 1) <= 0.08:
            wrong.append("mlp")
    return wrong


def log_odds(p):
    """The parts of margins that probabilities tell: against the first class."""
    p = np.log(np.clip(p, 1e-300, None))
    return p[:, 1:] - p[:, :1]


def neighbours(folder, x, y, classes):
    """Shares of votes are the same numbers, but where rows are equally near."""
    wrong = 0
    write(os.path.join(folder, "d.csv"), x, y)
    x = x.astype(np.float64)
    for scale, k, weights in ((False, 5, "uniform"), (True, 4, "distance")):
        theirs = KNeighborsClassifier(n_neighbors=k, weights=weights, algorithm="kd_tree")
        wide = StandardScaler().fit_transform(x) if scale else x
        theirs.fit(wide, y)
        got = ours(folder, "knn", classes, "--param", f"n_neighbors={k}", "--param", f"weights={weights}", *(["--scale", "standard"] if scale else []))
        wanted = theirs.predict_proba(wide)
        wanted = wanted[:, 1:] if classes == 2 else wanted
        differ = np.flatnonzero(np.max(np.abs(got - wanted), axis=1) > 1e-6)
        far = theirs.kneighbors(wide, k + 1)[0]
        ties = [r for r in differ if far[r, k] - far[r, k - 1] <= 1e-12 * far[r, k]]
        print(f"knn k={k} {weights}{' scaled' if scale else ''}: {classes} classes: {len(differ)} of {len(y)} rows differ, {len(ties)} of them ties {ties}")
        wrong += len(differ) - len(ties)
    return wrong


def kernel_machines(folder, x, y, classes):
    """Decisions are the same within the tolerance; of three classes where no vote hangs on it."""
    worst = 0
    write(os.path.join(folder, "d.csv"), x, y)
    for scale, C, gamma in ((True, 20, 0.1), (False, 1, "scale")):
        wide = x.astype(np.float64)
        wide = StandardScaler().fit_transform(wide) if scale else wide
        theirs = SVC(C=C, gamma=gamma, tol=1e-5, decision_function_shape="ovo").fit(wide, y)
        got = ours(folder, "svm", classes, "--param", f"C={C}", "--param", f"gamma={gamma}", "--param", "tol=1e-5", "--param", "calibration=none", *(["--scale", "standard"] if scale else []))
        pairs = theirs.decision_function(wide).reshape(len(y), -1)
        sure = np.min(np.abs(pairs), axis=1) > 1e-3
        theirs.decision_function_shape = "ovr"
        wanted = theirs.decision_function(wide).reshape(len(y), -1)
        away = float(np.max(np.abs(got - wanted)[sure]))
        print(f"svm C={C} gamma={gamma}{' scaled' if scale else ''}: {classes} classes: margins of {sure.sum()} rows differ by {away:.2g} at most")
        worst = max(worst, away)
    return worst


def main():
    worst = {}
    wrong_neighbours = 0
    wrong_vectors = []
    for classes in (2, 3):
        plain, y = rows(classes, 40 + classes)
        few = np.round(plain / (np.std(plain, axis=0) + 1e-9) * 8).astype(np.float32)  # fewer values than bins
        with tempfile.TemporaryDirectory() as folder:
            cases = [
                ("adaboost", AdaBoostClassifier(random_state=1), []),
                ("adaboost", AdaBoostClassifier(n_estimators=20, learning_rate=0.5, random_state=1), ["--param", "n_estimators=20", "--param", "learning_rate=0.5"]),
                ("catboost", CatBoostClassifier(iterations=60, thread_count=1, random_seed=1, verbose=False, allow_writing_files=False), ["--param", "trees=60"]),
                ("gaussian-nb", GaussianNB(), []),
                ("lightgbm", LGBMClassifier(n_jobs=1, deterministic=True, force_col_wise=True, verbosity=-1), []),
                ("gaussian-nb", make_pipeline(StandardScaler(), GaussianNB()), ["--scale", "standard"]),
                ("lda", LinearDiscriminantAnalysis(), []),
                ("logistic-regression", make_pipeline(StandardScaler(), LogisticRegression(tol=1e-9, max_iter=10000)), ["--scale", "standard", "--param", "tol=1e-7", "--param", "max_iter=1000"]),
                ("logistic-regression", LogisticRegression(solver="newton-cholesky", tol=1e-9, max_iter=1000), ["--param", "tol=1e-7", "--param", "max_iter=1000"]),
            ]
            for name, theirs, more in cases:
                x = few if name == "adaboost" else plain
                wide = x.astype(np.float64)
                write(os.path.join(folder, "d.csv"), x, y)
                theirs.fit(wide, y)
                got = ours(folder, name, classes, *more)
                if classes > 2:
                    got = got[:, 1:] - got[:, :1]
                wanted = log_odds(theirs.predict_proba(wide))
                away = float(np.max(np.abs(got - wanted) / (1 + np.abs(wanted))))
                print(f"{name} {' '.join(more)}: {classes} classes: margins differ by {away:.2g} at most")
                worst[name] = max(worst.get(name, 0), away)
            wrong_neighbours += neighbours(folder, plain, y, classes)
            worst["svm"] = max(worst.get("svm", 0), kernel_machines(folder, plain, y, classes))
            wrong_vectors += support_vectors(folder, classes) + perceptrons(folder, classes)
    limits = {"adaboost": 1e-6, "catboost": 1e-5, "lightgbm": 1e-5, "gaussian-nb": 1e-5, "lda": 1e-4, "logistic-regression": 2e-3, "svm": 1e-3}
    wrong = [name for name in limits if not worst[name] <= limits[name]] + isolation() + wrong_vectors
    if wrong_neighbours:
        wrong.append("knn")
    if wrong:
        sys.exit(f"too far from scikit-learn: {', '.join(wrong)}")


if __name__ == "__main__":
    main()
