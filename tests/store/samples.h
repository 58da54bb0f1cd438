/* Made-up verdicts, and a store's answers as text. */
#ifndef TEST_STORE_SAMPLES_H
#define TEST_STORE_SAMPLES_H

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/sql.h"
#include "store/store.h"

static const char *const sample_classes[] = {"benign", "port-scan", "a class with a \"long\" name"};
static const char *const sample_columns[] = {"sbytes", "dur", "a_column_with_a_long_name"};

static inline uint64_t sample_mix(uint64_t z) /* splitmix64 */
{
    z += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

/* Row `n` (counted over all batches) of the made-up stream, as row `r` of the batch. */
static inline void sample_row(struct weir_verdicts *v, unsigned r, uint64_t n)
{
    uint64_t x = sample_mix(n);
    struct weir_identity *id = &v->batch->identity[r];
    memset(id, 0, sizeof *id);
    id->flow_id = (struct weir_flow_id){sample_mix(x), sample_mix(x + 1)};
    id->record = (uint32_t)(n % 3);
    id->reason = (uint8_t)(n % WEIR_REASON_COUNT);
    id->ip_version = n % 5 == 4 ? 6 : 4;
    id->proto = n % 7 == 6 ? (n % 2 ? 1 : 58) : n % 2 ? 6 : 17;
    id->ports = id->proto == 6 || id->proto == 17;
    id->sport = (uint16_t)(x >> 16);
    id->dport = (uint16_t)(x >> 32);
    for (unsigned i = 0; i < (id->ip_version == 4 ? 4 : 16); i++) {
        id->src[i] = (uint8_t)(sample_mix(x + 2) >> 4 * i);
        id->dst[i] = (uint8_t)(sample_mix(x + 3) >> 4 * i);
    }
    id->stime_ns = 1700000000000000000 + (int64_t)n * 1000003;
    id->ltime_ns = id->stime_ns + (int64_t)(x & 0xffffffff);
    v->batch->closed_ns[r] = 1000000;
    v->scored_ns[r] = 1000000 + (int64_t)(n % 1000) * 1000 + 7;
    v->score[r] = (float)(x >> 40) / 16777216.f;
    v->class_index[r] = (uint16_t)(v->score[r] < 0.5f ? 0 : 1 + n % 2);
    v->alert[r] = v->class_index[r] > 0;
    if (v->alert[r]) {
        struct weir_alert_causes *causes = &v->causes[v->alerts++];
        *causes = (struct weir_alert_causes){.row = (uint16_t)r, .count = (uint8_t)(1 + n % 3)};
        for (unsigned i = 0; i < causes->count; i++)
            causes->cause[i] = (struct weir_cause){(uint16_t)i, i == 1 ? NAN : (float)n, 1.5f / (float)(i + 1)};
    }
}

/* The next batch of `rows` rows; the stream's position is *next. */
static inline void sample_batch(struct weir_verdicts *v, struct weir_batch *batch, unsigned rows, uint64_t *next)
{
    v->batch = batch;
    v->model = "forest:3";
    v->feature_set = "argus";
    v->classes = sample_classes;
    v->columns = sample_columns;
    v->threshold = 0.5f;
    v->alerts = 0;
    batch->columns = 3;
    batch->rows = (uint16_t)rows;
    batch->lane = 1;
    batch->boot = 9;
    batch->seq++;
    for (unsigned r = 0; r < rows; r++)
        sample_row(v, r, (*next)++);
}

/* All cells of the answer, a comma between cells and a newline after each row; free it. NULL when the query fails, the message is
 * in *error. */
static inline char *sample_query(const char *path, const char *sql, struct weir_error *error)
{
    struct weir_sql *session = NULL;
    struct weir_answer *rows = NULL;
    char *text = NULL;
    size_t size;
    *error = (struct weir_error){0};
    if (weir_sql_open(path, 256 << 20, &session, error) == WEIR_OK &&
        weir_sql_run(session, sql, 0, 60 * (int64_t)1000000000, &rows, error) == WEIR_OK) {
        FILE *to = open_memstream(&text, &size);
        for (const struct weir_cell *cell; (cell = weir_answer_next(rows));)
            for (size_t i = 0; i < weir_answer_columns(rows); i++)
                fprintf(to, "%.*s%c", cell[i].text ? (int)cell[i].length : 4, cell[i].text ? cell[i].text : "NULL",
                        i + 1 == weir_answer_columns(rows) ? '\n' : ',');
        fclose(to);
    }
    weir_answer_free(&rows);
    weir_sql_close(&session);
    return text;
}

/* A fresh folder below $TMPDIR; free it. */
static inline char *sample_folder(void)
{
    const char *parent = getenv("TMPDIR");
    char *path = NULL;
    if (asprintf(&path, "%s/weir-test-XXXXXX", parent ? parent : "/tmp") < 0 || !mkdtemp(path))
        abort();
    return path;
}

#endif
