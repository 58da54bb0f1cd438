/* weir flows: flow records with a feature set, as CSV, JSON lines or Parquet. */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/rights.h"
#include "cli/command.h"
#include "cli/options.h"
#include "cli/settings.h"
#include "cli/tap_options.h"
#include "pipeline/account.h"
#include "store/export.h"
#include "store/order.h"

struct options {
    struct weir_tap_options tap;
    const char *features, *columns, *format, *output, *user;
    uint64_t lanes, flows;
    bool json, quiet;
};

/* clang-format off */
#define AT(FIELD) offsetof(struct options, FIELD)
static const struct weir_setting rows[] = {
    WEIR_TAP_SETTINGS(AT(tap)),
    {.name = "features", .kind = WEIR_SETTING_TEXT, .at = AT(features), .value = "SET", .text = "feature set (argus)"},
    {.name = "columns", .kind = WEIR_SETTING_LIST, .at = AT(columns), .value = "A,B,...", .text = "only these columns, in this order (all)"},
    {.name = "format", .kind = WEIR_SETTING_TEXT, .at = AT(format), .value = "FORMAT", .text = "csv, jsonl or parquet (by the extension of FILE, else csv)"},
    {.name = "output", .letter = 'o', .kind = WEIR_SETTING_TEXT, .at = AT(output), .value = "FILE", .text = "output; - is standard output (-)"},
    {.name = "lanes", .kind = WEIR_SETTING_NUMBER, .at = AT(lanes), .low = 1, .high = WEIR_LANES_MAX, .value = "N", .text = "threads that meter; the output is the same (1)"},
    {.name = "flows", .kind = WEIR_SETTING_NUMBER, .at = AT(flows), .low = 1024, .high = 1u << 30, .value = "N", .text = "room for so many flows at a time, all lanes (524288)"},
    {.name = "user", .kind = WEIR_SETTING_TEXT, .at = AT(user), .value = "NAME", .text = "change to this user once the packets' source is open"},
    {.name = "json", .kind = WEIR_SETTING_SWITCH, .at = AT(json), .text = "print the account as one JSON object; needs -o FILE"},
    {.name = "quiet", .letter = 'q', .kind = WEIR_SETTING_SWITCH, .at = AT(quiet), .text = "no summary"},
    WEIR_TAP_LIVE_SETTINGS(AT(tap)),
};
/* clang-format on */

enum { ROWS = sizeof rows / sizeof *rows };
static const struct weir_settings settings = {
    .command = "flows",
    .row = rows,
    .count = ROWS,
    .before = "usage: weir flows -r A[,B] [-r NEXT] | -i A[,B] [OPTIONS]\n"
              "\n"
              "Meters packets and writes the flow records.\n"
              "\n",
    .after = "\n"
             "Records are in the order in which they close. `weir flows --columns help` lists the columns.\n"
             "\n"
             "example: weir flows -r tx.pcap,rx.pcap --columns stime,saddr,daddr,dport,state,sbytes,dbytes -o flows.csv\n"
             "         weir flows -i eth1,eth2 --duration 60s -o flows.csv\n",
};

struct job {
    struct weir_source *source;
    struct weir_export *export;
    struct weir_order *order;
    size_t room;
    atomic_bool failed; /* the order or the export: nothing more is metered */
};

struct lane {
    struct job *job;
    unsigned number;
    struct weir_meter *meter;
    pthread_t thread;
    struct weir_error error;
};

static struct weir_source *signalled_source;
static volatile sig_atomic_t signals;

static void on_signal(int number)
{
    if (signals++ == 0) {
        weir_source_stop(signalled_source);
        return;
    }
    static const char text[] = "weir: stopped at once; records are missing from the output\n";
    ssize_t n = write(STDERR_FILENO, text, sizeof text - 1);
    (void)n;
    _exit(WEIR_EXIT_FAILED);
}

static void fail_lane(struct lane *lane)
{
    atomic_store_explicit(&lane->job->failed, true, memory_order_relaxed);
    weir_source_stop(lane->job->source);
}

