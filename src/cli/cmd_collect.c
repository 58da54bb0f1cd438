/* weir collect: verdicts from workers elsewhere into one store. */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/notify.h"
#include "cli/collect_options.h"
#include "cli/command.h"
#include "cli/role.h"
#include "queue/url.h"
#include "cli/settings_change.h"
#include "queue/url.h"

/* What a reload changes. */
struct running {
    struct weir_collect *collect;
    const struct weir_flags *flags;
    atomic_bool quiet;
    pthread_mutex_t lock;
    /* under the lock */
    struct weir_collect_options *now;
    bool own, over; /* own: `now` is this one's */
};

static void free_options(struct weir_collect_options *options)
{
    if (options)
        weir_collect_options_free(options);
    free(options);
}

/* Under the lock. */
static weir_err read_again(struct running *r, json_t **changed, struct weir_error *error)
{
    struct weir_problems problems = {0};
    struct weir_collect_options *fresh = calloc(1, sizeof *fresh);
    if (!fresh)
        return weir_fail(error, WEIR_ERR_MEMORY, "reload: out of memory");
    weir_err code;
    weir_collect_options_make(r->flags, fresh, &problems);
    const struct weir_settings_reading before = {r->now, r->now->told, r->now->config},
                                       after = {fresh, fresh->told, fresh->config};
    if (problems.count)
        code = weir_fail(error, problems.item[0].code, "%s", problems.item[0].text);
    else
        code = weir_settings_change(&weir_collect_settings, &before, &after, changed, error);
    if (code != WEIR_OK) {
        free_options(fresh);
        return code;
    }
    weir_collect_limit(r->collect, fresh->rotate_bytes, &fresh->retention);
    atomic_store_explicit(&r->quiet, fresh->quiet, memory_order_relaxed);
    weir_log_set_level(fresh->quiet ? WEIR_LOG_ERROR : WEIR_LOG_INFO);
    if (r->own)
        free_options(r->now);
    r->now = fresh;
    r->own = true;
    return WEIR_OK;
}

static weir_err reload(void *context, const char *model, struct weir_reloaded *out, struct weir_error *error)
{
    struct running *r = context;
    weir_err code;
    *out = (struct weir_reloaded){0};
    pthread_mutex_lock(&r->lock);
    if (r->over) {
        code = weir_fail(error, WEIR_ERR_CLOSED, "reload: weir is ending");
    } else if (model) {
        code = weir_fail(error, WEIR_ERR_ARGUMENT, "reload: a collector has no model; ask the `weir infer` that judges");
    } else {
        weir_notify_reloading();
        code = read_again(r, &out->changed, error);
        weir_notify("READY=1");
    }
    pthread_mutex_unlock(&r->lock);
    if (code == WEIR_OK) {
        char *changed = json_array_size(out->changed) ? json_dumps(out->changed, JSON_COMPACT) : NULL;
        weir_log(WEIR_LOG_INFO, "read again; changed: %s", changed ? changed : "nothing");
        free(changed);
    } else {
        weir_log(WEIR_LOG_WARNING, "reload refused, everything stays: %s", error->text);
    }
    return code;
}

static void hangup(void *context)
{
    struct weir_reloaded done;
    struct weir_error error = {0};
    if (reload(context, NULL, &done, &error) == WEIR_OK)
        json_decref(done.changed);
}

static bool busy(void *context)
{
    return weir_collect_busy(((struct running *)context)->collect);
}

static unsigned alerts(void *context, struct weir_alert_line *lines)
{
    return weir_collect_alerts(((struct running *)context)->collect, lines);
}

static void store(void *context, const char *account_json)
{
    weir_collect_health(((struct running *)context)->collect, account_json);
}

static bool quiet(const void *context)
{
    return atomic_load_explicit(&((const struct running *)context)->quiet, memory_order_relaxed);
}

static void left_behind(const struct weir_account *account, char *text, size_t size)
{
    snprintf(text, size, "%" PRIu64 " rows were not committed yet; their sensors send them again",
             account->rows.scored - account->store.committed);
}

/* The address that verdicts come by, without a password. */
static void address(const struct weir_collect_options *o, struct weir_url *out)
{
    if (weir_url_parse(o->results ? o->results : o->queue, out, NULL) != WEIR_OK)
        out->text[0] = 0;
}

static json_t *about(const struct weir_collect_options *o, const char *from, const char *name, const char *run)
{
    return json_pack("{s:s,s:{s:s,s:[s],s:n},s:s,s:s?,s:s,s:s,s:s}", "role", "collect", "source", "kind", "results", "ports",
                     from, "filter", "store", o->store, "eve", o->eve, "sensor", name, "run", run, "model", "");
}

static int report(const struct weir_collect_options *o, const struct weir_account *account)
{
    int code = WEIR_EXIT_OK;
    if (o->account && !weir_account_write(account, o->account))
        code = WEIR_EXIT_FAILED;
    if (o->json)
        return weir_account_write(account, NULL) ? code : WEIR_EXIT_FAILED;
    if (o->quiet)
        return code;
    FILE *to = o->eve && !strcmp(o->eve, "-") ? stderr : stdout; /* keep EVE lines clean */
    fputc('\n', to);
    weir_account_print(account, to);
    return fflush(to) ? WEIR_EXIT_FAILED : code;
}

