/* What a running weir answers on its control socket: status, stop, query, reload.
 *
 * Requests: pipeline/request.h. An answer is one JSON object on one line: {"ok":true,...} or {"ok":false,"error":"..."}.
 *   status  {"ok":true,"state":"running","pid":..,"version":..,"uptime_s":..,"run":..,"model":..,"health":"ok",
 *            "queue":{"depth":..,"room":..},"account":{..},"text":"the account for people","alerts":["newest first"],...}
 *   stop    the same with "state":"ended" once the run has accounted; "problem" says what went wrong, null when nothing did
 *   query   lines, see pipeline/rows.h; {"ok":false,...} when it fails. One query at a time, the next one waits
 *   reload  {"ok":true,"model":"b:2","before":"a:1","reloads":1} once the next batch will be judged by the new model;
 *           with a configuration file also "changed":["retention",..]
 *
 * It speaks for a job (pipeline/job.h): a run, or one of its roles. Life: start, attach, (the job goes on), drain, finish the
 * job, ended, free. All by the job's owner.
 */
#ifndef WEIR_PIPELINE_CONTROL_H
#define WEIR_PIPELINE_CONTROL_H

#include <jansson.h>

#include "pipeline/job.h"

struct weir_control;

/* Listens at `path`; nothing runs yet ("state":"starting"). Errors of weir_socket_start. */
weir_err weir_control_start(const char *path, struct weir_control **out, struct weir_error *error);

struct weir_reloaded {
    char before[256], after[256]; /* the models' labels */
    json_t *changed;              /* names of the settings that a configuration file has changed; NULL: there is no such file */
};

/* Does a reload: of a model file, or, NULL, of all that the run was started with. After a failure nothing has changed, and
 * `changed` is NULL; else the caller frees it. Any thread. */
typedef weir_err weir_control_reload(void *context, const char *model, struct weir_reloaded *out, struct weir_error *error);

/* `about`: what of the job does not change. `reload` NULL: there is nothing that it could read again. */
void weir_control_attach(struct weir_control *control, const struct weir_job *job, const json_t *about,
                         weir_control_reload *reload, void *context);

/* The packets are at their end: no more queries, the ones under way are broken off. Returns when none uses the store any more. */
void weir_control_drain(struct weir_control *control);

/* The job has accounted; it may be freed afterwards. `problem`: NULL, or what went wrong. Who waits for the end is told. */
void weir_control_ended(struct weir_control *control, const struct weir_account *account, const char *problem);

/* Ends the socket. Sets *control to NULL; NULL-safe. */
void weir_control_free(struct weir_control **control);

#endif