static void keep_record(void *context, const struct weir_record *record)
{
    struct lane *lane = context;
    struct job *job = lane->job;
    if (lane->error.code != WEIR_OK)
        return;
    char *room = weir_order_reserve(job->order, lane->number, job->room);
    if (!room) {
        weir_fail(&lane->error, WEIR_ERR_MEMORY, "flow records: out of memory");
        fail_lane(lane);
        return;
    }
    weir_order_keep(job->order, lane->number, record, weir_export_encode(job->export, record, room));
}

static weir_err write_record(void *context, const char *bytes, size_t length, struct weir_error *error)
{
    return weir_export_write(context, bytes, length, error);
}

static void advance(struct lane *lane, int64_t clock_ns)
{
    struct weir_error error = {0};
    if (weir_order_advance(lane->job->order, lane->number, clock_ns, &error) != WEIR_OK && lane->error.code == WEIR_OK) {
        lane->error = error;
        fail_lane(lane);
    }
}

static void *run_lane(void *argument)
{
    struct lane *lane = argument;
    struct job *job = lane->job;
    struct weir_burst *burst = malloc(sizeof *burst);
    if (!burst) {
        weir_fail(&lane->error, WEIR_ERR_MEMORY, "lane %u: out of memory", lane->number);
        fail_lane(lane);
    }
    int64_t clock_ns = INT64_MIN;
    while (burst && !atomic_load_explicit(&job->failed, memory_order_relaxed) &&
           weir_source_burst(job->source, lane->number, burst) == WEIR_OK && burst->state != WEIR_BURST_END) {
        if (burst->state == WEIR_BURST_PACKETS && burst->count) {
            weir_meter_packets(lane->meter, burst->packet, burst->count);
            int64_t last_ns = burst->packet[burst->count - 1].release_ns; /* never goes back */
            clock_ns = last_ns > clock_ns ? last_ns : clock_ns;
        }
        clock_ns = burst->clock_ns > clock_ns ? burst->clock_ns : clock_ns;
        weir_meter_clock(lane->meter, clock_ns);
        advance(lane, clock_ns);
    }
    weir_meter_drain(lane->meter);
    advance(lane, INT64_MAX);
    free(burst);
    return NULL;
}

static void print_summary(const struct weir_account *account)
{
    uint64_t seen = 0;
    for (unsigned p = 0; p < account->ports; p++)
        seen += account->port[p].seen;
    fprintf(stderr, "weir: %" PRIu64 " packets, %" PRIu64 " flows, %" PRIu64 " records in %.2f s", seen,
            account->meter.flows_opened, weir_account_records(account), account->seconds);
    const char *before = "; ignored: ";
    for (unsigned i = 0; i < WEIR_IGNORED_COUNT; i++)
        if (account->meter.ignored[i]) {
            fprintf(stderr, "%s%" PRIu64 " %s", before, account->meter.ignored[i], weir_ignored_name(i));
            before = ", ";
        }
    before = "; dropped: ";
    for (unsigned i = 0; i < WEIR_DROPPED_COUNT; i++)
        if (account->meter.dropped[i]) {
            fprintf(stderr, "%s%" PRIu64 " %s", before, account->meter.dropped[i], weir_dropped_name(i));
            before = ", ";
        }
    putc('\n', stderr);
}

static bool print_account(const struct weir_account *account)
{
    json_t *json = weir_account_json(account);
    bool good =
        json && json_dumpf(json, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) == 0 && putchar('\n') != EOF && !fflush(stdout);
    if (!good)
        weir_log(WEIR_LOG_ERROR, "standard output: cannot write the account: %s", strerror(errno));
    json_decref(json);
    return good;
}

static void gather_account(const struct job *job, const struct lane *lane, unsigned lanes, unsigned ports,
                           struct weir_account *account)
{
    account->ports = ports;
    for (unsigned p = 0; p < ports; p++) {
        weir_source_account(job->source, p, &account->port[p]);
        account->meter.ignored[WEIR_IGNORED_FILTER] += account->port[p].filtered;
    }
    for (unsigned i = 0; i < lanes; i++)
        weir_meter_account_add(&account->meter, weir_meter_account(lane[i].meter));
    account->rows.unscored = weir_account_records(account);
}

