#include "store/lapse.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "store/outage.h"

struct weir_lapse {
    char run[40];
    char *sensor;
    uint64_t boot;
    bool again;
    enum weir_lapse_kind kind;
    int64_t began_ns, ended_ns, kept_ns; /* kept: as of the last commit */
    uint64_t rows, kept;
};

static const char *const what[] = {[WEIR_LAPSE_STORE] = "store", [WEIR_LAPSE_REASONS] = "reasons"};
static const char *const detail[] = {[WEIR_LAPSE_STORE] = "verdicts that are no alerts were not stored (--overload degrade)",
                                     [WEIR_LAPSE_REASONS] = "alerts were not explained (--overload degrade)"};

static void lapse_remove(struct weir_lapses *lapses, size_t at)
{
    free(lapses->lapse[at].sensor);
    lapses->lapse[at] = lapses->lapse[--lapses->count];
}

void weir_lapses_fini(struct weir_lapses *lapses)
{
    while (lapses->count)
        lapse_remove(lapses, lapses->count - 1);
    free(lapses->lapse);
    *lapses = (struct weir_lapses){0};
}

static bool is_over(const struct weir_lapse *lapse, int64_t now_ns)
{
    return lapse->rows == lapse->kept && now_ns - lapse->ended_ns > WEIR_LAPSE_QUIET_NS;
}

static struct weir_lapse *lapse_begin(struct weir_lapses *lapses, const struct weir_lapse_of *of, enum weir_lapse_kind kind,
                                      int64_t now_ns)
{
    if (lapses->count == lapses->room) {
        size_t room = lapses->room ? 2 * lapses->room : 4;
        if (!weir_array_resize(&lapses->lapse, room, sizeof *lapses->lapse))
            return NULL;
        lapses->room = room;
    }
    struct weir_lapse *lapse = &lapses->lapse[lapses->count];
    *lapse = (struct weir_lapse){.boot = of->boot, .again = of->again, .kind = kind, .began_ns = now_ns};
    snprintf(lapse->run, sizeof lapse->run, "%s", of->run);
    if (!(lapse->sensor = strdup(of->sensor)))
        return NULL;
    lapses->count++;
    return lapse;
}

bool weir_lapses_add(struct weir_lapses *lapses, const struct weir_lapse_of *of, enum weir_lapse_kind kind, uint64_t rows,
                     int64_t now_ns)
{
    struct weir_lapse *lapse = NULL;
    for (size_t i = lapses->count; i-- > 0;)
        if (is_over(&lapses->lapse[i], now_ns))
            lapse_remove(lapses, i);
    for (size_t i = 0; i < lapses->count && !lapse; i++)
        if (lapses->lapse[i].kind == kind && !strcmp(lapses->lapse[i].run, of->run))
            lapse = &lapses->lapse[i];
    if (!lapse && !(lapse = lapse_begin(lapses, of, kind, now_ns)))
        return false;
    lapse->rows += rows;
    lapse->ended_ns = now_ns;
    return true;
}

bool weir_lapses_wait(const struct weir_lapses *lapses)
{
    for (size_t i = 0; i < lapses->count; i++)
        if (lapses->lapse[i].rows != lapses->lapse[i].kept)
            return true;
    return false;
}

static weir_err lengthen(const struct weir_lapse *lapse, struct weir_duck *duck, struct weir_error *error)
{
    char began[24], ended[24], rows[24];
    snprintf(began, sizeof began, "%" PRId64, lapse->began_ns / 1000);
    snprintf(ended, sizeof ended, "%" PRId64, lapse->ended_ns / 1000);
    snprintf(rows, sizeof rows, "%" PRIu64, lapse->rows);
    const char *values[] = {ended, rows, lapse->run, what[lapse->kind], began};
    return weir_duck_run_with(duck,
                              "UPDATE outages SET ended = make_timestamp(?::BIGINT), withheld = ?::UBIGINT WHERE run = ?::UUID"
                              " AND what = ? AND reason = 'degraded' AND began = make_timestamp(?::BIGINT)",
                              values, 5, error);
}

/* A commit that failed may have become durable all the same: its row goes. */
static weir_err put(const struct weir_lapse *lapse, struct weir_duck *duck, struct weir_error *error)
{
    char began[24], boot[24];
    snprintf(began, sizeof began, "%" PRId64, lapse->began_ns / 1000);
    snprintf(boot, sizeof boot, "%" PRIu64, lapse->boot);
    const char *values[] = {lapse->run, what[lapse->kind], began};
    const struct weir_outage row = {.what = what[lapse->kind],
                                    .reason = "degraded",
                                    .began_ns = lapse->began_ns,
                                    .ended_ns = lapse->ended_ns,
                                    .withheld = (int64_t)lapse->rows,
                                    .run = lapse->run,
                                    .sensor = lapse->sensor,
                                    .boot = boot,
                                    .detail = detail[lapse->kind]};
    weir_err code = weir_duck_run_with(duck,
                                       "DELETE FROM outages WHERE run = ?::UUID AND what = ? AND reason = 'degraded'"
                                       " AND began = make_timestamp(?::BIGINT)",
                                       values, 3, error);
    return code == WEIR_OK ? weir_outage_put(duck, &row, error) : code;
}

weir_err weir_lapses_write(struct weir_lapses *lapses, struct weir_duck *duck, struct weir_error *error)
{
    weir_err code = WEIR_OK;
    for (size_t i = 0; code == WEIR_OK && i < lapses->count; i++) {
        const struct weir_lapse *lapse = &lapses->lapse[i];
        if (lapse->rows != lapse->kept)
            code = lapse->kept ? lengthen(lapse, duck, error) : put(lapse, duck, error);
    }
    return code;
}

void weir_lapses_keep(struct weir_lapses *lapses)
{
    for (size_t i = 0; i < lapses->count; i++) {
        lapses->lapse[i].kept = lapses->lapse[i].rows;
        lapses->lapse[i].kept_ns = lapses->lapse[i].ended_ns;
    }
}

void weir_lapses_undo(struct weir_lapses *lapses)
{
    for (size_t i = lapses->count; i-- > 0;) {
        struct weir_lapse *lapse = &lapses->lapse[i];
        if (!lapse->again)
            continue;
        lapse->rows = lapse->kept;
        lapse->ended_ns = lapse->kept_ns;
        if (!lapse->kept)
            lapse_remove(lapses, i);
    }
}

void weir_lapses_leave(struct weir_lapses *lapses)
{
    for (size_t i = lapses->count; i-- > 0;) {
        struct weir_lapse *lapse = &lapses->lapse[i];
        lapse->rows -= lapse->kept;
        lapse->kept = 0;
        if (!lapse->rows)
            lapse_remove(lapses, i);
    }
}
