/* weir infer: batches of sensors in, verdicts for a collector out. */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/notify.h"
#include "cli/command.h"
#include "cli/default_model.h"
#include "cli/infer_options.h"
#include "cli/role.h"

/* What a reload needs: under the lock, as the control socket and the signals' thread may ask at the same time. */
struct reloader {
    struct weir_infer *infer;
    const struct weir_flags *flags;
    const struct weir_infer_options *options; /* of the start */
    pthread_mutex_t lock;
    bool over;
};

static weir_err load_model(const struct weir_infer_options *o, weir_model **model, struct weir_error *error)
{
    struct weir_error inner = {0};
    char *path = o->model ? strdup(o->model) : weir_default_model(error);
    if (!path)
        return o->model ? weir_fail(error, WEIR_ERR_MEMORY, "out of memory") : WEIR_ERR_NOT_FOUND;
    weir_err code = weir_model_load(path, model, &inner);
    if (code != WEIR_OK)
        weir_fail(error, code, "%s %s", weir_infer_options_place(o, "model").text, inner.text);
    free(path);
    return code;
}

static weir_err seat(struct reloader *r, const char *path, const struct weir_infer_options *o, struct weir_error *error)
{
    weir_model *model = NULL;
    weir_err code = path ? weir_model_load(path, &model, error) : load_model(o, &model, error);
    if (code == WEIR_OK && (code = weir_infer_reload(r->infer, model, error)) != WEIR_OK)
        weir_model_free(&model);
    return code;
}

/* The options once more; what is not live must be as it was. */
static weir_err seat_again(struct reloader *r, struct weir_reloaded *out, struct weir_error *error)
{
    struct weir_infer_options fresh;
    struct weir_problems problems = {0};
    weir_infer_options_make(r->flags, &fresh, &problems);
    weir_err code = problems.count ? weir_fail(error, problems.item[0].code, "%s", problems.item[0].text) : WEIR_OK;
    json_t *changed = r->options->config ? json_array() : NULL;
    for (size_t i = 0; code == WEIR_OK && i < weir_infer_settings.count; i++) {
        const struct weir_setting *row = &weir_infer_settings.row[i];
        if (weir_setting_same(row, r->options, &r->options->told[i], &fresh, &fresh.told[i]))
            continue;
        if (row->live)
            json_array_append_new(changed, json_string(row->name));
        else
            code = weir_fail(error, WEIR_ERR_BUSY,
                             "%s: this cannot change while weir runs; restart to change it, or take it back", row->name);
    }
    if (code == WEIR_OK)
        code = seat(r, NULL, &fresh, error);
    if (code == WEIR_OK)
        out->changed = changed;
    else
        json_decref(changed);
    weir_infer_options_free(&fresh);
    return code;
}

/* Has the type weir_control_reload. */
static weir_err reload(void *context, const char *model, struct weir_reloaded *out, struct weir_error *error)
{
    struct reloader *r = context;
    weir_err code;
    *out = (struct weir_reloaded){0};
    pthread_mutex_lock(&r->lock);
    if (r->over) {
        code = weir_fail(error, WEIR_ERR_CLOSED, "reload: weir is ending");
    } else {
        weir_notify_reloading();
        weir_infer_model(r->infer, out->before, sizeof out->before);
        code = model ? seat(r, model, NULL, error) : seat_again(r, out, error);
        weir_infer_model(r->infer, out->after, sizeof out->after);
        weir_notify("READY=1");
    }
    pthread_mutex_unlock(&r->lock);
    if (code == WEIR_OK)
        weir_log(WEIR_LOG_INFO, "model %s now judges, in place of %s", out->after, out->before);
    else
        weir_log(WEIR_LOG_WARNING, "reload refused, model %s stays: %s", out->before, error->text);
    return code;
}

static void reload_on_signal(void *context)
{
    struct weir_reloaded done;
    struct weir_error error = {0};
    if (reload(context, NULL, &done, &error) == WEIR_OK)
        json_decref(done.changed);
}

static void left_behind(const struct weir_account *account, char *text, size_t size)
{
    snprintf(text, size, "the batch of each worker; sensors send it again");
}

static bool busy(void *context)
{
    return weir_infer_busy(((struct reloader *)context)->infer);
}

static bool quiet(const void *context)
{
    (void)context;
    return true; /* the collector shows the alerts; what is wrong is logged as it comes */
}

static int report(const struct weir_infer_options *o, const struct weir_account *account)
{
    int code = WEIR_EXIT_OK;
    if (o->account && !weir_account_write(account, o->account))
        code = WEIR_EXIT_FAILED;
    if (o->json)
        return weir_account_write(account, NULL) ? code : WEIR_EXIT_FAILED;
    if (!o->quiet)
        weir_account_print(account, stdout);
    return fflush(stdout) || ferror(stdout) ? WEIR_EXIT_FAILED : code;
}