static int collect(const struct weir_flags *flags, struct weir_collect_options *o, const char *command)
{
    struct weir_error error = {0};
    struct weir_control *control = NULL;
    struct weir_strings peers = {0};
    char host[65] = "weir";
    struct weir_url from;
    struct running running = {.flags = flags, .now = o};
    address(o, &from);
    gethostname(host, sizeof host - 1);
    if (o->peers)
        weir_strings_split(&peers, o->peers);
    const struct weir_transport_config transport = {.queue = &o->queue,
                                                    .queues = o->queue != NULL,
                                                    .results = o->results,
                                                    .key = o->key,
                                                    .peers = (const char *const *)peers.item,
                                                    .peer_count = peers.count};
    const struct weir_collect_config config = {.transport = &transport,
                                               .store = o->store,
                                               .store_memory = o->store_memory,
                                               .rotate_bytes = o->rotate_bytes,
                                               .retention = o->retention,
                                               .on_full = o->on_full,
                                               .eve = o->eve,
                                               .publish = o->publish,
                                               .lake = o->lake,
                                               .name = o->name ? o->name : host,
                                               .command = command};
    pthread_mutex_init(&running.lock, NULL);
    atomic_init(&running.quiet, o->quiet);
    weir_role_signals_block(o->config);
    int result = WEIR_EXIT_FAILED;
    if (weir_role_control(o->control, &control, &error) != WEIR_OK ||
        weir_collect_start(&config, &running.collect, &error) != WEIR_OK) {
        weir_log(WEIR_LOG_ERROR, "%s", error.text);
        goto out;
    }
    const struct weir_job job = weir_collect_job(running.collect);
    const struct weir_role_signals signals = {.job = &job, .reload = hangup, .context = &running, .left_behind = left_behind};
    weir_role_signals_start(&signals);
    if (control) {
        json_t *info = about(o, from.text, config.name, weir_collect_run(running.collect));
        weir_control_attach(control, &job, info, reload, &running);
        json_decref(info);
    }
    if (!o->quiet)
        weir_log(WEIR_LOG_INFO, "collecting verdicts from %s into %s", from.text, o->store);
    const struct weir_role_watch watch = {.job = &job,
                                          .what = "collecting verdicts",
                                          .busy = busy,
                                          .alerts = alerts,
                                          .store = store,
                                          .quiet = quiet,
                                          .context = &running};
    weir_role_watch(&watch);
    pthread_mutex_lock(&running.lock);
    running.over = true;
    pthread_mutex_unlock(&running.lock);
    struct weir_account account;
    if (control)
        weir_control_drain(control);
    weir_err code = weir_collect_finish(running.collect, &account, &error);
    if (control)
        weir_control_ended(control, &account, code == WEIR_OK ? NULL : error.text);
    weir_role_signals_end();
    weir_collect_free(&running.collect);
    result = report(running.now, &account);
    if (code != WEIR_OK) {
        weir_log(WEIR_LOG_ERROR, "%s", error.text);
        result = WEIR_EXIT_FAILED;
    }
out:
    weir_control_free(&control); /* who asked for the stop waits until here */
    if (running.own)
        free_options(running.now);
    weir_strings_free(&peers);
    pthread_mutex_destroy(&running.lock);
    return result;
}

static void check_keys(const struct weir_collect_options *o, struct weir_problems *problems)
{
    struct weir_strings peers = {0};
    if (o->peers)
        weir_strings_split(&peers, o->peers);
    const struct weir_transport_config keys = {
        .key = o->key, .peers = (const char *const *)peers.item, .peer_count = peers.count};
    weir_role_check_keys(&keys, problems);
    weir_strings_free(&peers);
}

static int say_checked(const struct weir_collect_options *o)
{
    struct weir_url url = {0}; /* its text is without the password */
    weir_url_parse(o->results ? o->results : o->queue, &url, NULL);
    printf("ok\n%s   %s\nstore     %s\n", o->results ? "results" : "queue  ", url.text, o->store);
    return WEIR_EXIT_OK;
}

int weir_cmd_collect(int argc, char **argv)
{
    struct weir_collect_options o = {0};
    struct weir_flags flags;
    struct weir_problems problems = {0};
    char *command = weir_command_text(argc, argv);
    int code = weir_flags_read(&weir_collect_settings, argc, argv, "'%s' is not an option", &flags);
    if (code < 0) {
        bool check = weir_flags_value(&flags, "check");
        weir_collect_options_make(&flags, &o, &problems);
        if (o.quiet)
            weir_log_set_level(WEIR_LOG_ERROR);
        if (check)
            check_keys(&o, &problems);
        code = problems.count ? weir_problems_tell(&problems, check)
               : check        ? say_checked(&o)
                              : collect(&flags, &o, command ? command : "weir collect");
        weir_collect_options_free(&o);
    }
    weir_flags_free(&flags);
    free(command);
    return code;
}
