#include "cli/run_options.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "batch/batch.h"
#include "cli/judge_options.h"
#include "cli/store_options.h"
#include "pipeline/backend.h"
#include "store/folder.h"

static weir_err take_threshold(void *field, const char *what, const char *value, struct weir_error *error)
{
    char *end;
    float threshold = strtof(value, &end);
    if (end == value || *end || !isfinite(threshold))
        return weir_fail(error, WEIR_ERR_ARGUMENT, "%s %.60s: give a number, such as 0.9", what, value);
    *(float *)field = threshold;
    return WEIR_OK;
}

static weir_err take_overload(void *field, const char *what, const char *value, struct weir_error *error)
{
    enum weir_overload *overload = field;
    static const char *const names[] = {
        [WEIR_OVERLOAD_BLOCK] = "block", [WEIR_OVERLOAD_SHED] = "shed", [WEIR_OVERLOAD_DEGRADE] = "degrade"};
    for (size_t i = WEIR_OVERLOAD_BLOCK; i < sizeof names / sizeof *names; i++)
        if (!strcmp(value, names[i])) {
            *overload = (enum weir_overload)i;
            return WEIR_OK;
        }
    return weir_fail(error, WEIR_ERR_ARGUMENT, "%s %.60s: give block, shed or degrade", what, value);
}

/* clang-format off */
#define AT(FIELD) offsetof(struct weir_run_options, FIELD)
/* What `run` and `sensor` have in common. */
#define FIRST_ROWS                                                                                                               \
    WEIR_TAP_SETTINGS(AT(tap)),                                                                                                  \
    {.name = "config", .letter = 'c', .kind = WEIR_SETTING_TEXT, .at = AT(config), .value = "weir.yaml", .flag_only = true,      \
     .text = "configuration file; its keys are the long names of these options, which win\n"                                    \
             "over it (docs/config.md, weir.yaml(5))"},                                                                          \
    {.name = "check", .kind = WEIR_SETTING_SWITCH, .at = AT(check), .flag_only = true,                                           \
     .text = "test configuration, options and what they name, and say what would run"}
#define LANES_ROW                                                                                                                \
    {.name = "lanes", .kind = WEIR_SETTING_NUMBER, .at = AT(lanes), .low = 1, .high = WEIR_LANES_MAX, .value = "N",              \
     .text = "threads that meter (2)"}
#define BATCH_ROWS                                                                                                               \
    {.name = "batch", .kind = WEIR_SETTING_NUMBER, .at = AT(batch), .low = 1, .high = WEIR_BATCH_ROWS, .value = "N",             \
     .text = "rows a micro-batch, 1 to 512 (64)"},                                                                               \
    {.name = "max-delay", .kind = WEIR_SETTING_DURATION, .at = AT(max_delay_ns), .value = "TIME",                                \
     .text = "longest wait of a row for its batch (500us)"},                                                                     \
    {.name = "overload", .kind = WEIR_SETTING_WORD, .at = AT(overload), .take = take_overload, .value = "POLICY",                \
     .text = "when verdicts are not kept as quickly as flows end: `block` lets all wait,\n"                                     \
             "`shed` first puts flows of one packet together by what they aim at,\n"                                            \
             "`degrade` leaves alerts unexplained, then stores only alerts\n"                                                   \
             "(interfaces: shed, files: block)"}
#define BUDGET_ROW                                                                                                               \
    {.name = "budget-ms", .kind = WEIR_SETTING_NUMBER, .at = AT(budget_ms), .low = 1, .high = 60000, .value = "N",               \
     .text = "batches wait for more rows (up to 512, unless --batch says less) as long as\n"                                     \
             "their verdicts are still out N ms after the first row, by what batches took\n"                                     \
             "until now; --max-delay is as long as that allows then"}
