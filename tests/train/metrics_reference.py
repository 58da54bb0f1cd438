"""Prints tests/train/metrics_reference.h: inputs and what scikit-learn says of them.

    python3 -m venv v && v/bin/pip install scikit-learn==1.9.1
    v/bin/python tests/train/metrics_reference.py > tests/train/metrics_reference.h
"""
import warnings

import numpy as np
import sklearn
from sklearn import metrics
from sklearn.calibration import calibration_curve

warnings.filterwarnings("ignore")
rng = np.random.default_rng(11)


def c_list(values, form):
    return "{" + ", ".join(form % v for v in values) + "}"


def emit(name, truth, prob):
    classes = prob.shape[1]
    prob = prob.astype(np.float32)
    predicted = (prob[:, 1] >= 0.5).astype(int) if classes == 2 else prob.argmax(axis=1)
    seen = sorted(set(truth) | set(predicted))
    average = "binary" if classes == 2 else "macro"
    kw = dict(average=average, zero_division=0)
    if classes != 2:
        kw["labels"] = seen
    one_hot = np.stack([truth == k for k in range(classes)], axis=1)
    has_area = [k for k in range(classes) if 0 < one_hot[:, k].sum() < len(truth)]
    if classes == 2:
        roc, pr = metrics.roc_auc_score(truth, prob[:, 1]), metrics.average_precision_score(truth, prob[:, 1])
    else:
        roc = np.mean([metrics.roc_auc_score(one_hot[:, k], prob[:, k]) for k in has_area])
        pr = np.mean([metrics.average_precision_score(one_hot[:, k], prob[:, k]) for k in has_area])
    confusion = metrics.confusion_matrix(truth, predicted, labels=range(classes))
    values = [metrics.accuracy_score(truth, predicted), metrics.precision_score(truth, predicted, **kw),
              metrics.recall_score(truth, predicted, **kw), metrics.f1_score(truth, predicted, **kw), roc, pr]
    # scikit-learn bounds probabilities by the precision of their type: bounded here, then given in float64
    wide = np.clip(prob.astype(np.float64), 2.0**-23, 1 - 2.0**-23)
    benign = 0 if name != "absent" else -1  # "absent" has no benign class
    score = prob[:, 1] if classes == 2 else 1 - prob[:, 0] if benign == 0 else prob.max(axis=1)
    positive = truth != 0 if benign == 0 else truth == prob.argmax(axis=1)
    observed, mean = calibration_curve(positive, score.astype(np.float64), n_bins=10, strategy="uniform")
    edges = np.linspace(0, 1, 11)
    sizes = np.bincount(np.searchsorted(edges[1:-1], score), minlength=10)
    macro, weighted = (dict(average=a, zero_division=0, labels=seen) for a in ("macro", "weighted"))
    fpr, tpr, _ = metrics.roc_curve(positive, score)
    more = [metrics.balanced_accuracy_score(truth, predicted), metrics.matthews_corrcoef(truth, predicted),
            *(f(truth, predicted, **kw) for kw in (macro, weighted)
              for f in (metrics.precision_score, metrics.recall_score, metrics.f1_score)),
            metrics.log_loss(truth, wide, labels=range(classes)),
            metrics.brier_score_loss(truth, prob[:, 1].astype(np.float64)) if classes == 2 else
            metrics.brier_score_loss(truth, prob.astype(np.float64), labels=range(classes)),
            np.sum(sizes[sizes > 0] / len(truth) * np.abs(observed - mean)),
            tpr[fpr <= 1e-3].max()]
    print(f"static const uint32_t {name}_truth[] = {c_list(truth, '%d')};")
    print(f"static const uint16_t {name}_predicted[] = {c_list(predicted, '%d')};")
    print(f"static const float {name}_probabilities[] = {c_list(prob.ravel(), '%.9ef')};")
    print(f"static const uint64_t {name}_confusion[] = {c_list(confusion.ravel(), '%d')};")
    print(f"static const double {name}_expected[] = {c_list(values, '%.17g')};")
    print(f"static const double {name}_more[] = {c_list(more, '%.17g')};\n")


def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


print(f"/* Made by metrics_reference.py with scikit-learn {sklearn.__version__}.")
print(" * expected: accuracy, precision, recall, f1, area under ROC, average precision. more: balanced accuracy, Matthews")
print(" * correlation; precision, recall, f1 macro, then weighted; log loss, Brier score, calibration error, recall at 1e-3. */")
print("/* clang-format off */\n")
truth = rng.integers(0, 2, 120)
p = np.round(1 / (1 + np.exp(-rng.normal(truth * 1.5 - 0.7, 1.2))), 2)  # rounded: ties
emit("two", truth, np.stack([1 - p, p], axis=1))
truth = (rng.random(90) < 0.05).astype(int)
p = np.round(rng.random(90) * 0.6, 1)  # rare positives, few distinct scores
emit("rare", truth, np.stack([1 - p, p], axis=1))
truth = rng.choice(4, 150, p=[0.6, 0.3, 0.1, 0.0])  # class 3 never true, but sometimes predicted
emit("four", truth, softmax(rng.normal(0, 1, (150, 4)) + 1.5 * np.eye(4)[truth]))
truth = rng.integers(0, 3, 60)
prob = softmax(rng.normal(0, 1, (60, 5)) + 2 * np.eye(5)[truth])
prob[:, 3:] = 0  # classes 3 and 4 neither true nor predicted
emit("absent", truth, prob)
