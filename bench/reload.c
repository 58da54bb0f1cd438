/* weir bench reload: decision time while the model is replaced again and again, beside the same load left alone.
 *
 * Rows come at a steady pace, well below what the pipeline can do. Periods with and without reloads take turns, and the
 * medians of their quantiles are compared, so that a busy neighbour hurts both alike. Each reload reads the model's file and
 * checks it, as `weir reload` does, in the background. */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/background.h"
#include "base/clock.h"
#include "batch/batcher.h"
#include "bench/bench.h"
#include "bench/hold.h"
#include "bench/records.h"
#include "pipeline/backend.h"

enum {
    RELOADS = 1000,
    QUICK_RELOADS = 100,
    ROWS_A_SECOND = 20000,
    BURST = 8,
    PERIODS = 10, /* of each kind */
    SETTLE_NS = 20 * 1000000,
    PERIOD_MIN_NS = 1000000000
};

struct load {
    const struct weir_bench_options *options;
    const struct weir_records *records;
    struct weir_backend *backend;
    struct weir_batcher *batcher;
    uint64_t rows;
};

enum { QUANTILES = 3 };
static const struct {
    const char *name;
    double share;
} quantile[QUANTILES] = {{"decision-p50", 0.5}, {"decision-p99", 0.99}, {"decision-p99.9", 0.999}};

struct quantiles { /* of each period */
    double us[QUANTILES][PERIODS];
    unsigned periods;
    uint64_t rows;
};

struct change {
    struct load *load;
    unsigned reloads;
    weir_model *model; /* the one at hand */
    atomic_bool done;
    weir_err code;
    struct weir_error error;
};

static void sleep_ns(int64_t ns)
{
    const struct timespec wait = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    nanosleep(&wait, NULL);
}

static void read_model(void *argument)
{
    struct change *change = argument;
    change->code = weir_model_load(change->load->options->model, &change->model, &change->error);
}

static void *change(void *argument)
{
    struct change *change = argument;
    int64_t started = weir_clock_mono_ns();
    for (unsigned i = 0; i < change->reloads && change->code == WEIR_OK; i++) {
        weir_background_run(read_model, change);
        if (change->code == WEIR_OK)
            change->code = weir_backend_reload(change->load->backend, change->model, &change->error);
        if (change->code != WEIR_OK)
            weir_model_free(&change->model);
        int64_t wait = started + (int64_t)(i + 1) * PERIOD_MIN_NS / change->reloads - weir_clock_mono_ns();
        if (wait > 0) /* spread over the period */
            sleep_ns(wait);
    }
    atomic_store(&change->done, true);
    return NULL;
}

/* Rows at the pace until the time is over and `changes` (NULL: none) are done. */
static void feed(struct load *load, struct change *changes)
{
    const struct weir_records *r = load->records;
    const int64_t step_ns = (int64_t)BURST * 1000000000 / ROWS_A_SECOND;
    int64_t started = weir_clock_mono_ns(), due = started, now = started;
    while (now - started < PERIOD_MIN_NS || (changes && !atomic_load(&changes->done))) {
        for (unsigned i = 0; i < BURST; i++, load->rows++) {
            struct weir_identity identity = r->identity[load->rows % r->count];
            identity.flow_id.low ^= load->rows;
            weir_batcher_add_row(load->batcher, &identity, r->row + load->rows % r->count * r->columns, now);
        }
        weir_batcher_poll(load->batcher, now, weir_backend_wanted(load->backend));
        due += step_ns;
        now = weir_clock_mono_ns();
        if (due > now)
            sleep_ns(due - now);
        else
            due = now; /* late: the pace is kept from here, without a burst to catch up */
        now = weir_clock_mono_ns();
    }
    weir_batcher_flush(load->batcher);
    sleep_ns(SETTLE_NS); /* what is under way belongs to this period */
}

/* The quantiles of what has been judged since `before`, which becomes what there is now. */
static void take(struct weir_backend *backend, struct weir_histogram *before, struct quantiles *out)
{
    static struct weir_account account;
    static struct weir_histogram since;
    weir_backend_account(backend, &account);
    since = account.decision_ns;
    for (unsigned b = 0; b < WEIR_HISTOGRAM_BUCKETS; b++)
        since.bucket[b] -= before->bucket[b];
    since.count -= before->count;
    for (unsigned q = 0; q < QUANTILES; q++)
        out->us[q][out->periods] = (double)weir_histogram_quantile(&since, quantile[q].share) / 1e3;
    out->periods++;
    out->rows += since.count;
    *before = account.decision_ns;
}

