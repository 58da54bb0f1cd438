/* weir bench ingest: flow records as text to rows of micro-batches, beside DuckDB reading the same columns of the same file.
 *
 * The records are those of a capture, written as `weir flows` writes them, again and again until the file is long enough. Figures
 * are rows for each second of CPU time, so rows a second a core, whatever else the machine does. What weir makes of a row
 * (identity, flow id, codes, float32 in blocks) goes to nobody: a batch goes back to the pool as soon as it is full. */
#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/bench.h"
#include "bench/metered.h"
#include "bench/scratch.h"
#include "data/duck.h"
#include "pipeline/ingest.h"
#include "store/export.h"
#include "weir/model.h"

enum { ROWS = 400000, QUICK_ROWS = 100000, RUNS = 3, BATCHES = 64 };

struct bench {
    const struct weir_bench_options *options;
    weir_model *model;
    const struct weir_view *view;
    uint16_t *columns;
    size_t column_count;
    char folder[32], file[2][64]; /* CSV, JSON lines */
    uint64_t rows, want;
    /* while it is written */
    struct weir_export *export;
    char *text; /* all records, once */
    size_t length, room;
    uint64_t records;
    bool failed;
    /* while it is read */
    struct weir_pool *pool;
    atomic_uint_fast64_t taken;
};

static void keep(void *context, const struct weir_record *record)
{
    struct bench *b = context;
    size_t need = b->length + weir_export_room(b->export);
    if (need > b->room) {
        char *more = realloc(b->text, 2 * need);
        if (!more) {
            b->failed = true;
            return;
        }
        b->text = more;
        b->room = 2 * need;
    }
    b->length += weir_export_encode(b->export, record, b->text + b->length);
    b->records++;
}

/* Meters the capture and writes its records until there are enough. */
static weir_err write_file(struct bench *b, enum weir_format format, struct weir_error *error)
{
    const char *const *files = b->options->capture;
    const struct weir_meter_config meter = {.view = b->view, .emit = keep, .context = b};
    const struct weir_export_config export = {.view = b->view, .path = b->file[format == WEIR_FORMAT_JSONL], .format = format};
    b->length = 0;
    b->records = b->rows = 0;
    weir_err code = weir_export_open(&export, &b->export, error);
    if (code == WEIR_OK)
        code = weir_metered(files, &meter, error);
    if (code == WEIR_OK && b->failed)
        code = weir_fail(error, WEIR_ERR_MEMORY, "bench: out of memory for the records of %s", files[0]);
    if (code == WEIR_OK && !b->records)
        code = weir_fail(error, WEIR_ERR_FORMAT, "%s: no flow records in it; give another capture with -r", files[0]);
    for (const size_t step = weir_export_room(b->export); code == WEIR_OK && b->rows < b->want; b->rows += b->records)
        for (size_t at = 0; code == WEIR_OK && at < b->length; at += step) /* at most a record's room at a time */
            code = weir_export_write(b->export, b->text + at, b->length - at < step ? b->length - at : step, error);
    if (code == WEIR_OK)
        code = weir_export_finish(&b->export, error);
    weir_export_abort(&b->export);
    return code;
}

static bool take(void *context, struct weir_batch *batch)
{
    struct bench *b = context;
    atomic_fetch_add_explicit(&b->taken, batch->rows, memory_order_relaxed);
    weir_pool_give(b->pool, batch);
    return true;
}

