"""The papers' tables on data that is at hand: what was published, scikit-learn with Ray here, weir here.

    python bench/papers.py WEIR DATA OUT.md [--rows N] [--processes 1,2,4,8] [--only s1|s2]

WEIR is the program, DATA a folder of data sets as tests take it in WEIR_DATA (DATA/flows/...), OUT.md the page (`make papers` writes docs/papers.md). Run it with a
Python that has scikit-learn, Ray and the boosting libraries (`tools/setup peers`: build/peers/bin/python). Both sides read the same frame that
`weir survey` has written, so the same rows train and test, one thread a task, defaults, nothing scaled. --rows N takes a sample of about so many of each
experiment's rows when there are more, --processes other numbers of processes; the page says so.

Nothing is published here that the project's documents do not name: such cells say so. Sets that are not in DATA are named with the command that would run them.
"""
import argparse
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
FULL_ROWS = 1_000_000  # of CIC-IDS2017: more is the full set, of which the paper took a fifth

# What each experiment wants. `sets`: name, pattern below DATA/flows.
EXPERIMENTS = [
    {"key": "s1", "title": "S1: eight algorithms on merged data sets, 80/20",
     "algorithms": ["gaussian-nb", "logistic-regression", "lda", "linear-svm", "xgboost", "lightgbm", "catboost", "adaboost"],
     "sets": [("CIC-IDS2017", "cicids2017/*.csv"), ("UNSW-NB15", "unsw-nb15/*.csv"), ("IoT-23", "iot-23/*.csv")],
     "absent": [("ToN-IoT", "ton-iot/*.csv"), ("CSE-CIC-IDS2018", "cse-cic-ids2018/*.csv"), ("HIKARI-2021", "hikari-2021/*.csv"),
                ("NF-UNSW-NB15-v2", "nf-unsw-nb15-v2/*.csv"), ("NF-ToN-IoT-v2", "nf-ton-iot-v2/*.csv"),
                ("NF-CSE-CIC-IDS2018-v2", "nf-cse-cic-ids2018-v2/*.csv")],
     "common": True, "processes": [2],
     "paper": "Basuki and others, Parallel Micro-Batching and Scalable Inferencing for ML-Based Malicious Traffic Detection, SciTePress 2025; its flow rates are "
              "in `docs/paper.md`"},
    {"key": "s2", "title": "S2: seven algorithms on CIC-IDS2017, all features",
     "algorithms": ["knn", "decision-tree", "mlp", "svm", "random-forest", "logistic-regression", "gaussian-nb"],
     "sets": [("CIC-IDS2017", "cicids2017/*.csv")], "absent": [], "common": False, "processes": [1, 2, 4, 8],
     "paper": "Fernandes and Lopes, A Simple Distributed Approach for Running Machine Learning Based Simulations in Intrusion Detection Systems, IoECon 2023, "
              "doi 10.1007/978-3-031-51572-9_6; published: 817 s one after another, 370 s at best with 1, 2, 4 and 8 processes, a speed-up of 2.2 on 8 cores"},
]
NAMES = {"gaussian-nb": "naive Bayes", "logistic-regression": "logistic regression", "lda": "LDA", "linear-svm": "linear SVM", "svm": "SVM (RBF)",
         "xgboost": "XGBoost", "lightgbm": "LightGBM", "catboost": "CatBoost", "adaboost": "AdaBoost", "knn": "k nearest neighbours",
         "decision-tree": "decision tree", "mlp": "MLP", "random-forest": "random forest"}


def say(text):
    print("papers: " + text, file=sys.stderr, flush=True)


def run(*command, check=True):
    done = subprocess.run(command, capture_output=True, text=True)
    if check and done.returncode:
        sys.exit("papers: %s\n%s" % (" ".join(command), done.stderr))
    return done


def trained(weir):
    """The algorithms of this weir."""
    text = run(weir, "survey", "--data", "/nonexistent", "--out", "/nonexistent", "--algorithms", "none-of-them", check=False).stderr
    return {word.strip(" .\n") for word in text.rpartition("there are:")[2].split(",")}


def survey(weir, patterns, out, options, jobs):
    data = [word for pattern in patterns for word in ("--data", pattern)]
    return json.loads(run(weir, "survey", *data, *options, "--out", out, "--jobs", str(jobs), "--importance", "none", "--json", "--quiet").stdout)