#define LAST_ROWS                                                                                                                \
    {.name = "sensor", .kind = WEIR_SETTING_TEXT, .at = AT(sensor), .value = "NAME",                                             \
     .text = "name of this sensor in the store (the host's name)"},                                                              \
    {.name = "control", .kind = WEIR_SETTING_TEXT, .at = AT(control), .value = "PATH",                                           \
     .text = "socket for `weir status`, `query`, `top`, `reload` and `stop`;\n"                                                 \
             "`none`: no such socket (default: under the runtime folder)"},                                                      \
    {.name = "user", .kind = WEIR_SETTING_TEXT, .at = AT(user), .value = "NAME",                                                 \
     .text = "change to this user once the packets' source is open"},                                                            \
    WEIR_JSON_SETTING(AT(json)), \
    WEIR_QUIET_SETTING(AT(quiet)), \
    WEIR_INGEST_SETTINGS(AT(ingest)),                                                                                            \
    WEIR_TAP_LIVE_SETTINGS(AT(tap))

static const struct weir_setting rows[] = {
    FIRST_ROWS,
    {.name = "model", .kind = WEIR_SETTING_TEXT, .at = AT(model), .value = "M.weir", .live = true,
     .text = "the model (default: the one that comes with weir)"},
    {.name = "threshold", .kind = WEIR_SETTING_REAL, .at = AT(threshold), .take = take_threshold, .value = "SCORE", .live = true,
     .text = "a row is an alert from this score on (the model's)"},
    {.name = "features", .kind = WEIR_SETTING_TEXT, .at = AT(features), .value = "SET",
     .text = "feature set to meter (default: the model's)"},
    {.name = "columns", .kind = WEIR_SETTING_LIST, .at = AT(columns), .value = "A,B,...",
     .text = "what the rows carry from metering to judging; `all`: every feature\n"
             "of the set (default: what the model wants). More of them let\n"
             "`weir reload` bring a model that wants more"},
    {.name = "store", .kind = WEIR_SETTING_TEXT, .at = AT(store), .value = "PATH",
     .text = "DuckDB file for the verdicts (weir.duckdb); an existing one is appended\n"
             "to, as a new run. FOLDER/: a file a day there (UTC), all asked as one"},
    {.name = "rotate", .kind = WEIR_SETTING_WORD, .at = AT(rotate_bytes), .take = weir_take_rotate, .value = "SIZE", .live = true,
     .text = "in a folder: the next file also at this size, such as 2GB"},
    {.name = "retention", .kind = WEIR_SETTING_LIST, .at = AT(retention), .take = weir_take_retention, .value = "LIMITS", .live = true,
     .text = "in a folder: remove whole old files: 30d, 50GB or 30d,50GB"},
    WEIR_STORE_MEMORY_SETTING(AT(store_memory)),
    {.name = "on-full", .kind = WEIR_SETTING_WORD, .at = AT(on_full), .take = weir_take_on_full, .value = "POLICY",
     .text = "when the disk is full: `stop` ends the run, `withhold` goes on and counts\n"
             "the verdicts that are not kept, until there is room again (default:\n"
             "stop for capture files, withhold for interfaces)"},
    {.name = "eve", .kind = WEIR_SETTING_TEXT, .at = AT(eve), .value = "FILE",
     .text = "EVE JSON lines (eve.json); - is standard output"},
    {.name = "publish", .kind = WEIR_SETTING_TEXT, .at = AT(publish), .value = "URL",
     .text = "also send each verdict to who subscribes there: zmq+ipc://PATH"},
    WEIR_ACCOUNT_SETTING(AT(account)),
    LANES_ROW,
    {.name = "workers", .kind = WEIR_SETTING_NUMBER, .at = AT(workers), .low = 1, .high = WEIR_WORKERS_MAX, .value = "N",
     .text = "threads that score (2)"},
    WEIR_REASONS_SETTING(AT(reasons)),
    BATCH_ROWS,
    BUDGET_ROW,
    {.name = "queue", .kind = WEIR_SETTING_TEXT, .at = AT(queue), .value = "URL",
     .text = "queue between lanes and workers (memory:); with zmq+ipc://PATH,\n"
             "zmq+tcp://HOST:PORT, redis://HOST:PORT or redis+unix://PATH others may join in\n"
             "(docs/cluster.md)"},
    LAST_ROWS,
    {.kind = WEIR_SETTING_HEADING, .text = "a queue that others may join:"},
    WEIR_QUEUE_SETTINGS(AT(link)),
    WEIR_OUTBOX_SETTINGS(AT(link)),
};

