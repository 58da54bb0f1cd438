"""Makes the model files of this folder: tiny models of one XGBoost version, with the margins that this version predicts.

    python3 -m venv v && v/bin/pip install numpy scipy xgboost==3.2.0 && v/bin/python make.py

Writes <kind>-<version>.json or .ubj and, beside it, <the same>.margins: a line a row, its values, '|', its margins, printed to
read back exactly. test_xgboost.c loads the first and compares with the second.
"""
import pathlib

import numpy as np
import xgboost as xgb

KINDS = {
    "binary": (2, "json", {"objective": "binary:logistic"}),
    "raw": (2, "ubj", {"objective": "binary:logitraw", "base_score": 0.3}),
    "base": (2, "ubj", {"objective": "binary:logistic", "base_score": 0.1}),
    "multi": (3, "ubj", {"objective": "multi:softprob", "num_class": 3}),
    "dart": (2, "json", {"objective": "binary:logistic", "booster": "dart", "rate_drop": 0.5, "one_drop": 1}),
}
COLUMNS = ["dur", "sbytes", "a b", "größe"]

here = pathlib.Path(__file__).parent
rng = np.random.default_rng(1)
x = rng.normal(size=(400, len(COLUMNS))).astype(np.float32)
x[:, 2] = np.floor(x[:, 2] * 3)
x[rng.random(x.shape) < 0.1] = np.nan
total = np.nan_to_num(x) @ np.array([1, -2, 0.5, 1.5]) + rng.normal(size=400) * 0.3

for kind, (classes, form, params) in KINDS.items():
    y = np.digitize(total, [0.4] if classes == 2 else [-1, 1])
    data = xgb.DMatrix(x, y, feature_names=COLUMNS)
    booster = xgb.train({"max_depth": 2, "nthread": 1, "seed": 3, **params}, data, num_boost_round=3)
    name = f"{kind}-{xgb.__version__}.{form}"
    booster.save_model(here / name)
    margins = booster.predict(xgb.DMatrix(x[:60], feature_names=COLUMNS), output_margin=True).reshape(60, -1)
    with open(here / (name + ".margins"), "w") as out:
        for row, margin in zip(x[:60], margins):
            print(*("%.9g" % v for v in row), "|", *("%.9g" % v for v in margin), file=out)
