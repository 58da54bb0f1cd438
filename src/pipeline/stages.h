/* Where a row's time goes between its closing and its commit, by stage, and how full batches are.
 *
 *   batch wait   closed ─▶ its batch is handed on          queue   ─▶ a worker takes it
 *   score        ─▶ judged (the end of the decision time)  store   ─▶ committed (the end of the durable time)
 *
 * A plain value; the writer's thread adds, under its lock.
 */
#ifndef WEIR_PIPELINE_STAGES_H
#define WEIR_PIPELINE_STAGES_H

#include <jansson.h>
#include <stdio.h>

#include "base/histogram.h"
#include "batch/verdict.h"

enum weir_stage { WEIR_STAGE_BATCH, WEIR_STAGE_QUEUE, WEIR_STAGE_SCORE, WEIR_STAGE_STORE, WEIR_STAGE_COUNT };

#define WEIR_FILLS 10 /* 1, 2 to 3, 4 to 7, ..., 256 to 511, 512 rows */

struct weir_stages {
    struct weir_histogram ns[WEIR_STAGE_COUNT]; /* of rows */
    uint64_t fill[WEIR_FILLS];                  /* batches by their rows */
};

/* "batch_wait", "queue", "score", "store". */
const char *weir_stage_name(enum weir_stage stage);

/* All stages but the last, and the fill, of a judged batch. Of one that was judged in another process only the fill: the account
 * of that one has the rest. */
void weir_stages_add(struct weir_stages *stages, const struct weir_verdicts *verdicts);

void weir_stages_merge(struct weir_stages *into, const struct weir_stages *from);

/* {"batch_wait": {"p50": us, "p99": us, "max": us}, ...}; {"1": n, "2-3": n, ...}, as far as there are any. NULL: out of memory.
 */
json_t *weir_stages_json(const struct weir_stages *stages);
json_t *weir_stages_fill_json(const struct weir_stages *stages);

/* "batches   by rows: 1: 3, 2-3: 7, 512: 12", a line; none without batches. */
void weir_stages_fill_print(const struct weir_stages *stages, FILE *to);

#endif
