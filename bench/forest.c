/* weir bench forest: models of other libraries, trained here on made-up data, scored by weir and by the libraries themselves.
 *
 * One core. Contestants take turns, and each run's figure is CPU time a row, all threads of the contestant together; the medians
 * are compared. Margins are compared before anything is measured: a fast wrong answer is none. */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/random.h"
#include "bench/bench.h"
#include "bench/peer.h"
#include "bench/scratch.h"
#include "model/build.h"

enum { RUNS = 15, QUICK_RUNS = 5, ROWS = 16384, CONTESTANTS = 6 };

struct contestant {
    const char *name;
    weir_peer_clock *clock;
    void *peer;
    double us; /* a row, the median */
};

struct scorer { /* weir's side of a case */
    weir_model *model;
    const struct weir_peer_data *data;
    const float *blocks; /* the rows in feature-major blocks, or NULL: row-major */
    float *margins;
};

struct bench {
    struct weir_bench_report *report;
    bool quick;
    unsigned runs;
    char *home;
    char folder[40];
    struct weir_peer *xgboost[2]; /* Debian's and the environment's; NULL: missing */
    struct weir_peer *lightgbm;
    struct weir_peer_data data; /* 40 columns */
    struct weir_python *python;
};

/* What takes its time is told to who waits for it. */
static void progress(const char *what)
{
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "weir bench forest: %s ...\n", what);
}

/* -- data -- */

/* Columns of unlike distributions; a label that needs many of them. */
static weir_err make_data(struct weir_peer_data *data, size_t columns, size_t train, uint64_t seed, struct weir_error *error)
{
    size_t rows = ROWS + train;
    float *x = malloc(rows * columns * sizeof *x), *y = malloc(rows * sizeof *y);
    double weight[128];
    *data = (struct weir_peer_data){.x = x, .y = y, .columns = columns, .rows = ROWS, .train = train};
    if (!x || !y)
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    for (size_t c = 0; c < columns; c++)
        weight[c] = 2 * weir_random_share(&seed) - 1;
    for (size_t r = 0; r < rows; r++) {
        double sum = 0, u[4] = {0};
        for (size_t c = 0; c < columns; c++) {
            double value = weir_random_share(&seed);
            if (c < 4)
                u[c] = value;
            sum += (value - 0.5) * weight[c];
            x[r * columns + c] = (float)(c % 4 == 3 ? exp(8 * value) : c % 4 == 2 ? floor(300 * value) : value);
        }
        sum += 1.5 * sin(6 * u[0] * u[1]) + 2 * (u[2] > 0.5) * (u[3] - 0.5) + 0.5 * (weir_random_share(&seed) - 0.5);
        y[r] = sum > 0.6;
    }
    return WEIR_OK;
}

static void free_data(struct weir_peer_data *data)
{
    free((void *)(uintptr_t)data->x);
    free((void *)(uintptr_t)data->y);
    *data = (struct weir_peer_data){0};
}

/* -- weir -- */

static double clock_weir(void *peer, size_t batch, unsigned repeats)
{
    struct scorer *s = peer;
    double begun = weir_peer_now();
    for (unsigned i = 0; i < repeats; i++) {
        size_t row = weir_peer_row(s->data, batch, i), columns = s->data->columns;
        if (s->blocks)
            for (size_t r = 0; r < batch; r += 64)
                weir_model_margins_block(s->model, s->blocks + (row + r) * columns, NULL, batch - r < 64 ? batch - r : 64,
                                         s->margins + r);
        else
            weir_model_margins(s->model, s->data->x + row * columns, batch, columns, s->margins);
    }
    return weir_peer_now() - begun;
}

