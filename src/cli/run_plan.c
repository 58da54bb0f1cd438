#include "cli/run_plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/default_model.h"
#include "queue/queue.h"

enum { IDLE_MIN_NS = 1000000, BEHIND_NS = 250 * 1000000 };

weir_err weir_run_model_load(const struct weir_run_options *options, const char *named, weir_model **model, char **path,
                             struct weir_error *error)
{
    struct weir_error inner = {0};
    const char *wanted = named ? named : options->model;
    *model = NULL;
    *path = wanted ? strdup(wanted) : weir_default_model(error);
    if (!*path)
        return wanted ? weir_fail(error, WEIR_ERR_MEMORY, "out of memory") : WEIR_ERR_NOT_FOUND;
    weir_err code = weir_model_load(*path, model, &inner);
    if (code != WEIR_OK)
        return named ? weir_fail(error, code, "%s", inner.text)
                     : weir_fail(error, code, "%s %s%s", weir_run_options_place(options, "model").text, inner.text,
                                 code == WEIR_ERR_NOT_FOUND ? "; give the path of a model file" : "");
    if (!isnan(options->threshold) && (code = weir_model_set_threshold(*model, options->threshold, &inner)) != WEIR_OK) {
        weir_model_free(model);
        weir_fail(error, code, "%s %s", weir_run_options_place(options, "threshold").text, inner.text);
    }
    return code;
}

/* What the batches carry; none: what the model wants. */
static void choose_columns(const struct weir_run_options *o, bool model, const struct weir_view *view,
                           struct weir_strings *columns)
{
    const char *which = o->columns || model ? o->columns : "all";
    if (which && strcmp(which, "all") != 0)
        weir_strings_split(columns, which);
    for (size_t i = 0; which && !strcmp(which, "all") && i < view->column_count; i++)
        if (view->columns[i].value && !view->columns[i].identifier)
            weir_strings_add(columns, view->columns[i].name);
}

static const struct weir_view *find_view(const struct weir_run_options *o, const weir_model *model,
                                         struct weir_problems *problems)
{
    const char *features = o->features ? o->features : model ? weir_model_feature_set(model) : "argus";
    const struct weir_view *view = weir_view_find(features);
    if (!view && o->features)
        weir_problem(problems, WEIR_ERR_ARGUMENT, "%s %s: not a feature set; there are: %s",
                     weir_run_options_place(o, "features").text, features, weir_view_names());
    else if (!view)
        weir_problem(
            problems, WEIR_ERR_MISMATCH,
            "model %s is of feature set '%s', which weir does not meter (it knows: %s): `weir evaluate` and `weir predict` take "
            "it; for live traffic train on flow records of `weir flows`, or on argus's columns (docs/train.md)",
            weir_model_label(model), features, weir_view_names());
    return view;
}

/* True for a queue that others may join, whether it is right or not. */
static bool check_queue(const struct weir_run_options *o, struct weir_problems *problems)
{
    struct weir_error error = {0};
    if (!o->queue)
        weir_problem(problems, WEIR_ERR_ARGUMENT,
                     "--queue is missing: where do batches go? such as --queue redis://HOST:6379; see `weir sensor --help`");
    if (!o->queue || (o->store && weir_queue_check(o->queue, NULL) == WEIR_OK))
        return false;
    const char *wrong = weir_queue_options_problem(&o->link, o->queue, o->store != NULL, &error);
    if (wrong)
        weir_problem(problems, error.code, "%s: %s%s", weir_run_options_place(o, wrong).text, error.text,
                     o->store && !strcmp(wrong, "queue") ? "; memory: stays in this process" : "");
    return true;
}

/* A sensor's own: it judges nothing, so it needs no model. */
static void plan_sender(const struct weir_run_options *o, struct weir_run_plan *plan, struct weir_problems *problems)
{
    struct weir_error error = {0};
    const struct weir_queue_options *link = &o->link;
    struct weir_sender_config *sender = &plan->config.sender;
    *sender = (struct weir_sender_config){.transport = weir_queue_options_transport(link, &o->queue),
                                          .state = link->state,
                                          .room = link->spill,
                                          .resend_after_ns = link->resend_after_ns,
                                          .drain_timeout_ns = link->drain_timeout_ns};
    if ((link->state && !strcmp(link->state, "none")) || (!link->state && o->store)) /* its own collector's end is its end */
        sender->state = NULL;
    else if (!link->state && !o->check && weir_queue_state_place(plan->config.sensor, plan->state, &error) != WEIR_OK)
        weir_problem(problems, error.code, "%s", error.text);
    else if (!link->state && !o->check)
        sender->state = plan->state;
}

