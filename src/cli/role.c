#include "cli/role.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "cli/ask.h"
#include "cli/command.h"
#include "cli/service.h"
#include "queue/curve.h"

/* What stands between the // of an address and the last @ of its word: passwords are nobody's but the user's. */
static void leave_out_credentials(char *text)
{
    for (char *at = text; (at = strstr(at, "://"));) {
        char *end = at + strcspn(at, " '"), *behind = memrchr(at, '@', (size_t)(end - at));
        at += 3;
        if (behind)
            memmove(at, behind + 1, strlen(behind + 1) + 1);
    }
}

/* So that a shell takes it as it was. */
static void print_word(FILE *to, const char *word)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:=,@%+-";
    putc(' ', to);
    if (*word && !word[strspn(word, plain)]) {
        fputs(word, to);
        return;
    }
    putc('\'', to);
    for (; *word; word++)
        fputs(*word == '\'' ? "'\\''" : (char[]){*word, 0}, to);
    putc('\'', to);
}

char *weir_command_text(int argc, char **argv)
{
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    if (!to)
        return NULL;
    fputs("weir", to);
    for (int i = 0; i < argc; i++)
        print_word(to, argv[i]);
    if (fclose(to)) {
        free(text);
        return NULL;
    }
    leave_out_credentials(text);
    return text;
}

void weir_role_check_keys(const struct weir_transport_config *config, struct weir_problems *problems)
{
    struct weir_error error = {0};
    struct weir_curve curve;
    weir_err code = weir_curve_load(config->key, config->peers, config->peer_count, &curve, &error);
    if (code != WEIR_OK)
        weir_problem(problems, code == WEIR_ERR_ARGUMENT ? code : WEIR_ERR_NOT_FOUND, "%s", error.text);
    weir_curve_fini(&curve);
}

int weir_problems_tell(const struct weir_problems *problems, bool all)
{
    size_t shown = !all ? 1 : problems->count < WEIR_PROBLEMS_MAX ? problems->count : WEIR_PROBLEMS_MAX;
    for (size_t i = 0; i < shown; i++)
        weir_log(WEIR_LOG_ERROR, "%s", problems->item[i].text);
    if (all && problems->count > shown)
        weir_log(WEIR_LOG_ERROR, "and %zu more", problems->count - shown);
    weir_err code = problems->item[0].code;
    return code == WEIR_ERR_ARGUMENT || code == WEIR_ERR_FORMAT ? WEIR_EXIT_USAGE : WEIR_EXIT_FAILED;
}

weir_err weir_role_control(const char *path, struct weir_control **out, struct weir_error *error)
{
    char place[WEIR_CONTROL_PATH];
    struct weir_error inner = {0};
    *out = NULL;
    if (path && !strcmp(path, "none"))
        return WEIR_OK;
    if (path)
        return weir_control_start(path, out, error);
    if (!weir_control_place(place))
        weir_log(WEIR_LOG_WARNING, "no control socket: there is no runtime folder; set XDG_RUNTIME_DIR, or give --control PATH");
    else if (weir_control_start(place, out, &inner) != WEIR_OK)
        weir_log(WEIR_LOG_WARNING, "%s", inner.text);
    return WEIR_OK;
}

bool weir_account_write(const struct weir_account *account, const char *path)
{
    json_t *json = weir_account_json(account);
    FILE *file = path ? fopen(path, "w") : stdout;
    bool good = json && file && json_dumpf(json, file, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) == 0 && fputc('\n', file) != EOF;
    if (file && (path ? fclose(file) : fflush(file)))
        good = false;
    if (!good)
        weir_log(WEIR_LOG_ERROR, "%s: cannot write the account: %s; check the folder and the space left",
                 path ? path : "standard output", strerror(errno));
    json_decref(json);
    return good;
}

/* --- signals --- */

static struct weir_role_signals signalled;
static sigset_t blocked;
static pthread_t listener;
static bool listening;

static void *listen_on(void *unused)
{
    (void)unused;
    for (int n = 0, number; sigwait(&blocked, &number) == 0;) {
        if (number == SIGUSR1)
            return NULL; /* the job is over */
        if (number == SIGHUP) {
            signalled.reload(signalled.context);
            continue;
        }
        if (n++ == 0) {
            weir_log(WEIR_LOG_INFO, "stopping: what has been read is being finished; a second signal ends at once");
            signalled.job->stop(signalled.job->context);
            continue;
        }
        char text[256] = "";
        struct weir_account *account = malloc(sizeof *account);
        if (account && signalled.left_behind) {
            signalled.job->account(signalled.job->context, account);
            signalled.left_behind(account, text, sizeof text);
        }
        weir_log(WEIR_LOG_ERROR, "stopped at once%s%s", *text ? ": " : "", text);
        _exit(WEIR_EXIT_FAILED);
    }
    return NULL;
}

void weir_role_signals_block(bool hangup)
{
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGINT);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGUSR1);
    if (hangup)
        sigaddset(&blocked, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &blocked, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

bool weir_role_signals_start(const struct weir_role_signals *signals)
{
    signalled = *signals;
    listening = pthread_create(&listener, NULL, listen_on, NULL) == 0;
    return listening;
}

void weir_role_signals_end(void)
{
    if (!listening)
        return;
    pthread_kill(listener, SIGUSR1);
    pthread_join(listener, NULL);
    listening = false;
}

/* --- the watch --- */

static void store_account(const struct weir_role_watch *watch, const struct weir_account *account)
{
    json_t *json = weir_account_json(account);
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    if (text)
        watch->store(watch->context, text);
    free(text);
    json_decref(json);
}

void weir_role_watch(const struct weir_role_watch *watch)
{
    enum { LIVE_NS = 200 * 1000000 };
    const int64_t health_ns = 10 * (int64_t)1000000000;
    struct weir_live live;
    struct weir_service service;
    struct weir_account *account = malloc(sizeof *account);
    weir_live_init(&live);
    int64_t started = weir_clock_mono_ns(), drawn = started, stored = started;
    weir_service_ready(&service, watch->what);
    while (watch->busy(watch->context)) {
        usleep(5000);
        int64_t now = weir_clock_mono_ns();
        bool draw = !watch->quiet(watch->context) && now - drawn >= (live.terminal ? LIVE_NS : health_ns);
        bool store = watch->store && now - stored >= health_ns, beat = now >= service.next_ns;
        if (!account || (!draw && !store && !beat))
            continue;
        watch->job->account(watch->job->context, account);
        if (beat)
            weir_service_beat(&service, account);
        if (draw) {
            struct weir_alert_line lines[WEIR_ALERTS_SHOWN];
            unsigned n = watch->alerts ? watch->alerts(watch->context, lines) : 0;
            weir_live_draw(&live, account, lines, n, watch->progress ? watch->progress(watch->context) : -1);
            drawn = now;
        }
        if (store) {
            store_account(watch, account);
            stored = now;
        }
    }
    free(account);
    weir_live_clear(&live);
    weir_service_stopping("finishing what has been read");
}