static weir_err import(struct scorer *s, const struct weir_peer_data *data, const char *bytes, size_t size, const char *simd,
                       struct weir_error *error)
{
    struct weir_model_facts facts = {.name = "bench", .benign = WEIR_BENIGN_USUAL, .threshold = 0.5f};
    char **columns = calloc(data->columns, sizeof *columns);
    const char *before = getenv("WEIR_SIMD");
    char *kept = before ? strdup(before) : NULL;
    weir_err err = columns ? WEIR_OK : weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    for (size_t c = 0; c < data->columns && !err; c++)
        if (asprintf(&columns[c], "f%zu", c) < 0)
            err = weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    facts.columns = (const char *const *)columns;
    facts.column_count = data->columns;
    *s = (struct scorer){.data = data, .margins = malloc(ROWS * sizeof(float))};
    if (simd)
        setenv("WEIR_SIMD", simd, 1);
    if (!err)
        err = s->margins ? weir_model_import(bytes, size, "the trained model", &facts, &s->model, error)
                         : weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    if (simd && kept)
        setenv("WEIR_SIMD", kept, 1);
    else if (simd)
        unsetenv("WEIR_SIMD");
    for (size_t c = 0; columns && c < data->columns; c++)
        free(columns[c]);
    free(columns);
    free(kept);
    return err;
}

static void free_scorer(struct scorer *s)
{
    weir_model_free(&s->model);
    free(s->margins);
    *s = (struct scorer){0};
}

/* The other library's margins of all rows against weir's; scikit-learn's are probabilities, as weir's of its forests are. */
static weir_err check(const struct scorer *s, const char *name, const double *theirs, struct weir_error *error)
{
    weir_model_margins(s->model, s->data->x, ROWS, s->data->columns, s->margins);
    for (size_t r = 0; r < ROWS; r++) {
        double ours = (double)s->margins[r], limit = 1e-5 * fmax(1, fabs(theirs[r]));
        if (!(fabs(ours - theirs[r]) <= limit))
            return weir_fail(error, WEIR_ERR_MISMATCH, "row %zu: weir's margin is %.9g, %s says %.9g", r, ours, name, theirs[r]);
    }
    return WEIR_OK;
}

static weir_err check_library(const struct scorer *s, struct weir_peer *peer, struct weir_error *error)
{
    double *theirs = malloc(ROWS * sizeof *theirs);
    weir_err err = theirs ? weir_peer_margins(peer, ROWS, theirs, error) : weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    if (!err)
        err = check(s, weir_peer_name(peer), theirs, error);
    free(theirs);
    return err;
}

static weir_err check_python(const struct bench *b, const struct scorer *s, const char *what, struct weir_error *error)
{
    char path[80];
    const char *answer;
    double *theirs = malloc(ROWS * sizeof *theirs);
    weir_err err = theirs ? weir_python_ask(b->python, &answer, error, "margins %s", what)
                          : weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    snprintf(path, sizeof path, "%s/margins.f64", b->folder);
    FILE *file = err ? NULL : fopen(path, "rb");
    if (!err && (!file || fread(theirs, sizeof *theirs, ROWS, file) != ROWS))
        err = weir_fail(error, WEIR_ERR_IO, "%s: no margins of %d rows", path, ROWS);
    if (file)
        fclose(file);
    /* ONNX Runtime gives probabilities */
    for (size_t r = 0; !err && r < ROWS && !strcmp(what, "onnxruntime"); r++)
        theirs[r] = log(theirs[r] / (1 - theirs[r]));
    if (!err)
        err = check(s, what, theirs, error);
    free(theirs);
    return err;
}