static const struct weir_setting sensor_rows[] = {
    FIRST_ROWS,
    {.name = "queue", .kind = WEIR_SETTING_TEXT, .at = AT(queue), .value = "URL",
     .text = "where batches go: redis://HOST:PORT, redis+unix://PATH, or an address to\n"
             "listen at: zmq+ipc://PATH, zmq+tcp://HOST:PORT"},
    WEIR_QUEUE_SETTINGS(AT(link)),
    WEIR_OUTBOX_SETTINGS(AT(link)),
    {.name = "model", .kind = WEIR_SETTING_TEXT, .at = AT(model), .value = "M.weir",
     .text = "send what this model wants, nothing else (it judges elsewhere)"},
    {.name = "features", .kind = WEIR_SETTING_TEXT, .at = AT(features), .value = "SET",
     .text = "feature set to meter (default: the model's, or argus)"},
    {.name = "columns", .kind = WEIR_SETTING_LIST, .at = AT(columns), .value = "A,B,...",
     .text = "what the rows carry (default: what the model wants, or `all`: every\n"
             "feature of the set)"},
    WEIR_ACCOUNT_SETTING(AT(account)),
    LANES_ROW,
    BATCH_ROWS,
    BUDGET_ROW,
    LAST_ROWS,
};
/* clang-format on */
static_assert(sizeof rows / sizeof *rows <= WEIR_RUN_SETTINGS, "WEIR_RUN_SETTINGS is too small");
static_assert(sizeof sensor_rows / sizeof *sensor_rows <= WEIR_RUN_SETTINGS, "WEIR_RUN_SETTINGS is too small");

const struct weir_settings weir_run_settings = {
    .command = "run",
    .row = rows,
    .count = sizeof rows / sizeof *rows,
    .before = "usage: weir run -r A[,B] [-r NEXT] | -i A[,B] | --flows INPUT | -c weir.yaml [OPTIONS]\n"
              "\n"
              "Meters packets, or reads flow records, judges every record with a model and\n"
              "keeps the verdicts.\n"
              "\n",
    .after = "\n"
             "example: weir run -r tx.pcap,rx.pcap --store out/weir.duckdb --eve out/eve.json\n"
             "         weir query --store out/weir.duckdb \"SELECT class, count(*) FROM verdicts GROUP BY class\"\n"
             "         weir run -i eth1,eth2\n"
             "         ra -S collector -n -u -c , -s stime ltime dur proto saddr ... | weir run --flows -\n"
             "         weir run --check -c weir.yaml\n",
};

const struct weir_settings weir_sensor_settings = {
    .command = "sensor",
    .row = sensor_rows,
    .count = sizeof sensor_rows / sizeof *sensor_rows,
    .before = "usage: weir sensor -r A[,B] | -i A[,B] | --flows INPUT --queue URL [OPTIONS]\n"
              "\n"
              "Meters packets, or reads flow records, and sends them in batches to workers\n"
              "(`weir infer`), whose verdicts a collector keeps (`weir collect`). Each batch is\n"
              "kept and sent again until the collector has committed it (docs/cluster.md).\n"
              "\n",
    .after = "\n"
             "example: weir sensor -i eth1,eth2 --queue redis://queue:6379\n"
             "         weir sensor -r a.pcap --queue zmq+ipc:///run/weir/q --results zmq+ipc:///run/weir/r\n"
             "         weir sensor --check -c sensor.yaml\n",
};

struct weir_place weir_run_options_place(const struct weir_run_options *options, const char *name)
{
    const struct weir_setting *row = weir_settings_find(options->settings, name);
    return weir_setting_place(row, &options->told[row - options->settings->row], options->config);
}

