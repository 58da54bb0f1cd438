#include "cli/infer_options.h"

#include <assert.h>
#include <string.h>

#include "cli/judge_options.h"
#include "pipeline/backend.h"

static weir_err take_overload(void *field, const char *what, const char *value, struct weir_error *error)
{
    enum weir_infer_overload *overload = field;
    if (strcmp(value, "block") != 0 && strcmp(value, "degrade") != 0)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "%s %.60s: give block or degrade%s", what, value,
                         !strcmp(value, "shed") ? "; rows are shed by sensors (`weir sensor --overload shed`)" : "");
    *overload = !strcmp(value, "block") ? WEIR_INFER_BLOCK : WEIR_INFER_DEGRADE;
    return WEIR_OK;
}

/* clang-format off */
#define AT(FIELD) offsetof(struct weir_infer_options, FIELD)
static const struct weir_setting rows[] = {
    {.name = "config", .letter = 'c', .kind = WEIR_SETTING_TEXT, .at = AT(config), .value = "infer.yaml", .flag_only = true,
     .text = "configuration file; its keys are the long names of these options, which win"},
    {.name = "check", .kind = WEIR_SETTING_SWITCH, .at = AT(check), .flag_only = true,
     .text = "test configuration and options, load the model, and end"},
    {.name = "queue", .kind = WEIR_SETTING_LIST, .at = AT(queue), .value = "URL,...",
     .text = "where batches come from: zmq+ipc://PATH or zmq+tcp://HOST:PORT of one or\n"
             "more sensors, or redis+unix://PATH, redis://USER:PASSWORD@HOST[:PORT]"},
    {.name = "results", .kind = WEIR_SETTING_TEXT, .at = AT(results), .value = "URL",
     .text = "with zmq: where the collector takes verdicts; redis carries them itself"},
    {.name = "key", .kind = WEIR_SETTING_TEXT, .at = AT(key), .value = "FILE",
     .text = "with zmq: this side's key pair, of `weir keygen`; without one weir talks over\n"
             "ipc and this machine's own addresses only"},
    {.name = "peers", .kind = WEIR_SETTING_LIST, .at = AT(peers), .value = "FILE,...",
     .text = "the public keys of sensors and collector"},
    {.name = "model", .kind = WEIR_SETTING_TEXT, .at = AT(model), .value = "M.weir", .live = true,
     .text = "the model (default: the one that comes with weir)"},
    {.name = "workers", .kind = WEIR_SETTING_NUMBER, .at = AT(workers), .low = 1, .high = WEIR_WORKERS_MAX, .value = "N",
     .text = "threads that score (2)"},
    WEIR_REASONS_SETTING(AT(reasons)),
    {.name = "overload", .kind = WEIR_SETTING_WORD, .at = AT(overload), .take = take_overload, .value = "POLICY",
     .text = "batches that come 250 ms late: `degrade` leaves their alerts unexplained, and a\n"
             "second later has only alerts stored; `block` never does (default: what their\n"
             "sensor was told)"},
    {.name = "queue-depth", .kind = WEIR_SETTING_NUMBER, .at = AT(depth), .low = 1, .high = 65536, .value = "N",
     .text = "frames under way before somebody has to wait (zmq: 16 batches and 512 verdicts\n"
             "a connection; redis: 1024 in a stream)"},
    {.name = "claim-after", .kind = WEIR_SETTING_DURATION, .at = AT(claim_after_ns), .low = 1000000, .high = 86400000000000,
     .value = "TIME",
     .text = "with redis: take over a batch that another worker has held for so long\n"
             "(10 times the p99 of a batch, 30s at least)"},
    {.name = "control", .kind = WEIR_SETTING_TEXT, .at = AT(control), .value = "PATH",
     .text = "socket for `weir status`, `reload` and `stop` (none)"},
    WEIR_ACCOUNT_SETTING(AT(account)),
    WEIR_JSON_SETTING(AT(json)),
    WEIR_QUIET_SETTING(AT(quiet)),
};
/* clang-format on */
static_assert(sizeof rows / sizeof *rows <= WEIR_INFER_SETTINGS, "WEIR_INFER_SETTINGS is too small");