/* -- cases -- */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Contestant 0 is weir. False when one failed. */
static bool race(const struct bench *b, struct contestant *c, size_t count, size_t batch)
{
    const double least = b->quick ? 0.006 : 0.02; /* seconds a run */
    double us[CONTESTANTS][RUNS];
    unsigned repeats[CONTESTANTS];
    for (size_t k = 0; k < count; k++) {
        double once = 0;
        for (repeats[k] = 1; repeats[k] < 1u << 20; repeats[k] *= 2)
            if ((once = c[k].clock(c[k].peer, batch, repeats[k])) < 0 || once >= least)
                break;
        if (once < 0)
            return false;
    }
    for (unsigned run = 0; run < b->runs; run++)
        for (size_t k = 0; k < count; k++) {
            double seconds = c[k].clock(c[k].peer, batch, repeats[k]);
            if (seconds < 0)
                return false;
            us[k][run] = seconds * 1e6 / repeats[k] / (double)batch;
        }
    for (size_t k = 0; k < count; k++) {
        qsort(us[k], b->runs, sizeof *us[k], compare);
        c[k].us = us[k][b->runs / 2];
    }
    return true;
}

/* A row of the report: weir beside the fastest of the others. */
static void report(const struct bench *b, const char *name, struct contestant *c, size_t count, size_t batch, const char *note)
{
    if (!race(b, c, count, batch)) {
        weir_bench_skip(b->report, "%s: a yardstick failed while it was measured", name);
        return;
    }
    struct weir_bench_row *row = weir_bench_add(b->report, name, "us/row", true);
    if (!row) {
        weir_bench_skip(b->report, "%s: the report is full", name);
        return;
    }
    size_t best = 0, used;
    for (size_t k = 1; k < count; k++)
        best = !best || c[k].us < c[best].us ? k : best;
    row->weir = c[0].us;
    row->runs = b->runs;
    if (best) {
        static char yardstick[sizeof b->report->row / sizeof *b->report->row][64]; /* the report outlives the libraries */
        char *kept = yardstick[b->report->rows - 1];
        snprintf(kept, sizeof yardstick[0], "%s", c[best].name);
        row->yardstick = kept;
        row->theirs = c[best].us;
    }
    used = (size_t)snprintf(row->note, sizeof row->note, "%.2f M rows/s%s%s", 1 / c[0].us, note[0] ? "; " : "", note);
    for (size_t k = 1; k < count && used < sizeof row->note; k++)
        if (k != best)
            used += (size_t)snprintf(row->note + used, sizeof row->note - used, "; %s %.3g us/row", c[k].name, c[k].us);
}

static weir_err xgboost_contestants(struct bench *b, const struct weir_peer_data *data, const char *model, size_t size,
                                    const struct scorer *s, struct contestant *c, size_t *count, struct weir_error *error)
{
    weir_err err = WEIR_OK;
    for (int i = 0; i < 2 && !err; i++) {
        if (!b->xgboost[i])
            continue;
        struct weir_error why;
        if (weir_peer_load(b->xgboost[i], data, model, size, &why)) { /* an old library may not read a new one's model */
            weir_bench_skip(b->report, "%.110s", why.text);
            continue;
        }
        err = check_library(s, b->xgboost[i], error);
        c[(*count)++] = (struct contestant){weir_peer_name(b->xgboost[i]), weir_peer_seconds, b->xgboost[i], 0};
    }
    return err;
}

/* Two threads, each its half of the rows, beside one; both are there before the clock starts. */
struct half {
    struct scorer *scorer;
    pthread_barrier_t *start;
    size_t first, rows;
    unsigned repeats;
    int64_t begun, ended; /* by the clock on the wall */
    double cpu;           /* the thread's own seconds */
};

static double thread_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void *score_half(void *context)
{
    struct half *h = context;
    const struct scorer *s = h->scorer;
    pthread_barrier_wait(h->start);
    h->begun = weir_clock_mono_ns();
    h->cpu = thread_seconds();
    for (unsigned i = 0; i < h->repeats; i++)
        weir_model_margins(s->model, s->data->x + h->first * s->data->columns, h->rows, s->data->columns, s->margins + h->first);
    h->cpu = thread_seconds() - h->cpu;
    h->ended = weir_clock_mono_ns();
    return NULL;
}

