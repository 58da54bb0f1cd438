"""The yardsticks of `weir bench forest` that are used from Python: told what to do on standard input, a line each.

    python peers.py FOLDER COLUMNS ROWS      (x.f32 and y.f32 are in FOLDER; the first ROWS rows are scored, the rest trains)

    train WHAT               trains catboost or sklearn, leaves FOLDER/WHAT.json for weir
    load WHAT                reads FOLDER/xgboost.json with treelite, tl2cgen or onnxruntime
    margins WHAT             leaves FOLDER/margins.f64: margins (sklearn: probabilities) of the scored rows
    seconds WHAT BATCH N     CPU seconds in which WHAT scores N batches
"""
import os
import sys
import time

import numpy

FOLDER, COLUMNS, ROWS = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
ANSWERS = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what the libraries print is no answer
X = numpy.fromfile(os.path.join(FOLDER, "x.f32"), numpy.float32).reshape(-1, COLUMNS)
Y = numpy.fromfile(os.path.join(FOLDER, "y.f32"), numpy.float32)
SCORERS = {}  # what -> a function that makes batches ready, and one that scores such a batch


def rows(batch, i):
    first = i % max(ROWS // batch, 1) * batch
    return X[first : first + batch]


def train(what):
    path = os.path.join(FOLDER, what + ".json")
    if what == "catboost":
        import catboost

        model = catboost.CatBoostClassifier(iterations=100, depth=6, thread_count=1, random_seed=1, verbose=0, allow_writing_files=False)
        model.fit(X[ROWS:], Y[ROWS:])
        model.save_model(path, format="json")
        score = lambda batch: model.predict(batch, prediction_type="RawFormulaVal", thread_count=1)
        SCORERS["catboost"] = (lambda batch: batch, score)
        SCORERS["catboost-pool"] = (catboost.Pool, score)
        return "CatBoost " + catboost.__version__
    import sklearn.ensemble
    import weir_export

    model = sklearn.ensemble.RandomForestClassifier(100, n_jobs=1, random_state=1).fit(X[ROWS:], Y[ROWS:])
    model.n_jobs = 1
    weir_export.write(model, path)
    SCORERS[what] = (lambda batch: batch, lambda batch: model.predict_proba(batch)[:, 1])
    return "scikit-learn %s, %d nodes" % (sklearn.__version__, sum(tree.tree_.node_count for tree in model.estimators_))


def load(what):
    path = os.path.join(FOLDER, "xgboost.json")
    if what == "onnxruntime":
        import onnxmltools
        import onnxruntime
        import xgboost
        from onnxmltools.convert.common.data_types import FloatTensorType

        model = xgboost.XGBClassifier()
        model.load_model(path)
        graph = onnxmltools.convert_xgboost(model, initial_types=[("x", FloatTensorType([None, COLUMNS]))])
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])
        name = session.get_outputs()[1].name

        def score(batch):
            return session.run([name], {"x": batch})[0][:, 1]

        SCORERS[what] = (lambda batch: batch, score)
        return "ONNX Runtime " + onnxruntime.__version__
    import treelite

    model = treelite.frontend.load_xgboost_model(path)
    if what == "treelite":
        SCORERS[what] = (lambda batch: batch, lambda batch: treelite.gtil.predict(model, batch, nthread=1, pred_margin=True))
        return "Treelite " + treelite.__version__
    import tl2cgen

    library = os.path.join(FOLDER, "tl2cgen.so")
    tl2cgen.export_lib(model, toolchain="gcc", libpath=library, params={"parallel_comp": 2})
    predictor = tl2cgen.Predictor(library, nthread=1)
    SCORERS[what] = (tl2cgen.DMatrix, lambda batch: predictor.predict(batch, pred_margin=True))
    return "TL2cgen " + tl2cgen.__version__


def margins(what):
    ready, score = SCORERS[what]
    numpy.asarray(score(ready(X[:ROWS])), numpy.float64).reshape(-1).tofile(os.path.join(FOLDER, "margins.f64"))
    return ""


def seconds(what, batch, repeats):
    ready, score = SCORERS[what]
    batches = [ready(rows(int(batch), i)) for i in range(min(int(repeats), 4))]
    begun = time.process_time()
    for i in range(int(repeats)):
        score(batches[i % len(batches)])
    return repr(time.process_time() - begun)


def main():
    for line in sys.stdin:
        command, *words = line.split()
        try:
            answer = "ok " + {"train": train, "load": load, "margins": margins, "seconds": seconds}[command](*words)
        except Exception as why:  # whatever it is: the bench says that this yardstick is missing
            answer = "no %s: %s" % (type(why).__name__, " ".join(str(why).split()))
        ANSWERS.write(answer + "\n")
        ANSWERS.flush()


main()
