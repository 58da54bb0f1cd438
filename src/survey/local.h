/* The local engine: the tasks of a plan as processes of this machine, one a task, the most expensive first. A process reads the
 * frame that all of them map, so there is one copy of the data; its peak memory is its task's own, and one that dies costs one
 * task. One thread. */
#ifndef WEIR_SURVEY_LOCAL_H
#define WEIR_SURVEY_LOCAL_H

#include <jansson.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#include "weir/error.h"

struct weir_survey_local_config {
    const char *dir;
    unsigned jobs;                     /* processes at once, 1 or more */
    int64_t timeout_ns;                /* of a task, 0: none. One that takes longer is ended and has failed */
    uint64_t memory_mib;               /* tasks begin as long as what they are expected to need fits; 0: not looked at */
    const volatile sig_atomic_t *stop; /* not 0: running tasks are ended, which leaves them unfinished */
    /* Called in this thread after each task, and ten times a second. */
    void (*finished)(void *context, const json_t *task);
    void (*tick)(void *context, size_t running);
    void *context;
};

/* Runs those tasks of the plan that are not finished. A task that fails, or whose process dies, leaves a result that says why; so
 * does one that cannot be started. WEIR_ERR_CLOSED when stopped; WEIR_ERR_IO, _MEMORY when it cannot go on. No process outlives
 * this one. */
weir_err weir_survey_local_run(const json_t *plan, const struct weir_survey_local_config *config, struct weir_error *error);

/* What such a process does: runs the task `id` of the plan in `dir` and writes its result and model. What it says goes to stderr,
 * which is the task's log. */
weir_err weir_survey_local_work(const char *dir, const char *id, struct weir_error *error);

/* The name of the command (argv[1] of this program) that calls weir_survey_local_work with argv[2] and argv[3]. */
#define WEIR_SURVEY_LOCAL_COMMAND "survey-task"

#endif
