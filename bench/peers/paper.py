"""The paper's pipeline as one would write it in Python: what `weir bench pipeline` is measured beside.

    producer -ZeroMQ-> micro-batcher -Redis list-> N workers (XGBoost) -Redis list-> sink (DuckDB)

Every arrow joins two processes. A flow record is a JSON message; the micro-batcher reads it and puts every B of them, pickled, into a Redis
list; a worker takes a batch, scores it with XGBoost on one thread and puts the verdicts into a second list; the sink, DuckDB's only writer,
keeps them as rows of the 23 columns that weir keeps, through a DataFrame, and commits every 250 ms. Nothing is explained.

    python paper.py FOLDER THRESHOLD   reads FOLDER/model.json, FOLDER/names.txt and FOLDER/rows.f32 (float32, row by row), then
    lines on standard input:   BATCH WORKERS SECONDS OFFERED   (OFFERED: flows a second, 0: as fast as they are taken)
    and answers a line of JSON each. A record's clock begins when it is due.
"""
import json
import multiprocessing
import os
import pickle
import queue
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import time

QUEUED = 64  # batches in a list: who finds more waits, so that memory is bounded
MESSAGES = 8192  # different ones
COMMIT_S = 0.25
HEAD = struct.Struct("<qq")  # due (monotonic ns), number
COLUMNS = """flow_id UUID, record UINTEGER, reason VARCHAR, stime TIMESTAMP_NS, ltime TIMESTAMP_NS, proto VARCHAR, src_ip VARCHAR,
    src_port USMALLINT, dest_ip VARCHAR, dest_port USMALLINT, feature_set VARCHAR, class VARCHAR, score FLOAT, threshold FLOAT, alert BOOLEAN,
    model VARCHAR, run UUID, sensor VARCHAR, boot UBIGINT, lane UINTEGER, seq UBIGINT, "row" USMALLINT, decision_us BIGINT"""


def connect(socket):
    import redis

    return redis.Redis(unix_socket_path=socket, socket_timeout=None)


def put(redis, name, what):
    if redis.lpush(name, pickle.dumps(what)) > QUEUED:
        while redis.llen(name) > QUEUED:
            time.sleep(0.0005)


def produce(address, folder, names, seconds, offered, results, done):
    import numpy
    import zmq

    rows = numpy.fromfile(os.path.join(folder, "rows.f32"), numpy.float32).reshape(-1, len(names))[:MESSAGES]
    messages = []  # written beforehand: a producer is no part of the pipeline
    for i, row in enumerate(rows.tolist()):
        flow = {"stime": 1760000000 + i / 1e6, "ltime": 1760000001 + i / 1e6, "proto": "tcp", "src_ip": "198.18.%d.%d" % (i >> 8 & 63, i & 255)}
        flow.update(src_port=1024 + i % 60000, dest_ip="203.0.113.%d" % (i % 254), dest_port=443, features=dict(zip(names, row)))
        messages.append(json.dumps(flow).encode())
    context = zmq.Context()
    socket = context.socket(zmq.PUSH)
    socket.connect(address)
    start = time.monotonic_ns()
    end, i = start + int(seconds * 1e9), 0
    while True:
        now = time.monotonic_ns()
        due = start + int(i * 1e9 / offered) if offered else now
        if (due if offered else now) >= end:
            break
        if due > now:
            time.sleep((due - now) / 1e9)
        socket.send_multipart((HEAD.pack(due, i), messages[i % MESSAGES]))
        i += 1
    socket.send_multipart((HEAD.pack(0, -1), b""))
    results.put(("produced", start, i))
    done.wait()  # libzmq drops what a slow receiver has not read yet when the sender closes


def batch_up(address, redis_socket, size, workers):
    import zmq

    redis = connect(redis_socket)
    socket = zmq.Context().socket(zmq.PULL)
    socket.bind(address)
    batch, number = [], 0

    def push():
        nonlocal batch, number
        if batch:
            put(redis, "batches", (number, batch))
            batch, number = [], number + 1

    while True:
        if batch and not socket.poll(5):  # a batch that does not fill goes after 5 ms
            push()
        head, message = socket.recv_multipart()
        due, i = HEAD.unpack(head)
        if i < 0:
            break
        flow = json.loads(message)
        flow["due"], flow["flow_id"] = due, "%032x" % i
        batch.append(flow)
        if len(batch) >= size:
            push()
    push()
    for _ in range(workers):
        redis.lpush("batches", b"")


def work(redis_socket, folder, names, threshold):
    import numpy
    import xgboost

    redis = connect(redis_socket)
    booster = xgboost.Booster({"nthread": 1}, model_file=os.path.join(folder, "model.json"))
    while True:
        message = redis.brpop("batches")[1]
        if not message:
            break
        number, batch = pickle.loads(message)
        features = numpy.array([[flow["features"][name] for name in names] for flow in batch], numpy.float32)
        scores = booster.inplace_predict(features)
        now = time.monotonic_ns()
        verdicts = []
        for row, (flow, score) in enumerate(zip(batch, scores.tolist())):
            verdicts.append((flow["flow_id"], flow["stime"], flow["ltime"], flow["proto"], flow["src_ip"], flow["src_port"], flow["dest_ip"],
                             flow["dest_port"], score, number, row, flow["due"], now))
        put(redis, "verdicts", verdicts)
    redis.lpush("verdicts", b"")


