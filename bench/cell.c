#include "bench/cell.h"

#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "batch/batcher.h"
#include "pipeline/backend.h"

enum { BURST = 8, NAP_NS = 50000, DELAY_NS = 500000 };

bool weir_cell_next(const char **grid, struct weir_cell *cell)
{
    int used = 0;
    *cell = (struct weir_cell){0};
    if (sscanf(*grid, "%ub%uw%n", &cell->batch, &cell->workers, &used) != 2 || !used || !cell->batch ||
        cell->batch > WEIR_BATCH_ROWS || !cell->workers || cell->workers > WEIR_WORKERS_MAX ||
        ((*grid)[used] && (*grid)[used] != ','))
        return false;
    *grid += used + ((*grid)[used] == ',');
    return true;
}

static void add(struct weir_batcher *batcher, const struct weir_records *r, uint64_t i, int64_t closed_ns)
{
    struct weir_identity identity = weir_records_identity(r, i);
    weir_batcher_add_row(batcher, &identity, r->row + i % r->count * r->columns, closed_ns);
}

static uint64_t feed_fast(struct weir_batcher *batcher, const struct weir_records *r, const struct weir_cell_load *load,
                          bool (*wanted)(void *context), void *context)
{
    int64_t started = weir_clock_mono_ns(), now = started;
    uint64_t i = 0;
    for (; i < load->rows; i++) {
        if (i % BURST == 0) { /* a lane reads the clock once a burst, too */
            now = weir_clock_mono_ns();
            if ((double)(now - started) > load->seconds * 1e9)
                break;
        }
        add(batcher, r, i, now);
        if (i % BURST == BURST - 1)
            weir_batcher_poll(batcher, now, wanted && wanted(context));
    }
    return i;
}

static uint64_t feed_paced(struct weir_batcher *batcher, const struct weir_records *r, const struct weir_cell_load *load,
                           bool (*wanted)(void *context), void *context)
{
    const struct timespec nap = {.tv_nsec = NAP_NS};
    double step_ns = 1e9 / load->offered;
    int64_t started = weir_clock_mono_ns();
    uint64_t i = 0, rows = (uint64_t)(load->seconds * load->offered);
    rows = rows < load->rows ? rows : load->rows;
    prctl(PR_SET_TIMERSLACK, 1000);
    while (i < rows) {
        int64_t now = weir_clock_mono_ns();
        for (; i < rows && (double)i * step_ns <= (double)(now - started); i++)
            add(batcher, r, i, started + (int64_t)((double)i * step_ns));
        weir_batcher_poll(batcher, now, wanted && wanted(context));
        nanosleep(&nap, NULL);
    }
    prctl(PR_SET_TIMERSLACK, 0);
    return i;
}

uint64_t weir_cell_feed(struct weir_batcher *batcher, const struct weir_records *records, const struct weir_cell_load *load,
                        bool (*wanted)(void *context), void *context)
{
    uint64_t rows = load->offered > 0 ? feed_paced(batcher, records, load, wanted, context)
                                      : feed_fast(batcher, records, load, wanted, context);
    weir_batcher_flush(batcher);
    return rows;
}

static bool is_wanted(void *backend)
{
    return weir_backend_wanted(backend);
}

static double rss_mib(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file && fscanf(file, "%*u %lu", &pages) != 1)
        pages = 0;
    if (file)
        fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / (1 << 20);
}

static weir_err measure(struct weir_backend *backend, struct weir_batcher *batcher, const struct weir_records *records,
                        const struct weir_cell_load *load, struct weir_cell_figures *figures, struct weir_error *error)
{
    static struct weir_account account;
    int64_t started = weir_clock_mono_ns(), cpu = weir_clock_read_ns(CLOCK_PROCESS_CPUTIME_ID);
    figures->rows = weir_cell_feed(batcher, records, load, is_wanted, backend);
    weir_err code = weir_backend_drain(backend, error);
    figures->flows_per_s = (double)figures->rows / ((double)(weir_clock_mono_ns() - started) / 1e9);
    figures->cpu_us = (double)(weir_clock_read_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu) / 1e3 / (double)figures->rows;
    figures->rss_mib = rss_mib();
    weir_backend_account(backend, &account);
    if (code == WEIR_OK && account.store.committed != figures->rows)
        return weir_fail(error, WEIR_ERR_MISMATCH, "bench: %llu rows in, %llu committed", (unsigned long long)figures->rows,
                         (unsigned long long)account.store.committed);
    figures->alerts = (double)account.alerts / (double)figures->rows;
    figures->batch_rows = (double)figures->rows / (double)account.batches;
    for (unsigned i = 0; i < 2; i++) {
        double share = i ? 0.99 : 0.5;
        figures->decision_us[i] = (double)weir_histogram_quantile(&account.decision_ns, share) / 1e3;
        figures->durable_ms[i] = (double)weir_histogram_quantile(&account.durable_ns, share) / 1e6;
    }
    return code;
}

weir_err weir_cell_memory(const weir_model *model, const struct weir_records *records, struct weir_cell cell,
                          const struct weir_cell_load *load, const char *store, struct weir_cell_figures *figures,
                          struct weir_error *error)
{
    struct weir_backend *backend = NULL;
    struct weir_batcher *batcher = NULL;
    const struct weir_backend_config config = {.model = model,
                                               .view = records->view,
                                               .workers = cell.workers,
                                               .producers = 1,
                                               .store = store,
                                               .rotate_bytes = load->rotate,
                                               .sensor = "bench",
                                               .command = "weir bench pipeline"};
    *figures = (struct weir_cell_figures){0};
    weir_err code = weir_backend_start(&config, &backend, error);
    if (code != WEIR_OK)
        return code;
    const struct weir_batcher_config batcher_config = {.pool = weir_backend_pool(backend),
                                                       .view = records->view,
                                                       .columns = records->column,
                                                       .column_count = (uint16_t)records->columns,
                                                       .boot = 1,
                                                       .rows = cell.batch,
                                                       .max_delay_ns = load->budget_ns ? load->budget_ns : DELAY_NS,
                                                       .budget_ns = load->budget_ns,
                                                       .service_ns = weir_backend_service(backend),
                                                       .send = weir_backend_push,
                                                       .context = backend};
    if ((code = weir_batcher_create(&batcher_config, &batcher)) != WEIR_OK)
        weir_fail(error, code, "bench: %s", weir_err_text(code));
    else
        code = measure(backend, batcher, records, load, figures, error);
    weir_batcher_destroy(&batcher);
    weir_backend_free(&backend);
    return code;
}
