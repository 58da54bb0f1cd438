/* weir run: the main job; and weir sensor, the same with a sender instead of workers and a store. */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "cli/command.h"
#include "cli/live.h"
#include "cli/reload.h"
#include "cli/role.h"
#include "cli/run_check.h"
#include "cli/run_plan.h"
#include "cli/service.h"
#include "pipeline/control.h"
#include "pipeline/run.h"
#include "store/attacks.h"

/* Signals: one thread waits for them. The first asks for a drain, the second ends the process at once;
 * SIGHUP reads the configuration again. */
static struct weir_run *signalled_run;
static struct weir_reloader *signalled_reloader;

static void *wait_signals(void *set)
{
    for (int n = 0, number; sigwait(set, &number) == 0;) {
        if (number == SIGUSR1)
            return NULL; /* the run is over */
        if (number == SIGHUP) {
            struct weir_reloaded done;
            struct weir_error error = {0};
            if (weir_reloader_reload(signalled_reloader, NULL, &done, &error) == WEIR_OK)
                json_decref(done.changed);
            continue;
        }
        if (n++ == 0) {
            weir_log(WEIR_LOG_INFO, "stopping: what has been read is being finished; a second signal ends at once");
            weir_run_stop(signalled_run);
            continue;
        }
        struct weir_account account;
        weir_run_account(signalled_run, &account);
        weir_log(WEIR_LOG_ERROR,
                 "stopped at once: %" PRIu64 " active flows and %" PRIu64 " rows in flight or uncommitted are left behind%s",
                 account.meter.flows_active, account.rows.batched - account.store.committed - weir_account_not_kept(&account),
                 account.remote.used ? "; those in the outbox are sent at the next start" : "");
        _exit(WEIR_EXIT_FAILED);
    }
    return NULL;
}

/* Until everything is read: the live line and a health row every 10 s. */
static void watch(struct weir_run *run, const struct weir_reloader *reloader, const char *what)
{
    enum { LIVE_NS = 200 * 1000000 };
    const int64_t health_ns = 10 * (int64_t)1000000000;
    struct weir_live live;
    weir_live_init(&live);
    int64_t started = weir_clock_mono_ns(), drawn = started, stored = started;
    struct weir_service service;
    weir_service_ready(&service, what);
    while (weir_run_busy(run)) {
        usleep(5000);
        int64_t now = weir_clock_mono_ns();
        bool draw = !weir_reloader_quiet(reloader) && now - drawn >= (live.terminal ? LIVE_NS : health_ns),
             store = now - stored >= health_ns;
        bool beat = now >= service.next_ns;
        if (!draw && !store && !beat)
            continue;
        struct weir_account account;
        weir_run_account(run, &account);
        if (beat)
            weir_service_beat(&service, &account);
        if (draw) {
            struct weir_alert_line lines[WEIR_ALERTS_SHOWN];
            unsigned n = weir_run_alerts(run, lines);
            weir_live_draw(&live, &account, lines, n, weir_run_progress(run));
            drawn = now;
        }
        if (store) {
            char *text = weir_account_text(&account);
            if (text)
                weir_run_health(run, text);
            free(text);
            stored = now;
        }
    }
    weir_live_clear(&live);
    weir_service_stopping("finishing what has been read");
}

static int report(const struct weir_run_options *o, const struct weir_account *account, const char *run_id, bool failed)
{
    struct weir_error error = {0};
    int code = WEIR_EXIT_OK;
    weir_account_warn(account);
    if (o->account && !weir_account_write(account, o->account))
        code = WEIR_EXIT_FAILED;
    if (o->json)
        return weir_account_write(account, NULL) ? code : WEIR_EXIT_FAILED;
    if (o->quiet)
        return code;
    FILE *to = o->eve && !strcmp(o->eve, "-") ? stderr : stdout; /* keep EVE lines clean */
    fputc('\n', to);
    weir_account_print(account, to);
    fputc('\n', to);
    if (o->store && (!failed || account->store.committed) && weir_attacks_print(o->store, run_id, 20, to, &error) != WEIR_OK) {
        weir_log(WEIR_LOG_ERROR, "%s", error.text);
        code = WEIR_EXIT_FAILED;
    }
    if (fflush(to) || ferror(to)) {
        weir_log(WEIR_LOG_ERROR, "standard output: cannot write the summary: %s; the verdicts are in %s", strerror(errno),
                 o->store ? o->store : "the collector's store");
        code = WEIR_EXIT_FAILED;
    }
    return code;
}

/* What the status says of this run that does not change. */
static json_t *about(const struct weir_run_options *o, const struct weir_run_config *config, const char *run_id)
{
    json_t *ports = json_array();
    const struct weir_source_config source = weir_tap_options_source(&o->tap);
    for (unsigned p = 0; p < source.ports; p++) /* of files that follow each other, the first stands for all */
        json_array_append_new(ports, json_string(source.interface[p] ? source.interface[p] : source.files[p][0]));
    if (config->ingest.input)
        json_array_append_new(ports, json_string(config->ingest.input));
    json_t *about = json_pack("{s:{s:s,s:o,s:s?},s:s,s:s,s:s,s:i}", "source", "kind",
                              config->ingest.input  ? "flows"
                              : source.interface[0] ? "interfaces"
                                                    : "files",
                              "ports", ports, "filter", o->tap.filter, "feature_set", config->view->name, "sensor",
                              config->sensor, "run", run_id, "lanes", (int)config->lanes);
    json_t *rest = o->store ? json_pack("{s:s,s:s,s:s,s:i}", "store", o->store, "eve", o->eve, "model",
                                        weir_model_label(config->model), "workers", (int)config->workers)
                            : json_pack("{s:s,s:s,s:s?}", "role", "sensor", "state",
                                        config->sender.state ? config->sender.state : "none", "results", o->link.results);
    json_object_update_new(about, rest);
    return about;
}