static weir_err measure(struct load *load, unsigned reloads, struct quantiles *alone, struct quantiles *changed,
                        double *reload_ms, struct weir_error *error)
{
    static struct weir_histogram before;
    double busy_s = 0;
    memset(&before, 0, sizeof before);
    feed(load, NULL); /* warm */
    take(load->backend, &before, alone);
    *alone = (struct quantiles){0};
    for (unsigned p = 0; p < PERIODS; p++) {
        feed(load, NULL);
        take(load->backend, &before, alone);
        struct change changes = {.load = load, .reloads = reloads / PERIODS};
        pthread_t thread;
        int64_t started = weir_clock_mono_ns();
        if (pthread_create(&thread, NULL, change, &changes))
            return weir_fail(error, WEIR_ERR_LIMIT, "bench: cannot start a thread");
        feed(load, &changes);
        pthread_join(thread, NULL);
        busy_s += (double)(weir_clock_mono_ns() - started) / 1e9;
        take(load->backend, &before, changed);
        if (changes.code != WEIR_OK) {
            if (error)
                *error = changes.error;
            return changes.code;
        }
    }
    *reload_ms = busy_s * 1e3 / (double)(reloads / PERIODS * PERIODS);
    return WEIR_OK;
}

static int compare(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Of the periods' values: a neighbour that has the processors in some of them does not decide. */
static double median(struct quantiles *quantiles, unsigned q)
{
    qsort(quantiles->us[q], PERIODS, sizeof quantiles->us[q][0], compare);
    return (quantiles->us[q][(PERIODS - 1) / 2] + quantiles->us[q][PERIODS / 2]) / 2;
}

weir_err weir_bench_reload(const struct weir_bench_options *options, struct weir_bench_report *report, struct weir_error *error)
{
    static struct weir_account account;
    struct quantiles alone = {0}, changed = {0};
    struct weir_hold_place place = {0};
    struct weir_records records = {0};
    struct load load = {.options = options, .records = &records};
    weir_model *model = NULL;
    unsigned reloads = options->size ? (unsigned)options->size : options->quick ? QUICK_RELOADS : RELOADS;
    double reload_ms = 0;
    reloads = (reloads + PERIODS - 1) / PERIODS * PERIODS;
    weir_err code = weir_hold_place(&place, error);
    if (code == WEIR_OK)
        code = weir_model_load(options->model, &model, error);
    if (code == WEIR_OK)
        code = weir_records_load(options->capture, model, &records, error);
    if (code != WEIR_OK)
        goto out;
    const struct weir_backend_config config = {.model = model,
                                               .view = records.view,
                                               .workers = options->workers,
                                               .producers = 1,
                                               .store = place.file,
                                               .sensor = "bench",
                                               .command = "weir bench reload"};
    if ((code = weir_backend_start(&config, &load.backend, error)) != WEIR_OK)
        goto out;
    const struct weir_batcher_config batcher = {.pool = weir_backend_pool(load.backend),
                                                .view = records.view,
                                                .columns = records.column,
                                                .column_count = (uint16_t)records.columns,
                                                .boot = 1,
                                                .rows = 64,
                                                .max_delay_ns = 500000,
                                                .send = weir_backend_push,
                                                .context = load.backend};
    if ((code = weir_batcher_create(&batcher, &load.batcher)) != WEIR_OK) {
        weir_fail(error, code, "bench: %s", weir_err_text(code));
        goto out;
    }
    code = measure(&load, reloads, &alone, &changed, &reload_ms, error);
    weir_err drained = weir_backend_drain(load.backend, code == WEIR_OK ? error : NULL);
    code = code == WEIR_OK ? drained : code;
    weir_backend_account(load.backend, &account);
    if (code == WEIR_OK && (account.rows.scored != load.rows || account.store.committed != load.rows))
        code = weir_fail(error, WEIR_ERR_MISMATCH, "bench: %" PRIu64 " rows in, %" PRIu64 " scored, %" PRIu64 " committed",
                         load.rows, account.rows.scored, account.store.committed);
    if (code == WEIR_OK) {
        struct weir_bench_row *last = NULL;
        for (unsigned q = 0; q < QUANTILES; q++) {
            last = weir_bench_add(report, quantile[q].name, "us", true);
            last->weir = median(&changed, q);
            last->yardstick = "no reloads";
            last->theirs = median(&alone, q);
        }
        snprintf(last->note, sizeof last->note,
                 "%u reloads, one each %.1f ms; %d rows/s; %" PRIu64 " rows in, scored and committed; %" PRIu64
                 " of them with reloads; medians of %d periods of each kind",
                 reloads, reload_ms, ROWS_A_SECOND, load.rows, changed.rows, PERIODS);
    }
    if (options->quick && !options->size)
        weir_bench_skip(report, "quick: %d reloads instead of %d", QUICK_RELOADS, RELOADS);
out:
    weir_batcher_destroy(&load.batcher);
    weir_backend_free(&load.backend);
    weir_records_fini(&records);
    weir_model_free(&model);
    weir_hold_leave(&place);
    return code;
}