/* After the lanes: the account, what was wrong with the input, and the exit code. */
static int report(const struct options *o, const struct job *job, struct weir_account *account)
{
    struct weir_error error = {0};
    char why[200];
    int code = WEIR_EXIT_OK;
    if (!atomic_load(&job->failed) && !weir_account_check(account, why, sizeof why)) {
        weir_log(WEIR_LOG_ERROR, "the account does not add up: %s; please report this", why);
        code = WEIR_EXIT_FAILED;
    }
    weir_account_warn(account);
    if (signals)
        weir_log(WEIR_LOG_WARNING, "interrupted: these are the records of what was read until then");
    if (weir_source_status(job->source, &error) != WEIR_OK) {
        weir_log(WEIR_LOG_ERROR, "%s", error.text);
        code = WEIR_EXIT_FAILED;
    }
    if (o->json && !print_account(account))
        code = WEIR_EXIT_FAILED;
    if (!o->quiet)
        print_summary(account);
    return code;
}

/* -1, with a message, for a name that the view does not have. */
static int choose_columns(const struct weir_view *view, const char *list, uint16_t **out, size_t *count)
{
    struct weir_strings names = {0};
    int code = 0;
    weir_strings_split(&names, list);
    *count = names.count;
    *out = calloc(names.count ? names.count : 1, sizeof **out);
    for (size_t i = 0; *out && i < names.count && code == 0; i++) {
        int column = weir_view_column(view, names.item[i]);
        if (column < 0) {
            weir_log(WEIR_LOG_ERROR, "--columns: feature set %s has no column '%s'; `weir flows --columns help` lists them",
                     view->name, names.item[i]);
            code = -1;
        }
        (*out)[i] = (uint16_t)column;
    }
    if (code == 0 && (!*out || !names.count)) {
        weir_log(WEIR_LOG_ERROR, "--columns: give names with commas between them");
        code = -1;
    }
    weir_strings_free(&names);
    return code;
}

static void print_columns(const struct weir_view *view)
{
    for (size_t i = 0; i < view->column_count; i++) {
        const struct weir_column *column = &view->columns[i];
        printf("%-14s %-8s %s\n", column->name, column->unit, column->definition);
    }
}

