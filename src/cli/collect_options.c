#include "cli/collect_options.h"

#include <assert.h>
#include <string.h>

#include "cli/judge_options.h"
#include "cli/store_options.h"
#include "queue/transport.h"
#include "store/folder.h"

/* clang-format off */
#define AT(FIELD) offsetof(struct weir_collect_options, FIELD)
static const struct weir_setting rows[] = {
    {.name = "results", .kind = WEIR_SETTING_TEXT, .at = AT(results), .value = "URL",
     .text = "where `weir infer` sends verdicts: zmq+ipc://PATH, zmq+tcp://HOST:PORT"},
    {.name = "queue", .kind = WEIR_SETTING_TEXT, .at = AT(queue), .value = "URL",
     .text = "a queue that carries verdicts, too, instead: redis://[USER:PASSWORD@]HOST[:PORT],\n"
             "redis+unix://PATH"},
    {.name = "key", .kind = WEIR_SETTING_TEXT, .at = AT(key), .value = "FILE",
     .text = "zmq+tcp: this collector's key pair (`weir keygen`)"},
    {.name = "peers", .kind = WEIR_SETTING_LIST, .at = AT(peers), .value = "FILE[,FILE]",
     .text = "zmq+tcp: the public keys of those who may connect: sensors and workers"},
    {.name = "config", .letter = 'c', .kind = WEIR_SETTING_TEXT, .at = AT(config), .value = "weir.yaml", .flag_only = true,
     .text = "read the settings from a YAML file; flags win"},
    {.name = "check", .kind = WEIR_SETTING_SWITCH, .at = AT(check), .flag_only = true,
     .text = "only say what is wrong with the settings, all of it"},
    {.name = "store", .kind = WEIR_SETTING_TEXT, .at = AT(store), .value = "FILE",
     .text = "DuckDB file for verdicts (weir.duckdb), or a folder (ends with /): a file a day"},
    {.name = "rotate", .kind = WEIR_SETTING_WORD, .at = AT(rotate_bytes), .take = weir_take_rotate, .value = "SIZE", .live = true,
     .text = "in a folder: the next file also at this size, such as 2GB"},
    {.name = "retention", .kind = WEIR_SETTING_LIST, .at = AT(retention), .take = weir_take_retention, .value = "LIMITS",
     .live = true, .text = "in a folder: remove whole old files: 30d, 50GB or 30d,50GB"},
    WEIR_STORE_MEMORY_SETTING(AT(store_memory)),
    {.name = "on-full", .kind = WEIR_SETTING_WORD, .at = AT(on_full), .take = weir_take_on_full, .value = "POLICY",
     .text = "when the disk is full: `withhold` takes nothing until there is room again,\n"
             "`stop` ends with exit code 1; sensors keep what is not committed (withhold)"},
    {.name = "eve", .kind = WEIR_SETTING_TEXT, .at = AT(eve), .value = "FILE",
     .text = "also EVE JSON lines; - is standard output (none)"},
    {.name = "publish", .kind = WEIR_SETTING_TEXT, .at = AT(publish), .value = "URL",
     .text = "also send each verdict to who subscribes there (ZeroMQ): zmq+ipc://PATH,\n"
             "zmq+tcp://HOST:PORT; docs/store.md"},
    {.name = "lake", .kind = WEIR_SETTING_TEXT, .at = AT(lake), .value = "FOLDER",
     .text = "also write Parquet files there, by date and sensor"},
    WEIR_ACCOUNT_SETTING(AT(account)),
    {.name = "name", .kind = WEIR_SETTING_TEXT, .at = AT(name), .value = "NAME",
     .text = "name of this collector in the store (the host's name)"},
    {.name = "control", .kind = WEIR_SETTING_TEXT, .at = AT(control), .value = "PATH",
     .text = "socket for `weir status`, `query`, `top`, `reload` and `stop`;\n"
             "`none`: no such socket (default: under the runtime folder)"},
    WEIR_JSON_SETTING(AT(json)),
    WEIR_QUIET_SETTING(AT(quiet)),
};
/* clang-format on */
static_assert(sizeof rows / sizeof *rows <= WEIR_COLLECT_SETTINGS, "WEIR_COLLECT_SETTINGS is too small");