/* M rows/s of 1 or 2 threads, by the clock on the wall and by the threads' own CPU time; false: no second thread. */
static bool race_halves(struct scorer *s, unsigned threads, double *wall, double *cpu)
{
    enum { REPEATS = 24 };
    struct half half[2];
    pthread_barrier_t start;
    pthread_t other;
    pthread_barrier_init(&start, NULL, threads);
    for (unsigned t = 0; t < threads; t++)
        half[t] = (struct half){s, &start, t * ROWS / threads, ROWS / threads, REPEATS, 0, 0, 0};
    bool good = threads == 1 || !pthread_create(&other, NULL, score_half, &half[1]);
    if (good)
        score_half(&half[0]);
    if (good && threads == 2)
        pthread_join(other, NULL);
    pthread_barrier_destroy(&start);
    int64_t begun = half[0].begun, ended = half[0].ended;
    *cpu = 0;
    for (unsigned t = 0; t < threads; t++) {
        begun = half[t].begun < begun ? half[t].begun : begun;
        ended = half[t].ended > ended ? half[t].ended : ended;
        *cpu += (double)half[t].rows * REPEATS * 1e-6 / half[t].cpu;
    }
    *wall = (double)ROWS * REPEATS * 1e3 / (double)(ended - begun);
    return good;
}

static void two_cores(struct bench *b, struct scorer *s)
{
    double wall[2][RUNS], cpu[2][RUNS];
    if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
        weir_bench_skip(b->report, "two cores: this machine has one");
        return;
    }
    for (unsigned run = 0; run < b->runs; run++)
        for (unsigned threads = 1; threads <= 2; threads++)
            if (!race_halves(s, threads, &wall[threads - 1][run], &cpu[threads - 1][run]))
                return weir_bench_skip(b->report, "two cores: no second thread");
    for (int k = 0; k < 2; k++) {
        qsort(wall[k], b->runs, sizeof *wall[k], compare);
        qsort(cpu[k], b->runs, sizeof *cpu[k], compare);
    }
    struct weir_bench_row *row = weir_bench_add(b->report, "xgboost-100x6-16384-2threads", "M rows/s", false);
    if (row) {
        row->weir = wall[1][b->runs / 2];
        row->yardstick = "weir, one thread";
        row->theirs = wall[0][b->runs / 2];
        row->runs = b->runs;
        snprintf(row->note, sizeof row->note, "wall time: other work on the machine counts; by the threads' CPU time %.2fx",
                 cpu[1][b->runs / 2] / cpu[0][b->runs / 2]);
    }
}

/* Treelite and its kin, on the XGBoost model. */
static void compiled_peers(struct bench *b, struct scorer *s, const char *model, size_t size)
{
    static const char *const what[] = {"treelite", "onnxruntime", "tl2cgen"};
    static char name[3][64];
    char path[80];
    snprintf(path, sizeof path, "%s/xgboost.json", b->folder);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(model, 1, size, file) != size) {
        weir_bench_skip(b->report, "%s: %s", path, strerror(errno));
        if (file)
            fclose(file);
        return;
    }
    fclose(file);
    progress("Treelite, ONNX Runtime and TL2cgen");
    for (size_t i = 0; i < 3; i++) {
        struct weir_error why = {0};
        const char *answer;
        char label[64];
        struct weir_python_peer peer = {.python = b->python};
        struct contestant c[2] = {{"weir", clock_weir, s, 0}, {name[i], weir_python_seconds, &peer, 0}};
        if (b->quick && i == 2) {
            weir_bench_skip(b->report, "quick: TL2cgen, whose code takes half a minute to compile");
            continue;
        }
        snprintf(peer.what, sizeof peer.what, "%s", what[i]);
        if (weir_python_ask(b->python, &answer, &why, "load %s", what[i]) == WEIR_OK) {
            snprintf(name[i], sizeof name[i], "%.60s", answer);
            if (check_python(b, s, what[i], &why) == WEIR_OK) {
                snprintf(label, sizeof label, "xgboost-100x6-16384-%s", what[i]);
                report(b, label, c, 2, ROWS, "");
                continue;
            }
        }
        weir_bench_skip(b->report, "%s: %.100s", what[i], why.text);
    }
}