static int64_t cpu_ns(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (int64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000000 +
           (int64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000;
}

static weir_err read_own(struct bench *b, const char *path, unsigned threads, double *rows_per_s, double *wall,
                         struct weir_error *error)
{
    struct weir_ingest *ingest = NULL;
    const struct weir_ingest_config config = {.input = path, .threads = threads};
    const struct weir_ingest_start start = {
        .batch_rows = 64, .max_delay_ns = 500000, .pool = b->pool, .send = take, .context = b};
    atomic_store(&b->taken, 0);
    int64_t cpu = cpu_ns(), began = weir_clock_mono_ns();
    weir_err code = weir_ingest_open(&config, b->view, b->columns, (uint16_t)b->column_count, &ingest, error);
    if (code == WEIR_OK && (code = weir_ingest_start(ingest, &start, error)) == WEIR_OK) {
        weir_ingest_join(ingest);
        *rows_per_s = (double)b->rows / ((double)(cpu_ns() - cpu) / 1e9);
        *wall = (double)b->rows / ((double)(weir_clock_mono_ns() - began) / 1e9);
        code = weir_ingest_status(ingest, error);
        if (code == WEIR_OK && atomic_load(&b->taken) != b->rows)
            code = weir_fail(error, WEIR_ERR_MISMATCH, "bench: %" PRIu64 " of %" PRIu64 " rows came; this is a fault in weir",
                             (uint64_t)atomic_load(&b->taken), b->rows);
    }
    weir_ingest_free(&ingest);
    return code;
}

/* DuckDB with one thread: every column that weir reads is parsed and looked at. */
static weir_err read_duck(struct bench *b, const char *path, bool json, double *rows_per_s, struct weir_error *error)
{
    static const char *const others[] = {"stime", "ltime", "saddr", "sport", "daddr", "dport"};
    char *sql = NULL;
    size_t size;
    struct weir_duck *duck = NULL;
    const struct weir_duck_config config = {.threads = 1};
    FILE *to = open_memstream(&sql, &size);
    if (!to)
        return weir_fail(error, WEIR_ERR_MEMORY, "bench: out of memory");
    fputs("SELECT count(*)", to);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        fprintf(to, ", max(\"%s\")", others[i]);
    for (size_t i = 0; i < b->column_count; i++)
        fprintf(to, ", max(\"%s\")", b->view->columns[b->columns[i]].name);
    fprintf(to, " FROM %s('%s')", json ? "read_json" : "read_csv", path);
    weir_err code =
        fclose(to) == 0 ? weir_duck_open(&config, &duck, error) : weir_fail(error, WEIR_ERR_MEMORY, "bench: out of memory");
    uint64_t rows = 0;
    int64_t cpu = cpu_ns();
    if (code == WEIR_OK)
        code = weir_duck_number(duck, sql, &rows, error);
    *rows_per_s = (double)b->rows / ((double)(cpu_ns() - cpu) / 1e9);
    if (code == WEIR_OK && rows != b->rows)
        code = weir_fail(error, WEIR_ERR_MISMATCH, "bench: DuckDB finds %" PRIu64 " rows of %" PRIu64, rows, b->rows);
    weir_duck_close(&duck);
    free(sql);
    return code;
}

/* The best of the runs of both, in turns. */
static weir_err measure(struct bench *b, struct weir_bench_report *report, const char *name, unsigned threads, bool json,
                        struct weir_error *error)
{
    struct weir_bench_row *row = weir_bench_add(report, name, "rows/s a core", false);
    double best = 0;
    weir_err code = WEIR_OK;
    row->runs = b->options->quick ? 1 : RUNS;
    row->yardstick = threads == 1 ? json ? "DuckDB read_json, 1 thread" : "DuckDB read_csv, 1 thread" : NULL;
    for (unsigned i = 0; code == WEIR_OK && i < row->runs; i++) {
        double own = 0, theirs = 0, wall = 0;
        code = read_own(b, b->file[json], threads, &own, &wall, error);
        if (code == WEIR_OK && row->yardstick)
            code = read_duck(b, b->file[json], json, &theirs, error);
        row->weir = own > row->weir ? own : row->weir;
        row->theirs = theirs > row->theirs ? theirs : row->theirs;
        best = wall > best ? wall : best;
    }
    snprintf(row->note, sizeof row->note,
             "%u thread%s, %.0f rows/s by the clock; %" PRIu64 " rows of %zu columns, %zu of them read, %" PRIu64 " bytes a row",
             threads, threads > 1 ? "s" : "", best, b->rows, b->view->column_count, b->column_count,
             b->records ? b->length / b->records : 0);
    weir_bench_figure(row, "clock_rows_per_s", best);
    weir_bench_figure(row, "rows", (double)b->rows);
    return code;
}

weir_err weir_bench_ingest(const struct weir_bench_options *options, struct weir_bench_report *report, struct weir_error *error)
{
    struct bench b = {.options = options, .want = options->size ? options->size : options->quick ? QUICK_ROWS : ROWS};
    const char **names = NULL;
    weir_err code = weir_model_load(options->model, &b.model, error);
    if (code != WEIR_OK)
        return code;
    snprintf(b.folder, sizeof b.folder, "/tmp/weir-bench-XXXXXX");
    if (!(b.view = weir_view_find(weir_model_feature_set(b.model))))
        code = weir_fail(error, WEIR_ERR_MISMATCH, "model %s is of no feature set that weir meters", weir_model_label(b.model));
    else if (!mkdtemp(b.folder))
        code = weir_fail(error, WEIR_ERR_IO, "%s: %s; is there room in /tmp?", b.folder, strerror(errno));
    if (code != WEIR_OK)
        goto out;
    snprintf(b.file[0], sizeof b.file[0], "%s/flows.csv", b.folder);
    snprintf(b.file[1], sizeof b.file[1], "%s/flows.jsonl", b.folder);
    weir_scratch_add(b.folder);
    weir_scratch_add(b.file[0]);
    weir_scratch_add(b.file[1]);
    b.column_count = weir_model_columns(b.model, NULL);
    b.columns = calloc(b.column_count + 1, sizeof *b.columns);
    names = calloc(b.view->column_count, sizeof *names);
    for (size_t i = 0; names && i < b.view->column_count; i++)
        names[i] = b.view->columns[i].name;
    code = b.columns && names
               ? weir_model_fits(b.model, b.view->name, weir_view_id(b.view), names, b.view->column_count, b.columns, error)
               : weir_fail(error, WEIR_ERR_MEMORY, "bench: out of memory");
    if (code == WEIR_OK && (code = weir_pool_create(BATCHES, (uint16_t)b.column_count, &b.pool)) != WEIR_OK)
        weir_fail(error, code, "bench: %s", weir_err_text(code));
    if (code == WEIR_OK)
        code = write_file(&b, WEIR_FORMAT_CSV, error);
    if (code == WEIR_OK)
        code = measure(&b, report, "csv", 1, false, error);
    if (code == WEIR_OK)
        code = measure(&b, report, "csv-2-threads", 2, false, error);
    if (code == WEIR_OK)
        code = write_file(&b, WEIR_FORMAT_JSONL, error);
    if (code == WEIR_OK)
        code = measure(&b, report, "jsonl", 1, true, error);
out:
    weir_scratch_remove();
    weir_pool_destroy(&b.pool);
    weir_model_free(&b.model);
    free(b.text);
    free(b.columns);
    free(names);
    return code;
}