void weir_run_plan_make(const struct weir_run_options *o, struct weir_run_plan *plan, struct weir_problems *problems)
{
    struct weir_error error = {0};
    *plan = (struct weir_run_plan){.host = "weir", .rights = {.user = o->user, .keep_files = true}};
    bool sensor = o->settings == &weir_sensor_settings;
    weir_err loaded = sensor && !o->model ? WEIR_OK : weir_run_model_load(o, NULL, &plan->model, &plan->model_path, &error);
    if (loaded != WEIR_OK)
        weir_problem(problems, WEIR_ERR_MISMATCH, "%s", error.text);
    bool joined = check_queue(o, problems);
    if (loaded != WEIR_OK)
        return;
    const struct weir_view *view = find_view(o, plan->model, problems);
    if (!view)
        return;
    if (!o->sensor)
        gethostname(plan->host, sizeof plan->host - 1);
    choose_columns(o, plan->model, view, &plan->columns);
    plan->config = (struct weir_run_config){.source = weir_tap_options_source(&o->tap),
                                            .ingest = weir_ingest_options_config(&o->ingest),
                                            .model = plan->model,
                                            .view = view,
                                            .columns = (const char *const *)plan->columns.item,
                                            .column_count = plan->columns.count,
                                            .lanes = (unsigned)o->lanes,
                                            .workers = (unsigned)o->workers,
                                            .reasons = o->reasons,
                                            .batch_rows = (unsigned)o->batch,
                                            .max_delay_ns = o->max_delay_ns,
                                            .flows = o->ingest.flows.room,
                                            .queue = o->queue,
                                            .store = o->store,
                                            .store_memory = o->store_memory,
                                            .rotate_bytes = o->rotate_bytes,
                                            .retention = o->retention,
                                            .on_full = o->on_full,
                                            .eve = o->eve,
                                            .publish = o->publish,
                                            .sensor = o->sensor ? o->sensor : plan->host,
                                            .rights = &plan->rights};
    plan->config.source.lanes = (unsigned)o->lanes;
    bool live = plan->config.source.interface[0];
    if (o->budget_ms) {
        plan->config.budget_ns = (int64_t)o->budget_ms * 1000000;
        if (!weir_run_options_told(o, "max-delay"))
            plan->config.max_delay_ns = plan->config.budget_ns;
        if (!weir_run_options_told(o, "batch"))
            plan->config.batch_rows = WEIR_BATCH_ROWS;
    }
    plan->config.degrade = o->overload == WEIR_OVERLOAD_DEGRADE;
    plan->config.ingest.key = o->link.key;
    plan->config.ingest.peers = (const char *const *)o->link.peers.item;
    plan->config.ingest.peer_count = o->link.peers.count;
    plan->config.ingest.shed = o->overload == WEIR_OVERLOAD_SHED;
    if (o->overload == WEIR_OVERLOAD_SHED || (live && o->overload == WEIR_OVERLOAD_SOURCE))
        plan->config.behind_ns = BEHIND_NS;
    /* A lane that waits for packets still hands its batch on in time. */
    plan->config.source.live.idle_ns = o->budget_ms                    ? WEIR_BATCH_LOOK_NS
                                       : o->max_delay_ns > IDLE_MIN_NS ? o->max_delay_ns
                                                                       : IDLE_MIN_NS;
    if (joined)
        plan_sender(o, plan, problems);
    if (weir_run_check(&plan->config, &error) != WEIR_OK)
        weir_problem(problems, WEIR_ERR_MISMATCH, "%s%s%s", o->columns ? weir_run_options_place(o, "columns").text : "",
                     o->columns ? ": " : "", error.text);
}

void weir_run_plan_free(struct weir_run_plan *plan)
{
    weir_model_free(&plan->model);
    weir_strings_free(&plan->columns);
    free(plan->model_path);
    *plan = (struct weir_run_plan){0};
}