def sink(redis_socket, folder, workers, threshold, results):
    import duckdb
    import numpy
    import pandas

    redis = connect(redis_socket)
    store = duckdb.connect(os.path.join(folder, "verdicts.duckdb"), config={"threads": 1})
    store.execute("CREATE TABLE verdicts(%s)" % COLUMNS)
    kept = ("flow_id", "stime", "ltime", "proto", "src_ip", "src_port", "dest_ip", "dest_port", "score", "seq", "row", "due", "scored")
    ended, waiting, decision, durable, committed_at = 0, [], [], [], time.monotonic()

    def commit():
        nonlocal waiting
        if not waiting:
            return
        frame = pandas.DataFrame.from_records(waiting, columns=kept)
        frame["decision_us"] = (frame.scored - frame.due) // 1000
        frame["stime"], frame["ltime"] = pandas.to_datetime(frame.stime, unit="s"), pandas.to_datetime(frame.ltime, unit="s")
        store.execute("""INSERT INTO verdicts SELECT flow_id::UUID, 0, 'close', stime, ltime, proto, src_ip, src_port, dest_ip, dest_port, 'argus',
            CASE WHEN score >= $1 THEN 'attack' ELSE 'benign' END, score, $1, score >= $1, 'bench:1',
            '00000000-0000-4000-8000-000000000000', 'bench', 1, 0, seq, "row", decision_us FROM frame""", [threshold])
        now = time.monotonic_ns()
        decision.append((frame.scored - frame.due).to_numpy())
        durable.append(now - frame.due.to_numpy())
        waiting = []

    while ended < workers:
        answer = redis.brpop("verdicts", timeout=COMMIT_S)
        if answer and answer[1]:
            waiting.extend(pickle.loads(answer[1]))
        elif answer:
            ended += 1
        if time.monotonic() - committed_at >= COMMIT_S:
            commit()
            committed_at = time.monotonic()
    commit()
    end = time.monotonic_ns()
    rows = store.execute("SELECT count(*), count(DISTINCT flow_id), count(*) FILTER (alert) FROM verdicts").fetchone()
    decision, durable = numpy.concatenate(decision or [[0]]), numpy.concatenate(durable or [[0]])
    half = [float(numpy.quantile(t, q)) for t in (decision, durable) for q in (0.5, 0.99)]
    results.put(("sunk", end, rows, half))


def cell(folder, names, threshold, size, workers, seconds, offered):
    with tempfile.TemporaryDirectory(dir=folder) as place:
        socket, address = os.path.join(place, "redis"), "ipc://" + os.path.join(place, "ingest")
        server = subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no", "--dir", place],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            while server.poll() is None and not os.path.exists(socket):
                time.sleep(0.01)
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            processes = multiprocessing.get_context("fork")
            results, done = processes.Queue(), processes.Event()
            parts = [processes.Process(target=sink, args=(socket, place, workers, threshold, results), daemon=True),
                     processes.Process(target=batch_up, args=(address, socket, size, workers), daemon=True)]
            parts += [processes.Process(target=work, args=(socket, folder, names, threshold), daemon=True) for _ in range(workers)]
            parts.append(processes.Process(target=produce, args=(address, folder, names, seconds, offered, results, done), daemon=True))
            for part in parts[:-1]:
                part.start()
            time.sleep(1 + 0.5 * workers)  # they load their libraries; this is not measured
            parts[-1].start()
            got = {}
            while len(got) < 2:
                try:
                    answer = results.get(timeout=0.5)
                    got[answer[0]] = answer[1:]
                except queue.Empty:
                    if any(part.exitcode for part in parts):
                        raise SystemExit("a part of it has failed")
            done.set()
            for part in parts:
                part.join()
        finally:
            server.terminate()
            server.wait()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        start, sent = got["produced"]
        end, (rows, flows, alerts), times = got["sunk"]
        if not sent == rows == flows:
            raise SystemExit("%d flows sent, %d rows of %d flows kept" % (sent, rows, flows))
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return {"rows": rows, "flows_per_s": rows / ((end - start) / 1e9), "cpu_us": cpu * 1e6 / rows, "alerts": alerts / rows,
                "decision_us": [times[0] / 1e3, times[1] / 1e3], "durable_ms": [times[2] / 1e6, times[3] / 1e6]}


def check(folder, names):
    """Leaves FOLDER/scores.f32, the scores of the first rows: a fast wrong answer is none. In a process of its own, as those that are forked
    later must not find XGBoost's threads begun."""

    def score():
        import numpy
        import xgboost

        rows = numpy.fromfile(os.path.join(folder, "rows.f32"), numpy.float32).reshape(-1, len(names))[:1024]
        booster = xgboost.Booster({"nthread": 1}, model_file=os.path.join(folder, "model.json"))
        booster.inplace_predict(rows).astype(numpy.float32).tofile(os.path.join(folder, "scores.f32"))

    part = multiprocessing.get_context("fork").Process(target=score)
    part.start()
    part.join()


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    folder, threshold = sys.argv[1], float(sys.argv[2])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the libraries print is no answer
    versions = {}
    for name in ("zmq", "redis", "xgboost", "duckdb", "pandas"):
        try:
            versions[name] = __import__(name).__version__
        except ImportError as error:
            answers.write(json.dumps({"missing": name, "why": str(error)}) + "\n")
            return
    with open(os.path.join(folder, "names.txt")) as lines:
        names = lines.read().split()
    check(folder, names)
    answers.write(json.dumps(versions) + "\n")
    answers.flush()
    for line in sys.stdin:
        size, workers, seconds, offered = line.split()
        answers.write(json.dumps(cell(folder, names, threshold, int(size), int(workers), float(seconds), float(offered))) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
