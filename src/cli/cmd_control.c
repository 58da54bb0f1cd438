/* weir status, weir stop, weir reload: how a running weir does; its end; another model or configuration. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cli/ask.h"
#include "cli/command.h"
#include "cli/options.h"

static const char status_help[] =
    "usage: weir status [--control PATH] [--json]\n"
    "\n"
    "Asks a running `weir run` how it does: what it meters, its model, the account so far, the last alerts.\n"
    "\n"
    "  --control PATH      its control socket (default: where `weir run` puts it)\n"
    "  --json              one JSON object; `account` is the object that `weir run --json` prints\n"
    "\n"
    "example: weir status --json | jq .account.alerts\n";

static const char stop_help[] =
    "usage: weir stop [--control PATH] [--json]\n"
    "\n"
    "Ends a running `weir run` as SIGTERM does: what has been read is judged and kept. Waits until it has accounted and prints\n"
    "the account; exit 1 when the run ended with a failure.\n"
    "\n"
    "  --control PATH      its control socket (default: where `weir run` puts it)\n"
    "  --json              one JSON object; `account` is the object that `weir run --json` prints\n"
    "\n"
    "example: weir stop --control /run/weir/control\n";

static const char reload_help[] =
    "usage: weir reload [--model M.weir] [--control PATH] [--json]\n"
    "\n"
    "Changes a running `weir run` without a restart. Without --model it reads its configuration file (`weir run -c`), if it was\n"
    "started with one, and its model file again; what of the file can change is marked in docs/config.md and weir.yaml(5).\n"
    "Everything is checked first: a wrong file, another value of what needs a restart, a model of another feature set, or one\n"
    "that wants columns that the rows do not carry (`weir run --columns`), is refused with the reason, and nothing changes. The\n"
    "swap of the model falls between two batches: every row is judged once, by the one or the other.\n"
    "\n"
    "  --model M.weir      only another model, until the next reload\n"
    "  --control PATH      its control socket (default: where `weir run` puts it)\n"
    "  --json              one JSON object: {\"ok\":true,\"model\":..,\"before\":..,\"reloads\":..}, with a configuration\n"
    "                      file also \"changed\"\n"
    "\n"
    "example: weir reload --model new.weir\n";

struct options {
    const char *control, *model;
    bool json;
};

/* -1: go on; else the exit code. */
static int parse(const char *command, const char *help, int argc, char **argv, struct options *o)
{
    static const struct option table[] = {{"control", required_argument, NULL, 'c'},
                                          {"model", required_argument, NULL, 'm'}, /* reload's */
                                          {"json", no_argument, NULL, 'j'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    optind = 1;
    for (int c; (c = getopt_long(argc, argv, ":h", table, NULL)) != -1;)
        if (c == 'c')
            o->control = optarg;
        else if (c == 'm' && !strcmp(command, "reload"))
            o->model = optarg;
        else if (c == 'j')
            o->json = true;
        else if (c == 'h') {
            fputs(help, stdout);
            return WEIR_EXIT_OK;
        } else if (c == 'm')
            return weir_usage_error(command, "--model is not an option");
        else
            return weir_option_wrong(command, c, argv);
    if (optind < argc)
        return weir_usage_error(command, "'%s' is not an option", argv[optind]);
    return -1;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static void print_ports(const json_t *source)
{
    size_t i;
    json_t *port;
    json_array_foreach(json_object_get(source, "ports"), i, port)
        printf("%s%c %s", i ? ", " : "", "AB"[i % 2], json_string_value(port) ? json_string_value(port) : "");
    if (*text_of(source, "filter"))
        printf("  (filter: %s)", text_of(source, "filter"));
    putchar('\n');
}

/* Of an inference server: where batches come from and verdicts go. */
static void print_queues(const json_t *status)
{
    size_t i;
    json_t *queue;
    json_array_foreach(json_object_get(status, "queues"), i, queue)
        printf("%s%s%s", i ? ", " : "takes     ", json_string_value(queue) ? json_string_value(queue) : "",
               i + 1 == json_array_size(json_object_get(status, "queues")) ? "\n" : "");
    if (*text_of(status, "results"))
        printf("hands to  %s\n", text_of(status, "results"));
}

/* Of a collector: who sends. */
static void print_sensors(const json_t *sensors)
{
    size_t i;
    json_t *sensor;
    json_array_foreach(sensors, i, sensor)
        printf("%s%s (%.8s), boot %lld: %lld rows (%lld degraded), %lld frames that were there, silent for %.0f s\n",
               i ? "          " : "sensors   ", text_of(sensor, "sensor"), text_of(sensor, "id"),
               (long long)json_integer_value(json_object_get(sensor, "boot")),
               (long long)json_integer_value(json_object_get(sensor, "rows")),
               (long long)json_integer_value(json_object_get(sensor, "degraded")),
               (long long)json_integer_value(json_object_get(sensor, "duplicates")),
               json_number_value(json_object_get(sensor, "silent_s")));
}

static void print_people(const json_t *status)
{
    const json_t *queue = json_object_get(status, "queue");
    printf("weir %s  %s, pid %lld, %.0f s\n", text_of(status, "version"), text_of(status, "state"),
           (long long)json_integer_value(json_object_get(status, "pid")), json_number_value(json_object_get(status, "uptime_s")));
    printf("health    %s\n", *text_of(status, "problem") ? text_of(status, "problem") : "ok");
    if (json_object_get(status, "source")) {
        fputs("source    ", stdout);
        print_ports(json_object_get(status, "source"));
    }
    print_queues(status);
    if (*text_of(status, "model"))
        printf("model     %s (feature set %s)\n", text_of(status, "model"), text_of(status, "feature_set"));
    if (*text_of(status, "store"))
        printf("store     %s\n", text_of(status, "store"));
    if (*text_of(status, "eve"))
        printf("eve       %s\n", text_of(status, "eve"));
    print_sensors(json_object_get(status, "sensors"));
    if (queue)
        printf("queue     %lld of %lld batches\n", (long long)json_integer_value(json_object_get(queue, "depth")),
               (long long)json_integer_value(json_object_get(queue, "room")));
    fputs(text_of(status, "text"), stdout);
    size_t i;
    json_t *alert;
    json_array_foreach(json_object_get(status, "alerts"), i, alert)
        printf("%s%s\n", i ? "          " : "alerts    ", json_string_value(alert));
}

static int print(json_t *answer, bool json)
{
    if (json) {
        json_object_del(answer, "text");
        json_dumpf(answer, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
        putchar('\n');
    } else {
        print_people(answer);
    }
    if (fflush(stdout) == 0 && !ferror(stdout))
        return WEIR_EXIT_OK;
    weir_log(WEIR_LOG_ERROR, "standard output: %s", strerror(errno));
    return WEIR_EXIT_FAILED;
}

int weir_cmd_status(int argc, char **argv)
{
    struct options o = {0};
    struct weir_error error = {0};
    struct weir_ask *ask = NULL;
    json_t *answer = NULL;
    int code = parse("status", status_help, argc, argv, &o);
    if (code >= 0)
        return code;
    code = WEIR_EXIT_FAILED;
    if (weir_ask_open(o.control, 10, &ask, &error) != WEIR_OK ||
        weir_ask(ask, json_pack("{s:s}", "do", "status"), &answer, &error) != WEIR_OK)
        weir_log(WEIR_LOG_ERROR, "%s", error.text);
    else
        code = print(answer, o.json);
    json_decref(answer);
    weir_ask_close(&ask);
    return code;
}

int weir_cmd_stop(int argc, char **argv)
{
    struct options o = {0};
    struct weir_error error = {0};
    struct weir_ask *ask = NULL;
    json_t *answer = NULL, *more = NULL;
    int code = parse("stop", stop_help, argc, argv, &o);
    if (code >= 0)
        return code;
    code = WEIR_EXIT_FAILED;
    if (weir_ask_open(o.control, 0, &ask, &error) != WEIR_OK ||
        weir_ask(ask, json_pack("{s:s}", "do", "stop"), &answer, &error) != WEIR_OK) {
        weir_log(WEIR_LOG_ERROR, "%s", error.text);
        goto out;
    }
    weir_ask_next(ask, &more, NULL); /* it hangs up as it ends */
    if (o.json)
        code = print(answer, true);
    else if (fputs(text_of(answer, "text"), stdout) >= 0 && fflush(stdout) == 0)
        code = WEIR_EXIT_OK;
    if (*text_of(answer, "problem")) {
        weir_log(WEIR_LOG_ERROR, "%s", text_of(answer, "problem"));
        code = WEIR_EXIT_FAILED;
    }
out:
    json_decref(more);
    json_decref(answer);
    weir_ask_close(&ask);
    return code;
}

int weir_cmd_reload(int argc, char **argv)
{
    struct options o = {0};
    struct weir_error error = {0};
    struct weir_ask *ask = NULL;
    json_t *answer = NULL, *request = NULL;
    char *model = NULL;
    int code = parse("reload", reload_help, argc, argv, &o);
    if (code >= 0)
        return code;
    code = WEIR_EXIT_FAILED;
    /* the running weir has a working directory of its own */
    if (o.model && !(model = realpath(o.model, NULL))) {
        weir_log(WEIR_LOG_ERROR, "%s: %s", o.model, strerror(errno));
        goto out;
    }
    request = json_pack("{s:s,s:s*}", "do", "reload", "model", model);
    if (weir_ask_open(o.control, 60, &ask, &error) != WEIR_OK) {
        json_decref(request);
        weir_log(WEIR_LOG_ERROR, "%s", error.text);
    } else if (weir_ask(ask, request, &answer, &error) != WEIR_OK) {
        weir_log(WEIR_LOG_ERROR, "%s", error.text);
    } else if (o.json) {
        code = print(answer, true);
    } else {
        size_t i;
        json_t *name;
        printf("model %s now judges, in place of %s\n", text_of(answer, "model"), text_of(answer, "before"));
        json_array_foreach(json_object_get(answer, "changed"), i, name)
            printf("%s%s", i ? ", " : "changed: ", json_string_value(name) ? json_string_value(name) : "");
        if (json_array_size(json_object_get(answer, "changed")))
            putchar('\n');
        code = fflush(stdout) == 0 ? WEIR_EXIT_OK : WEIR_EXIT_FAILED;
    }
out:
    free(model);
    json_decref(answer);
    weir_ask_close(&ask);
    return code;
}