static weir_err xgboost_cases(struct bench *b, struct weir_error *error)
{
    static const size_t batches[] = {ROWS, 64, 10, 1};
    static const char *const others[] = {"avx2", "scalar"};
    struct weir_peer *trainer = b->xgboost[0] ? b->xgboost[0] : b->xgboost[1];
    char *model = NULL, name[64];
    size_t size = 0, count = 1;
    struct scorer s = {0};
    if (!trainer) {
        weir_bench_skip(b->report, "libxgboost is missing: install libxgboost-dev, or run `tools/setup peers`");
        return WEIR_OK;
    }
    struct contestant c[CONTESTANTS] = {{"weir", clock_weir, &s, 0}};
    progress("XGBoost's model, 100 trees of depth 6");
    weir_err err = weir_peer_train(trainer, &b->data, 100, 6, 256, &model, &size, error);
    err = err ? err : import(&s, &b->data, model, size, NULL, error);
    err = err ? err : xgboost_contestants(b, &b->data, model, size, &s, c, &count, error);
    for (size_t i = 0; i < 4 && !err; i++) {
        snprintf(name, sizeof name, "xgboost-100x6-%zu", batches[i]);
        report(b, name, c, count, batches[i], "");
    }
    for (size_t i = 0; i < 2 && !err; i++) {
        struct scorer other = {0};
        struct weir_error why;
        c[0].peer = &other;
        snprintf(name, sizeof name, "xgboost-100x6-16384-%s", others[i]);
        if (import(&other, &b->data, model, size, others[i], &why))
            weir_bench_skip(b->report, "%s: %.100s", name, why.text);
        else
            report(b, name, c, count, ROWS, "");
        free_scorer(&other);
    }
    if (!err)
        two_cores(b, &s);
    if (!err && b->python)
        compiled_peers(b, &s, model, size);
    free_scorer(&s);
    free(model);
    return err;
}

/* 500 trees of depth 8 on 80 columns; and the time that 1,000 trees take to import. */
static weir_err large_cases(struct bench *b, struct weir_error *error)
{
    struct weir_peer *trainer = b->xgboost[0] ? b->xgboost[0] : b->xgboost[1];
    struct weir_peer_data data = {0};
    char *model = NULL;
    size_t size = 0, count = 1;
    struct scorer s = {0};
    struct contestant c[CONTESTANTS] = {{"weir", clock_weir, &s, 0}};
    if (!trainer)
        return WEIR_OK;
    weir_err err = make_data(&data, 80, b->quick ? 1500 : 20000, 3, error);
    progress("training 500 trees of depth 8, and 1,000 of depth 6");
    err = err ? err : weir_peer_train(trainer, &data, 500, 8, b->quick ? 64 : 256, &model, &size, error);
    err = err ? err : import(&s, &data, model, size, NULL, error);
    err = err ? err : xgboost_contestants(b, &data, model, size, &s, c, &count, error);
    if (!err)
        report(b, "xgboost-500x8-16384", c, count, ROWS, "80 columns");
    free_scorer(&s);
    free(model);
    model = NULL;
    struct weir_peer_data few = b->data;
    few.train = b->quick ? 1000 : few.train;
    err = err ? err : weir_peer_train(trainer, &few, 1000, 6, b->quick ? 32 : 256, &model, &size, error);
    double seconds[3];
    for (int i = 0; i < 3 && !err; i++) {
        double begun = weir_peer_now();
        err = import(&s, &b->data, model, size, NULL, error);
        seconds[i] = weir_peer_now() - begun;
        free_scorer(&s);
    }
    if (!err) {
        qsort(seconds, 3, sizeof *seconds, compare);
        struct weir_bench_row *row = weir_bench_add(b->report, "import-1000x6", "cpu seconds", true);
        if (row) {
            row->weir = seconds[1];
            row->runs = 3;
            snprintf(row->note, sizeof row->note, "a model of 1,000 trees, %.1f MB of JSON, read, checked and compiled",
                     (double)size / 1e6);
        }
    }
    free(model);
    free_data(&data);
    return err;
}