static json_t *about(const struct weir_infer_options *o, const weir_model *model)
{
    json_t *queues = json_array();
    for (size_t i = 0; i < o->queues.count; i++) { /* without a password */
        const char *at = strrchr(o->queues.item[i], '@');
        json_array_append_new(queues, json_string(at ? at + 1 : o->queues.item[i]));
    }
    return json_pack("{s:s,s:o,s:s?,s:s,s:i}", "role", "infer", "queues", queues, "results", o->results, "feature_set",
                     weir_model_feature_set(model), "workers", (int)o->workers);
}

static int run(const struct weir_flags *flags, const struct weir_infer_options *o)
{
    struct weir_error error = {0};
    weir_model *model = NULL;
    struct weir_infer *infer = NULL;
    struct weir_control *control = NULL;
    if (load_model(o, &model, &error) != WEIR_OK) {
        weir_log(WEIR_LOG_ERROR, "%s", error.text);
        return WEIR_EXIT_FAILED;
    }
    json_t *info = about(o, model);
    const struct weir_infer_config config = {.model = model,
                                             .overload = o->overload,
                                             .reasons = o->reasons,
                                             .workers = (unsigned)o->workers,
                                             .transport = weir_infer_options_transport(o)};
    weir_role_signals_block(true);
    if (weir_role_control(o->control ? o->control : "none", &control, &error) != WEIR_OK ||
        weir_infer_start(&config, &infer, &error) != WEIR_OK) {
        weir_control_free(&control);
        weir_model_free(&model);
        json_decref(info);
        weir_log(WEIR_LOG_ERROR, "%s", error.text);
        return WEIR_EXIT_FAILED;
    }
    const struct weir_job job = weir_infer_job(infer);
    struct reloader reloader = {.infer = infer, .flags = flags, .options = o, .lock = PTHREAD_MUTEX_INITIALIZER};
    const struct weir_role_signals signals = {
        .job = &job, .reload = reload_on_signal, .context = &reloader, .left_behind = left_behind};
    bool listening = weir_role_signals_start(&signals);
    char label[256], what[300];
    weir_infer_model(infer, label, sizeof label);
    snprintf(what, sizeof what, "judging with model %s", label);
    weir_log(WEIR_LOG_INFO, "%s, %" PRIu64 " workers", what, o->workers);
    if (control)
        weir_control_attach(control, &job, info, reload, &reloader);
    json_decref(info);
    const struct weir_role_watch watch = {.job = &job, .what = what, .busy = busy, .quiet = quiet, .context = &reloader};
    weir_role_watch(&watch);
    pthread_mutex_lock(&reloader.lock);
    reloader.over = true;
    pthread_mutex_unlock(&reloader.lock);
    if (control)
        weir_control_drain(control);
    struct weir_account account;
    weir_err code = weir_infer_finish(infer, &account, &error);
    if (control)
        weir_control_ended(control, &account, code == WEIR_OK ? NULL : error.text);
    if (listening)
        weir_role_signals_end();
    weir_infer_free(&infer);
    int result = report(o, &account);
    weir_control_free(&control); /* who asked for the stop waits until here */
    if (code != WEIR_OK) {
        weir_log(WEIR_LOG_ERROR, "%s", error.text);
        result = WEIR_EXIT_FAILED;
    }
    return result;
}

static int check(const struct weir_infer_options *o)
{
    struct weir_error error = {0};
    weir_model *model = NULL;
    weir_err code = load_model(o, &model, &error);
    if (code != WEIR_OK)
        weir_log(WEIR_LOG_ERROR, "%s", error.text);
    else
        printf("ok: %zu workers judge with model %s, feature set %s\n", (size_t)o->workers, weir_model_label(model),
               weir_model_feature_set(model));
    weir_model_free(&model);
    return code == WEIR_OK ? WEIR_EXIT_OK : WEIR_EXIT_FAILED;
}

int weir_cmd_infer(int argc, char **argv)
{
    struct weir_infer_options o = {0};
    struct weir_flags flags;
    struct weir_problems problems = {0};
    int code = weir_flags_read(&weir_infer_settings, argc, argv, "'%s' is not an option", &flags);
    if (code < 0) {
        weir_infer_options_make(&flags, &o, &problems);
        if (o.quiet)
            weir_log_set_level(WEIR_LOG_ERROR);
        const struct weir_transport_config transport = weir_infer_options_transport(&o);
        if (o.check)
            weir_role_check_keys(&transport, &problems);
        code = problems.count ? weir_problems_tell(&problems, o.check) : o.check ? check(&o) : run(&flags, &o);
        weir_infer_options_free(&o);
    }
    weir_flags_free(&flags);
    return code;
}
