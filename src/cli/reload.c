#include "cli/reload.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/background.h"
#include "base/log.h"
#include "base/notify.h"
#include "cli/run_plan.h"
#include "cli/settings_change.h"

struct weir_reloader {
    struct weir_run *run;
    const struct weir_flags *flags;
    atomic_bool quiet;
    pthread_mutex_t lock;
    /* under the lock */
    const struct weir_run_options *now;
    struct weir_run_options *own; /* the same, when they are no more those of the start */
    bool over;
};

weir_err weir_reloader_create(struct weir_run *run, const struct weir_flags *flags, const struct weir_run_options *options,
                              struct weir_reloader **out, struct weir_error *error)
{
    struct weir_reloader *reloader = *out = calloc(1, sizeof *reloader);
    if (!reloader)
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    reloader->run = run;
    reloader->flags = flags;
    reloader->now = options;
    atomic_init(&reloader->quiet, options->quiet);
    pthread_mutex_init(&reloader->lock, NULL);
    return WEIR_OK;
}

static void free_options(struct weir_run_options *options)
{
    if (options)
        weir_run_options_free(options);
    free(options);
}

/* What is another than now: WEIR_OK with the names of what can change, or all that cannot. */
static weir_err compare(const struct weir_run_options *now, const struct weir_run_options *fresh, json_t **changed,
                        struct weir_error *error)
{
    const struct weir_settings_reading before = {now, now->told, now->config}, after = {fresh, fresh->told, fresh->config};
    return weir_settings_change(now->settings, &before, &after, changed, error);
}

struct loading {
    const struct weir_run_options *options;
    const char *named; /* in place of the options' model, or NULL */
    weir_model *model;
    weir_err code;
    struct weir_error *error;
};

static void load(void *argument)
{
    struct loading *l = argument;
    char *path;
    l->code = weir_run_model_load(l->options, l->named, &l->model, &path, l->error);
    free(path);
}

/* Reading, checking and compiling a model takes a processor for a while: lanes and workers go before it. */
static weir_err load_model(const struct weir_run_options *options, const char *named, weir_model **model,
                           struct weir_error *error)
{
    struct loading loading = {.options = options, .named = named, .error = error};
    weir_background_run(load, &loading);
    *model = loading.model;
    return loading.code;
}

static weir_err seat(struct weir_reloader *r, weir_model **model, struct weir_error *error)
{
    weir_err code = weir_run_reload(r->run, *model, error);
    if (code == WEIR_OK)
        *model = NULL; /* the run's from here on */
    return code;
}

/* Under the lock. */
static weir_err reload_all(struct weir_reloader *r, struct weir_reloaded *out, struct weir_error *error)
{
    struct weir_problems problems = {0};
    weir_model *model = NULL;
    weir_err code = WEIR_ERR_MEMORY;
    struct weir_run_options *fresh = calloc(1, sizeof *fresh);
    if (!fresh)
        return weir_fail(error, code, "reload: out of memory");
    weir_run_options_make(r->flags, fresh, &problems);
    if (problems.count == 1)
        code = weir_fail(error, problems.item[0].code, "%s", problems.item[0].text);
    else if (problems.count)
        code = weir_fail(error, problems.item[0].code, "%.400s; and %zu more, `weir %s --check` names all", problems.item[0].text,
                         problems.count - 1, r->now->settings->command);
    else if ((code = compare(r->now, fresh, &out->changed, error)) == WEIR_OK &&
             (!weir_run_judges(r->run) ||
              ((code = load_model(fresh, NULL, &model, error)) == WEIR_OK && (code = seat(r, &model, error)) == WEIR_OK))) {
        /* from here on nothing can fail */
        weir_run_limit(r->run, fresh->rotate_bytes, &fresh->retention);
        atomic_store_explicit(&r->quiet, fresh->quiet, memory_order_relaxed);
        weir_log_set_level(fresh->quiet ? WEIR_LOG_ERROR : WEIR_LOG_INFO);
        free_options(r->own);
        r->now = r->own = fresh;
        fresh = NULL;
    }
    free_options(fresh);
    weir_model_free(&model);
    return code;
}

/* Under the lock. */
static weir_err reload_model(struct weir_reloader *r, const char *path, struct weir_error *error)
{
    weir_model *model = NULL;
    if (!weir_run_judges(r->run))
        return weir_fail(error, WEIR_ERR_UNSUPPORTED, "a sensor judges nothing: give %s to its workers (`weir infer`)", path);
    weir_err code = load_model(r->now, path, &model, error);
    if (code == WEIR_OK)
        code = seat(r, &model, error);
    weir_model_free(&model);
    return code;
}

weir_err weir_reloader_reload(void *reloader, const char *model, struct weir_reloaded *out, struct weir_error *error)
{
    struct weir_reloader *r = reloader;
    weir_err code;
    *out = (struct weir_reloaded){0};
    pthread_mutex_lock(&r->lock);
    if (r->over) {
        code = weir_fail(error, WEIR_ERR_CLOSED, "reload: weir is ending");
    } else {
        weir_notify_reloading();
        weir_run_model(r->run, out->before, sizeof out->before);
        code = model ? reload_model(r, model, error) : reload_all(r, out, error);
        weir_run_model(r->run, out->after, sizeof out->after);
        weir_notify("READY=1");
    }
    bool file = !model && r->now->config;
    pthread_mutex_unlock(&r->lock);
    if (code != WEIR_OK) {
        weir_log(WEIR_LOG_WARNING, "reload refused, %s%s%s: %s", *out->before ? "model " : "", out->before,
                 !*out->before ? "everything stays as it was"
                 : file        ? " and configuration stay"
                               : " stays",
                 error->text);
        json_decref(out->changed);
        out->changed = NULL;
    } else {
        char *changed = json_array_size(out->changed) ? json_dumps(out->changed, JSON_COMPACT) : NULL;
        if (*out->after)
            weir_log(WEIR_LOG_INFO, "model %s now judges, in place of %s%s%s", out->after, out->before,
                     changed ? "; changed: " : "", changed ? changed : "");
        else
            weir_log(WEIR_LOG_INFO, "configuration read again; changed: %s", changed ? changed : "nothing");
        free(changed);
    }
    return code;
}

bool weir_reloader_quiet(const struct weir_reloader *reloader)
{
    return atomic_load_explicit(&reloader->quiet, memory_order_relaxed);
}

const struct weir_run_options *weir_reloader_close(struct weir_reloader *reloader)
{
    pthread_mutex_lock(&reloader->lock);
    reloader->over = true;
    const struct weir_run_options *now = reloader->now;
    pthread_mutex_unlock(&reloader->lock);
    return now;
}

void weir_reloader_free(struct weir_reloader **reloader)
{
    if (!reloader || !*reloader)
        return;
    pthread_mutex_destroy(&(*reloader)->lock);
    free_options((*reloader)->own);
    free(*reloader);
    *reloader = NULL;
}