static weir_err lightgbm_cases(struct bench *b, struct weir_error *error)
{
    char *model = NULL;
    size_t size = 0;
    struct scorer s = {0};
    if (!b->lightgbm)
        return WEIR_OK;
    struct contestant c[] = {{"weir", clock_weir, &s, 0}, {weir_peer_name(b->lightgbm), weir_peer_seconds, b->lightgbm, 0}};
    weir_err err = weir_peer_train(b->lightgbm, &b->data, 100, 31, 256, &model, &size, error);
    err = err ? err : weir_peer_load(b->lightgbm, &b->data, model, size, error);
    err = err ? err : import(&s, &b->data, model, size, NULL, error);
    err = err ? err : check_library(&s, b->lightgbm, error);
    if (!err) {
        report(b, "lightgbm-100x31-16384", c, 2, ROWS, "");
        report(b, "lightgbm-100x31-1", c, 2, 1, "its prepared single row");
    }
    free_scorer(&s);
    free(model);
    return err;
}

static weir_err read_file(const char *path, char **bytes, size_t *size, struct weir_error *error)
{
    FILE *file = fopen(path, "rb");
    *bytes = NULL;
    if (file && fseek(file, 0, SEEK_END) == 0) {
        long end = ftell(file);
        rewind(file);
        *bytes = end > 0 ? malloc((size_t)end) : NULL;
        *size = *bytes ? fread(*bytes, 1, (size_t)end, file) : 0;
    }
    if (file)
        fclose(file);
    return *bytes ? WEIR_OK : weir_fail(error, WEIR_ERR_IO, "%s: %s", path, strerror(errno));
}

/* CatBoost and scikit-learn: trained and scored by Python. */
static void python_cases(struct bench *b, const char *what, const char *name)
{
    char path[80], label[80], *model = NULL;
    const char *answer;
    size_t size = 0;
    struct scorer s = {0};
    struct weir_error why = {0};
    struct weir_python_peer peer = {.python = b->python}, pool = {.python = b->python, .what = "catboost-pool"};
    static char version[2][64];
    char *who = version[!strcmp(what, "catboost")];
    float *blocks = NULL;
    progress(name);
    snprintf(peer.what, sizeof peer.what, "%s", what);
    snprintf(path, sizeof path, "%s/%s.json", b->folder, what);
    weir_err err = weir_python_ask(b->python, &answer, &why, "train %s", what);
    if (!err) {
        snprintf(who, sizeof version[0], "%.63s", answer);
        err = read_file(path, &model, &size, &why);
    }
    err = err ? err : import(&s, &b->data, model, size, NULL, &why);
    err = err ? err : check_python(b, &s, what, &why);
    if (err) {
        weir_bench_skip(b->report, "%s: %.100s", name, why.text);
        goto out;
    }
    struct contestant c[] = {{"weir", clock_weir, &s, 0}, {who, weir_python_seconds, &peer, 0}};
    report(b, name, c, 2, ROWS, "both from float32 rows");
    if (strcmp(what, "catboost"))
        goto out;
    blocks = aligned_alloc(64, ROWS * b->data.columns * sizeof *blocks);
    if (!blocks)
        goto out;
    for (size_t r = 0; r < ROWS; r++)
        for (size_t k = 0; k < b->data.columns; k++)
            blocks[(r / 64 * b->data.columns + k) * 64 + r % 64] = b->data.x[r * b->data.columns + k];
    s.blocks = blocks;
    c[1].peer = &pool;
    snprintf(label, sizeof label, "%s-pool", name);
    report(b, label, c, 2, ROWS, "both from columns made ready before: its Pool, weir's blocks");
out:
    free(blocks);
    free_scorer(&s);
    free(model);
}

