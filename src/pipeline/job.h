/* A job as its control socket sees it: a run, or one of the roles of a run in a process of its own. */
#ifndef WEIR_PIPELINE_JOB_H
#define WEIR_PIPELINE_JOB_H

#include <jansson.h>

#include "pipeline/account.h"
#include "store/sql.h"

/* All of them: any thread. */
struct weir_job {
    void *context;
    void (*stop)(void *context); /* ends early: what has been taken is finished */
    void (*account)(void *context, struct weir_account *out);
    /* Adds what else there is to say of now ("model", "queue", "alerts", ..); `problem`: what is wrong, else left empty. */
    void (*status)(void *context, json_t *answer, char *problem, size_t size);
    uint64_t (*reloads)(void *context); /* NULL: none */
    /* A session for reading the store that is being written; NULL: there is no store. */
    weir_err (*sql)(void *context, struct weir_sql **out, struct weir_error *error);
};

#endif