static void listen_to_signals(struct weir_source *source)
{
    signalled_source = source;
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

static int flows(const struct options *o, const struct weir_view *view, const uint16_t *columns, size_t column_count)
{
    struct weir_error error = {0};
    struct job job = {0};
    struct weir_account *account = calloc(1, sizeof *account);
    unsigned lanes = (unsigned)o->lanes, started = 0;
    struct lane *lane = calloc(lanes, sizeof *lane);
    int code = WEIR_EXIT_FAILED;
    int64_t begun_ns = weir_clock_mono_ns();
    struct weir_source_config source = weir_tap_options_source(&o->tap);
    source.lanes = lanes;
    struct weir_export_config export = {.view = view, .columns = columns, .column_count = column_count, .path = o->output};
    if (!account || !lane) {
        weir_fail(&error, WEIR_ERR_MEMORY, "out of memory");
        goto fail;
    }
    if (weir_format_choose(o->format, o->output, &export.format, &error) != WEIR_OK) {
        code = WEIR_EXIT_USAGE;
        goto fail;
    }
    if (export.format == WEIR_FORMAT_PARQUET && !strcmp(o->output, "-") && isatty(STDOUT_FILENO)) {
        weir_fail(&error, WEIR_ERR_ARGUMENT, "Parquet is not for terminals: give -o FILE");
        code = WEIR_EXIT_USAGE;
        goto fail;
    }
    const struct weir_rights rights = {.user = o->user, .keep_files = source.file_count[0] > 0};
    if (weir_source_open(&source, &job.source, &error) != WEIR_OK || weir_rights_drop(&rights, &error) != WEIR_OK ||
        weir_rights_check_output(o->output, &error) != WEIR_OK)
        goto fail;
    export.nanoseconds = weir_source_nanoseconds(job.source);
    export.at_once = source.interface[0] != NULL;
    listen_to_signals(job.source);
    if (weir_export_open(&export, &job.export, &error) != WEIR_OK ||
        weir_order_create(lanes, write_record, job.export, &job.order, &error) != WEIR_OK)
        goto fail;
    job.room = weir_export_room(job.export);
    for (unsigned i = 0; i < lanes; i++) {
        lane[i] = (struct lane){.job = &job, .number = i};
        struct weir_meter_config meter = {
            .view = view, .flows = (size_t)(o->flows / lanes + 1), .emit = keep_record, .context = &lane[i]};
        if (weir_meter_create(&meter, &lane[i].meter, &error) != WEIR_OK)
            goto fail;
    }
    for (; started < lanes; started++)
        if (pthread_create(&lane[started].thread, NULL, run_lane, &lane[started])) {
            weir_fail(&error, WEIR_ERR_LIMIT, "cannot start the thread of lane %u; give a smaller --lanes", started);
            fail_lane(&lane[0]);
            break;
        }
    for (unsigned i = 0; i < started; i++) {
        pthread_join(lane[i].thread, NULL);
        if (lane[i].error.code != WEIR_OK && error.code == WEIR_OK)
            error = lane[i].error;
    }
    if (error.code != WEIR_OK || weir_export_finish(&job.export, &error) != WEIR_OK)
        goto fail;
    gather_account(&job, lane, lanes, source.ports, account);
    account->seconds = (double)(weir_clock_mono_ns() - begun_ns) / 1e9;
    code = report(o, &job, account);
    goto out;
fail:
    weir_log(WEIR_LOG_ERROR, "%s", error.text);
out:
    weir_export_abort(&job.export);
    weir_order_destroy(&job.order);
    for (unsigned i = 0; lane && i < lanes; i++)
        weir_meter_destroy(&lane[i].meter);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    weir_source_close(&job.source);
    free(lane);
    free(account);
    return code;
}

/* -1: go on; else the exit code. */
static int parse(int argc, char **argv, struct options *o, struct weir_told *told)
{
    struct weir_problems problems = {0};
    struct weir_flags flags;
    int code =
        weir_flags_read(&settings, argc, argv, "unexpected '%s'; capture files are given with -r, interfaces with -i", &flags);
    if (code < 0)
        weir_settings_apply(&settings, NULL, &flags, o, told, &problems);
    weir_flags_free(&flags);
    if (code >= 0)
        return code;
    if (problems.count) {
        weir_log(WEIR_LOG_ERROR, "%s", problems.item[0].text);
        return WEIR_EXIT_USAGE;
    }
    const char *problem = weir_tap_options_problem(&o->tap);
    if (problem && !(o->columns && !strcmp(o->columns, "help")))
        return weir_usage_error("flows", "%s", problem);
    if (o->json && !strcmp(o->output, "-"))
        return weir_usage_error("flows", "--json prints the account on standard output: give -o FILE for the records");
    return -1;
}

int weir_cmd_flows(int argc, char **argv)
{
    struct options o = {.features = "argus", .output = "-", .lanes = 1, .flows = 524288};
    uint16_t *columns = NULL;
    size_t column_count = 0;
    struct weir_told told[ROWS] = {0};
    int code = parse(argc, argv, &o, told);
    if (code >= 0)
        goto out;
    code = WEIR_EXIT_USAGE;
    if (o.quiet)
        weir_log_set_level(WEIR_LOG_ERROR);
    const struct weir_view *view = weir_view_find(o.features);
    if (!view) {
        weir_usage_error("flows", "--features %s: not a feature set; there are: %s", o.features, weir_view_names());
        goto out;
    }
    if (o.columns && !strcmp(o.columns, "help")) {
        print_columns(view);
        code = WEIR_EXIT_OK;
        goto out;
    }
    if (o.columns && choose_columns(view, o.columns, &columns, &column_count))
        goto out;
    code = flows(&o, view, columns, column_count);
out:
    free(columns);
    weir_tap_options_free(&o.tap);
    weir_told_free(told, ROWS);
    return code;
}