static void open_peers(struct bench *b)
{
    struct weir_error why;
    char *path = weir_peer_file(b->home, "xgboost/lib/libxgboost.so");
    if (weir_peer_xgboost("libxgboost.so.0", &b->xgboost[0], &why))
        weir_bench_skip(b->report, "Debian's libxgboost: %.90s", why.text);
    if (!path || weir_peer_xgboost(path, &b->xgboost[1], &why))
        weir_bench_skip(b->report, "the newest libxgboost is missing: `tools/setup peers` installs it");
    free(path);
    path = weir_peer_file(b->home, "lightgbm/lib/lib_lightgbm.so");
    char *info = weir_peer_file(b->home, "lightgbm-*.dist-info"), *version = info ? strrchr(info, '-') : NULL;
    if (version) /* .../lightgbm-4.7.0.dist-info: the last hyphen is of dist-info */
        for (*version = 0; version > info && version[-1] != '-';)
            version--;
    if (version && strstr(version, ".dist"))
        *strstr(version, ".dist") = 0;
    if (!path || weir_peer_lightgbm(path, version ? version : "", &b->lightgbm, &why))
        weir_bench_skip(b->report, "LightGBM is missing: `tools/setup peers` installs it");
    free(path);
    free(info);
    if (!b->home)
        weir_bench_skip(b->report, "CatBoost, scikit-learn, Treelite, TL2cgen, ONNX Runtime are missing: tools/setup peers");
}

weir_err weir_bench_forest(const struct weir_bench_options *options, struct weir_bench_report *report, struct weir_error *error)
{
    static const char *const files[] = {"x.f32",       "y.f32",         "peers.py",     "weir_export.py", "xgboost.json",
                                        "margins.f64", "catboost.json", "sklearn.json", "tl2cgen.so"};
    static char paths[sizeof files / sizeof *files][80];
    struct bench b = {.report = report, .quick = options->quick, .runs = options->quick ? QUICK_RUNS : RUNS};
    struct weir_error why = {0};
    snprintf(b.folder, sizeof b.folder, "/tmp/weir-bench-XXXXXX");
    if (!mkdtemp(b.folder))
        return weir_fail(error, WEIR_ERR_IO, "%s: %s; is there room in /tmp?", b.folder, strerror(errno));
    weir_scratch_add(b.folder);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(paths[i], sizeof paths[i], "%s/%s", b.folder, files[i]);
        weir_scratch_add(paths[i]);
    }
    b.home = weir_peer_home();
    open_peers(&b);
    weir_err err = make_data(&b.data, 40, options->quick ? 8000 : 30000, 1, error);
    if (!err && b.home && weir_python_start(b.home, b.folder, &b.data, &b.python, &why))
        weir_bench_skip(report, "Python's yardsticks: %.90s", why.text);
    err = err ? err : xgboost_cases(&b, error);
    err = err ? err : lightgbm_cases(&b, error);
    if (!err && b.python) {
        python_cases(&b, "catboost", "catboost-100x6-16384");
        python_cases(&b, "sklearn", "sklearn-rf100-16384");
    }
    err = err ? err : large_cases(&b, error);
    if (options->quick)
        weir_bench_skip(
            report, "quick: models of 8,000 rows, not 30,000 (500 trees: 1,500 of 64 bins, not 20,000 of 256); %d runs, not %d",
            QUICK_RUNS, RUNS);
    weir_python_stop(&b.python);
    weir_peer_free(&b.xgboost[0]);
    weir_peer_free(&b.xgboost[1]);
    weir_peer_free(&b.lightgbm);
    weir_scratch_remove();
    free_data(&b.data);
    free(b.home);
    return err;
}