bool weir_run_options_told(const struct weir_run_options *options, const char *name)
{
    const struct weir_setting *row = weir_settings_find(options->settings, name);
    return row && options->told[row - options->settings->row].value.count > 0;
}

/* Of the two meanings of --flows the room of the table, which is no source. */
static bool is_count(const char *flows)
{
    return strspn(flows, "0123456789") == strlen(flows);
}

/* What the file says of a source or a store that the flags replace. */
static void give_way(struct weir_config *config, const struct weir_flags *flags)
{
    const char *input = weir_flags_value(flags, "flows");
    input = input && !is_count(input) ? input : NULL;
    bool files = weir_flags_value(flags, "read") || input;
    if (files || weir_flags_value(flags, "interface")) {
        weir_config_drop(config, "read");
        weir_config_drop(config, "interface");
        const char *told = weir_config_value(config, "flows");
        if (!input && told && !is_count(told))
            weir_config_drop(config, "flows");
        if (input)
            weir_config_drop(config, "filter");
    }
    static const char *const live[] = {"duration", "snaplen", "ring-mb", "merge-window"};
    for (size_t i = 0; files && i < sizeof live / sizeof *live; i++)
        weir_config_drop(config, live[i]);
    const char *store = weir_flags_value(flags, "store");
    if (store && !weir_folder_is(store)) {
        weir_config_drop(config, "rotate");
        weir_config_drop(config, "retention");
    }
}

/* What does not fit together. */
static void check(const struct weir_run_options *o, struct weir_problems *problems)
{
    bool packets = o->tap.ports || o->tap.interface.count;
    const char *why = !o->ingest.flows.input ? weir_tap_options_problem(&o->tap)
                      : packets              ? "flow records (--flows) and packets (-r, -i) exclude each other"
                      : o->tap.filter        ? "--filter is for packets, not for flow records (--flows)"
                                             : NULL;
    if (why && o->config)
        weir_problem(problems, WEIR_ERR_ARGUMENT, "%s: %s", o->config, why);
    else if (why)
        weir_problem(problems, WEIR_ERR_ARGUMENT, "%s; see `weir %s --help`", why, o->settings->command);
    if (o->store)
        weir_store_options_check(o->store, weir_run_options_told(o, "rotate") ? weir_run_options_place(o, "rotate").text : NULL,
                                 weir_run_options_told(o, "retention") ? weir_run_options_place(o, "retention").text : NULL,
                                 problems);
}

void weir_run_options_apply(struct weir_config *config, const struct weir_flags *flags, struct weir_run_options *out,
                            struct weir_problems *problems)
{
    const struct weir_settings *settings = flags->settings ? flags->settings : &weir_run_settings;
    *out = (struct weir_run_options){.settings = settings,
                                     .lanes = 2,
                                     .workers = 2,
                                     .batch = 64,
                                     .threshold = NAN,
                                     .ingest = {.flows.room = 524288, .threads = 2},
                                     .max_delay_ns = 500000};
    if (settings == &weir_run_settings) {
        out->store = "weir.duckdb";
        out->eve = "eve.json";
        out->queue = "memory:";
    }
    give_way(config, flags);
    weir_settings_apply(settings, config, flags, out, out->told, problems);
    if (!problems->count)
        check(out, problems);
}

void weir_run_options_make(const struct weir_flags *flags, struct weir_run_options *out, struct weir_problems *problems)
{
    struct weir_config *config = NULL;
    const struct weir_settings *settings = flags->settings ? flags->settings : &weir_run_settings;
    const char *path = weir_flags_value(flags, "config");
    if (!path || weir_config_read(path, settings, &config, problems) == WEIR_OK)
        weir_run_options_apply(config, flags, out, problems);
    else
        *out = (struct weir_run_options){.settings = settings};
    weir_config_free(&config);
}

void weir_run_options_free(struct weir_run_options *options)
{
    weir_tap_options_free(&options->tap);
    weir_ingest_options_free(&options->ingest);
    weir_queue_options_free(&options->link);
    weir_told_free(options->told, WEIR_RUN_SETTINGS);
}