const struct weir_settings weir_collect_settings = {
    .command = "collect",
    .row = rows,
    .count = sizeof rows / sizeof *rows,
    .before =
        "usage: weir collect --results URL | --queue redis://... | -c weir.yaml [OPTIONS]\n"
        "\n"
        "Takes the verdicts of `weir infer`, keeps each batch of each sensor once, and tells the sensors what is committed.\n"
        "\n",
    .after = "\n"
             "example: weir collect --results zmq+ipc:///run/weir/results --store /var/lib/weir/days/\n"
             "         weir infer --queue zmq+ipc:///run/weir/batches --results zmq+ipc:///run/weir/results --model M.weir\n"
             "         weir sensor -i eth1,eth2 --queue zmq+ipc:///run/weir/batches --results zmq+ipc:///run/weir/results\n",
};

static struct weir_place place(const struct weir_collect_options *o, const char *name)
{
    const struct weir_setting *row = weir_settings_find(&weir_collect_settings, name);
    return weir_setting_place(row, &o->told[row - rows], o->config);
}

static void check_url(const struct weir_collect_options *o, const char *name, const char *url, struct weir_problems *problems)
{
    struct weir_error error = {0};
    if (url && weir_transport_check(url, o->key, &error) != WEIR_OK)
        weir_problem(problems, WEIR_ERR_ARGUMENT, "%s %s", place(o, name).text, error.text);
}

static void check(const struct weir_collect_options *o, struct weir_problems *problems)
{
    check_url(o, "results", o->results, problems);
    check_url(o, "queue", o->queue, problems);
    if (problems->count)
        return;
    if (!o->results && !o->queue)
        weir_problem(problems, WEIR_ERR_ARGUMENT, "no --results: give the URL that verdicts come by; see `weir collect --help`");
    else if (o->results && o->queue && strcmp(o->results, o->queue) != 0)
        weir_problem(problems, WEIR_ERR_ARGUMENT, "%s and %s: give one of them, verdicts come one way", place(o, "results").text,
                     place(o, "queue").text);
    else if (o->queue && !weir_transport_carries_results(o->queue))
        weir_problem(problems, WEIR_ERR_ARGUMENT, "%s %s carries batches only: give --results, the URL that verdicts come by",
                     place(o, "queue").text, o->queue);
    weir_store_options_check(o->store, o->rotate_bytes ? place(o, "rotate").text : NULL,
                             o->retention.days || o->retention.bytes ? place(o, "retention").text : NULL, problems);
}

void weir_collect_options_make(const struct weir_flags *flags, struct weir_collect_options *out, struct weir_problems *problems)
{
    struct weir_config *config = NULL;
    const char *path = weir_flags_value(flags, "config"), *store = weir_flags_value(flags, "store");
    *out = (struct weir_collect_options){.store = "weir.duckdb", .on_full = WEIR_ON_FULL_WITHHOLD};
    if (!path || weir_config_read(path, &weir_collect_settings, &config, problems) == WEIR_OK) {
        if (weir_flags_value(flags, "results") || weir_flags_value(flags, "queue")) { /* the one takes the other's place */
            weir_config_drop(config, "results");
            weir_config_drop(config, "queue");
        }
        if (store && !weir_folder_is(store)) {
            weir_config_drop(config, "rotate");
            weir_config_drop(config, "retention");
        }
        weir_settings_apply(&weir_collect_settings, config, flags, out, out->told, problems);
        if (!problems->count)
            check(out, problems);
    }
    weir_config_free(&config);
}

void weir_collect_options_free(struct weir_collect_options *options)
{
    weir_told_free(options->told, WEIR_COLLECT_SETTINGS);
}