const struct weir_settings weir_infer_settings = {
    .command = "infer",
    .row = rows,
    .count = sizeof rows / sizeof *rows,
    .before = "usage: weir infer --queue URL[,URL] [--results URL] [--model M.weir] [OPTIONS] | -c infer.yaml\n"
              "\n"
              "Takes the batches of `weir sensor`, judges every row with a model and hands the verdicts to\n"
              "`weir collect`. Any number of these may run, on any machine; one that dies loses nothing.\n"
              "\n",
    .after = "\n"
             "example: weir infer --queue redis+unix:///run/redis/redis.sock --model M.weir\n"
             "         weir infer --queue zmq+tcp://tap1:5555 --results zmq+tcp://store:5557 --key judge.key --peers "
             "tap1.pub,store.pub\n"
             "         weir infer --queue zmq+ipc:///run/weir/batches --results zmq+ipc:///run/weir/verdicts --control "
             "/run/weir/infer\n",
};

struct weir_place weir_infer_options_place(const struct weir_infer_options *options, const char *name)
{
    const struct weir_setting *row = weir_settings_find(&weir_infer_settings, name);
    return weir_setting_place(row, &options->told[row - rows], options->config);
}

static void check(struct weir_infer_options *o, struct weir_problems *problems)
{
    struct weir_error error = {0};
    if (o->queue)
        weir_strings_split(&o->queues, o->queue);
    if (o->peers)
        weir_strings_split(&o->peer_files, o->peers);
    if (!o->queues.count) {
        weir_problem(problems, WEIR_ERR_ARGUMENT, "no batches to judge: give --queue URL; see `weir infer --help`");
        return;
    }
    for (size_t i = 0; i < o->queues.count; i++)
        if (weir_transport_check(o->queues.item[i], o->key, &error) != WEIR_OK)
            weir_problem(problems, WEIR_ERR_ARGUMENT, "%s: %s", weir_infer_options_place(o, "queue").text, error.text);
    bool carries = weir_transport_carries_results(o->queues.item[0]);
    if (carries && o->results)
        weir_problem(problems, WEIR_ERR_ARGUMENT, "%s: redis carries the verdicts itself; leave it out",
                     weir_infer_options_place(o, "results").text);
    else if (!carries && !o->results && !problems->count)
        weir_problem(problems, WEIR_ERR_ARGUMENT, "with zmq, give --results URL: where `weir collect` takes verdicts");
    else if (o->results && weir_transport_check(o->results, o->key, &error) != WEIR_OK)
        weir_problem(problems, WEIR_ERR_ARGUMENT, "%s: %s", weir_infer_options_place(o, "results").text, error.text);
}

void weir_infer_options_make(const struct weir_flags *flags, struct weir_infer_options *out, struct weir_problems *problems)
{
    struct weir_config *config = NULL;
    const char *path = weir_flags_value(flags, "config");
    *out = (struct weir_infer_options){.workers = 2};
    if (path && weir_config_read(path, &weir_infer_settings, &config, problems) != WEIR_OK)
        return;
    weir_settings_apply(&weir_infer_settings, config, flags, out, out->told, problems);
    if (!problems->count)
        check(out, problems);
    weir_config_free(&config);
}

void weir_infer_options_free(struct weir_infer_options *options)
{
    weir_told_free(options->told, WEIR_INFER_SETTINGS);
    weir_strings_free(&options->queues);
    weir_strings_free(&options->peer_files);
}

struct weir_transport_config weir_infer_options_transport(const struct weir_infer_options *options)
{
    return (struct weir_transport_config){.queue = (const char *const *)options->queues.item,
                                          .queues = options->queues.count,
                                          .results = options->results,
                                          .key = options->key,
                                          .peers = (const char *const *)options->peer_files.item,
                                          .peer_count = options->peer_files.count,
                                          .depth = (unsigned)options->depth,
                                          .claim_after_ns = options->claim_after_ns};
}