static int run(const struct weir_flags *flags, const struct weir_run_options *o, const struct weir_run_plan *plan,
               const char *command)
{
    struct weir_error error = {0};
    const weir_model *model = plan->model;
    struct weir_run_config config = plan->config;
    config.command = command;

    sigset_t signals; /* blocked before the first thread starts, so that all inherit it */
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGUSR1);
    if (o->config) /* without a file there is nothing to read again, and a lost terminal ends the run */
        sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);

    struct weir_run *job = NULL;
    struct weir_control *control = NULL;
    struct weir_reloader *reloader = NULL;
    if (weir_run_open(&config, &job, &error) != WEIR_OK || weir_role_control(o->control, &control, &error) != WEIR_OK ||
        weir_run_start(job, &error) != WEIR_OK || weir_reloader_create(job, flags, o, &reloader, &error) != WEIR_OK) {
        weir_control_free(&control);
        weir_run_free(&job);
        weir_log(WEIR_LOG_ERROR, "%s", error.text);
        return WEIR_EXIT_FAILED;
    }
    pthread_t signal_thread;
    signalled_run = job;
    signalled_reloader = reloader;
    bool listening = pthread_create(&signal_thread, NULL, wait_signals, &signals) == 0;
    char run_id[64] = "", what[300];
    if (weir_run_judges(job)) {
        weir_run_id(job, run_id);
        snprintf(what, sizeof what, "judging with model %s", weir_model_label(model));
    } else {
        const struct weir_who *who = weir_sender_who(weir_run_sender(job));
        snprintf(what, sizeof what, "sensor %.64s, boot %" PRIu64 ", sending batches", config.sensor, who->boot);
        if (who->killed)
            weir_log(WEIR_LOG_WARNING, "the last start of this sensor was killed: its open flows are lost");
    }
    if (!o->quiet && weir_run_judges(job))
        weir_log(WEIR_LOG_INFO, "model %s, feature set %s, %u lanes, %u workers, batches of %u", weir_model_label(model),
                 config.view->name, config.lanes, config.workers, config.batch_rows);
    else if (!o->quiet)
        weir_log(WEIR_LOG_INFO, "%s, feature set %s, %u lanes, batches of %u", what, config.view->name, config.lanes,
                 config.batch_rows);
    if (control) {
        json_t *info = about(o, &config, run_id);
        const struct weir_job asked = weir_run_job(job);
        weir_control_attach(control, &asked, info, weir_reloader_reload, reloader);
        json_decref(info);
    }
    watch(job, reloader, what);
    struct weir_account account;
    o = weir_reloader_close(reloader);
    if (control)
        weir_control_drain(control);
    weir_err code = weir_run_finish(job, &account, &error);
    if (control)
        weir_control_ended(control, &account, code == WEIR_OK ? NULL : error.text);
    if (listening) {
        pthread_kill(signal_thread, SIGUSR1);
        pthread_join(signal_thread, NULL);
    }
    weir_run_free(&job);
    int result = report(o, &account, run_id, code != WEIR_OK);
    weir_reloader_free(&reloader);
    weir_control_free(&control); /* who asked for the stop waits until here */
    if (code != WEIR_OK) {
        weir_log(WEIR_LOG_ERROR, "%s", error.text);
        result = WEIR_EXIT_FAILED;
    }
    return result;
}

static int job(const struct weir_settings *settings, int argc, char **argv)
{
    struct weir_run_options o = {0};
    struct weir_run_plan plan = {0};
    struct weir_flags flags;
    struct weir_problems problems = {0};
    char *command = weir_command_text(argc, argv);
    int code = weir_flags_read(settings, argc, argv, "'%s' is not an option", &flags);
    if (code >= 0)
        goto out;
    bool check = weir_flags_value(&flags, "check");
    weir_run_options_make(&flags, &o, &problems);
    if (o.quiet)
        weir_log_set_level(WEIR_LOG_ERROR);
    if (!problems.count && check)
        weir_run_check_options(&o, &problems);
    else if (!problems.count)
        weir_run_plan_make(&o, &plan, &problems);
    code = problems.count ? weir_problems_tell(&problems, check)
           : check        ? WEIR_EXIT_OK
                          : run(&flags, &o, &plan, command ? command : settings->command);
out:
    weir_run_plan_free(&plan);
    weir_run_options_free(&o);
    weir_flags_free(&flags);
    free(command);
    return code;
}

int weir_cmd_run(int argc, char **argv)
{
    return job(&weir_run_settings, argc, argv);
}

int weir_cmd_sensor(int argc, char **argv)
{
    return job(&weir_sensor_settings, argc, argv);
}