class Peer:
    """bench/peers/survey.py on a frame."""

    def __init__(self, folder, frame, split, tasks):
        what = os.path.join(folder, "what.json")
        with open(what, "w") as file:
            json.dump({"frame": frame, "split": split, "tasks": tasks}, file)
        self.process = subprocess.Popen([sys.executable, "-W", "ignore", os.path.join(HERE, "peers", "survey.py"), what], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.hello = self.answer()
        if "missing" in self.hello or "error" in self.hello:
            sys.exit("papers: %s; tools/setup peers brings the libraries, and build/peers/bin/python has them" % self.hello)

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit("papers: scikit-learn's side failed; its message is above")
        return json.loads(line)

    def ask(self, request):
        self.process.stdin.write(request + "\n")
        self.process.stdin.flush()
        return self.answer()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def number(value, form):
    return "" if value is None else form % value


def by_algorithm(tasks):
    return {task["algorithm"]: task for task in tasks}


def took(task):
    return task["fit_s"] + task["score_s"]


def experiment(what, options, folder, write):
    there, gone = [], []
    for name, pattern in what["sets"] + what["absent"]:
        (there if glob.glob(os.path.join(options.data, "flows", pattern)) else gone).append((name, pattern))
    write("## %s\n" % what["title"])
    if not there:
        write("None of its data is in the folder.\n")
    else:
        measure(what, there, options, folder, write)
    if gone:
        write("\n**Not at hand**, so no row of the paper that leans on them is reproduced here. With the files in `DATA/flows`, `make papers DATA=...` takes them;\n"
              "alone:\n")
        for name, pattern in gone:
            write("    weir survey --data 'DATA/flows/%s' --algorithms %s --out out   # %s" % (pattern, ",".join(what["algorithms"]), name))
        write("")


def measure(what, there, options, folder, write):
    files = [os.path.join(options.data, "flows", pattern) for _, pattern in there]
    processes = options.processes or what["processes"]
    known = trained(options.weir)
    algorithms = [a for a in what["algorithms"] if a in known]
    out = os.path.join(folder, what["key"])
    flags = ["--algorithms", ",".join(algorithms), "--seed", "1", *(["--common"] if what["common"] else [])]
    say("%s: weir, one after another" % what["key"])
    rows = count_rows(files)
    share = 0.2 if what["key"] == "s2" and rows > FULL_ROWS else 1
    share = min(share, options.rows / rows) if options.rows else share
    if share < 1:
        flags += ["--sample", "%.6f" % share]
    ours = {1: survey(options.weir, files, out + "-1", flags, 1)}
    with open(os.path.join(out + "-1", "plan.json")) as file:
        plan = json.load(file)
    (name, data), = plan["data"].items()
    first = next(task for task in ours[1]["tasks"] if task["status"] == "done")
    peer = Peer(folder, os.path.join(out + "-1", data["frame"]), plan["tasks"][0]["split"], [[a, 1] for a in algorithms])
    say("%s: scikit-learn, one after another" % what["key"])
    theirs = {0: peer.ask("sequential")}
    for jobs in processes:
        say("%s: %d processes" % (what["key"], jobs))
        if jobs > 1:
            ours[jobs] = survey(options.weir, files, "%s-%d" % (out, jobs), flags, jobs)
        theirs[jobs] = peer.ask("ray %d" % jobs)
    peer.close()
    a, b = by_algorithm(ours[1]["tasks"]), by_algorithm(theirs[0]["tasks"])
    train, test = first["result"]["train_rows"], first["result"]["test_rows"]
    write("%s: %d rows%s, %d columns%s; %d train, %d test, drawn label by label (`--seed 1`), attack against benign. Fingerprint `%s`.\n" % (
        " + ".join(name for name, _ in there), train + test, "" if share == 1 else " (a sample of %.1f %%)" % (100 * share), first["result"]["columns"],
        ", those that the sets have in common (`--common`)" if what["common"] else "", train, test, data["fingerprint"]))
    write("| algorithm | published | scikit-learn: accuracy | precision | F1 | fit + score, s | weir: accuracy | precision | F1 | fit + score, s | times faster |")
    write("|---|---|---|---|---|---|---|---|---|---|---|")
    for algorithm in what["algorithms"]:
        mine, other = a.get(algorithm), b.get(algorithm)
        cells = [NAMES[algorithm], "*"]
        cells += [number(other[key], "%.4f") for key in ("accuracy", "precision", "f1")] + ["%.2f" % took(other)] if other else ["", "", "", ""]
        if mine and mine["status"] == "done":
            cells += [number(mine[key], "%.4f") for key in ("accuracy", "precision", "f1")] + ["%.3f" % took(mine)]
            cells.append("%.1f" % (took(other) / took(mine)) if other else "")
        else:
            cells += [mine["error"] if mine else "this weir does not train it", "", "", "", ""]
        write("| " + " | ".join(cells) + " |")
    done = [task for task in a.values() if task["status"] == "done" and task["algorithm"] in b]
    all_ours, all_theirs = sum(map(took, done)), sum(took(b[task["algorithm"]]) for task in done)
    write("| together | | | | | %.2f | | | | %.3f | %.1f |" % (all_theirs, all_ours, all_theirs / all_ours))
    write("\n\\* %s. Its accuracies by algorithm were not at hand, and none is repeated from memory.\n" % what["paper"])
    write("| processes | scikit-learn on Ray, s | Ray's start, s | speed-up | weir, s | speed-up | times faster |")
    write("|---|---|---|---|---|---|---|")
    write("| one after another | %.2f | | 1.00 | %.3f | 1.00 | %.1f |" % (theirs[0]["wall_s"], ours[1]["total_s"], theirs[0]["wall_s"] / ours[1]["total_s"]))
    for jobs in processes:
        mine, other = ours[jobs]["total_s"], theirs[jobs]["wall_s"]
        write("| %d | %.2f | %.2f | %.2f | %.3f | %.2f | %.1f |" % (jobs, other, theirs[jobs]["start_s"], theirs[0]["wall_s"] / other, mine,
                                                                   ours[1]["total_s"] / mine, other / mine))
    write("\nTimes by processes run from the first task's start to the last one's end; weir's include the intervals and curves of its report.\n"
          "What a cell lacks scikit-learn takes as the column's mean, weir as `docs/train.md` says.")


def count_rows(patterns):
    rows = 0
    for path in (path for pattern in patterns for path in glob.glob(pattern)):
        with open(path, "rb") as file:
            rows += sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b"")) - 1
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weir")
    parser.add_argument("data")
    parser.add_argument("out")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--only", choices=[what["key"] for what in EXPERIMENTS])
    parser.add_argument("--processes", type=lambda text: [int(n) for n in text.split(",")])
    options = parser.parse_args()
    if not os.path.isdir(os.path.join(options.data, "flows")):
        sys.exit("papers: %s has no folder flows; give a folder of data sets: make papers DATA=/path" % options.data)
    with open("/proc/cpuinfo") as file:
        cpu = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), "unknown CPU")
    import ray
    import sklearn

    lines = ["# The papers' tables, with the data that is at hand", "",
             "Written by `make papers DATA=FOLDER` (`bench/papers.py`); write over it with your own run. Both sides train and test on the same rows of the same",
             "frame, with one thread a task, the defaults of scikit-learn %s (Ray %s) and of weir, and nothing scaled. Machine: %s," % (
                 sklearn.__version__, ray.__version__, cpu),
             "%d cores; %s." % (os.cpu_count(), run(options.weir, "--version").stdout.strip()), ""]
    folder = tempfile.mkdtemp(prefix="weir-papers-")
    try:
        for what in (e for e in EXPERIMENTS if options.only in (None, e["key"])):
            experiment(what, options, folder, lines.append)
    finally:
        shutil.rmtree(folder)
    load = os.getloadavg()[1]
    if load > 1.5 * os.cpu_count():
        lines[6:6] = ["**The machine was busy with other work** (a load of %.0f on %d cores): seconds are what was left over for each side, and ratios of single rows" % (
            load, os.cpu_count()), "say little. Accuracies are not touched by that. Run it again where nothing else runs.", ""]
    with open(options.out + ".new", "w") as file:
        file.write("\n".join(lines) + "\n")
    os.replace(options.out + ".new", options.out)


if __name__ == "__main__":
    main()
