/* weir query: SQL over a store. */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/command.h"
#include "cli/options.h"
#include "cli/rows_asked.h"
#include "cli/rows_local.h"

static const char help[] =
    "usage: weir query [OPTIONS] \"SQL\"\n"
    "\n"
    "Answers one SQL query (DuckDB's dialect) over a store that `weir run` has written, or is writing: without --store it asks\n"
    "the running weir, which owns the file; when none runs, it opens weir.duckdb.\n"
    "\n"
    "Tables:\n"
    "  verdicts   one row for each flow record: flow_id, record, reason, stime, ltime, proto, src_ip, src_port, dest_ip,\n"
    "             dest_port, feature_set, class, score, threshold, alert, model; run, sensor, boot, lane, seq, row, decision_us\n"
    "  reasons    why an alert: flow_id, record, rank, column_name, value, contribution\n"
    "  runs       one row for each run; health: accounts taken while running\n"
    "\n"
    "Options:\n"
    "  --store PATH       the store's file, no weir may be writing it; or a folder: all its files as one\n"
    "  --control PATH     control socket of the running weir to ask (default: where `weir run` puts it)\n"
    "  --format FORMAT    table (default), csv or jsonl\n"
    "  --json             one JSON object: {\"columns\":[..],\"types\":[..],\"rows\":[{..}],\"cut\":false}\n"
    "  --limit N          at most N rows; 0 = all (default: 10000)\n"
    "  --timeout TIME     stop after this time (default: 60s)\n"
    "  --memory MIB       at most this much memory (default: 1024)\n"
    "  -q, --quiet        no messages but errors\n"
    "A running weir gives 1000000 rows, 60s and 256 MiB at most, and answers one query after the other.\n"
    "\n"
    "Example: the hosts with the most alerts\n"
    "  weir query \"SELECT src_ip, class, count(*) AS alerts FROM verdicts WHERE alert GROUP BY ALL ORDER BY alerts DESC\"\n";

struct options {
    const char *store, *control, *sql;
    enum weir_rows_format format;
    struct weir_rows_limits limits;
};

static int print(struct weir_rows *rows, enum weir_rows_format format)
{
    if (!weir_rows_print(rows, format, stdout)) {
        weir_log(WEIR_LOG_ERROR, "query: out of memory while printing; ask for less");
        return WEIR_EXIT_FAILED;
    }
    if (fflush(stdout) || ferror(stdout)) {
        weir_log(WEIR_LOG_ERROR, "standard output: %s", strerror(errno));
        return WEIR_EXIT_FAILED;
    }
    return WEIR_EXIT_OK;
}

static int query_file(const struct options *options)
{
    struct weir_error error = {0};
    struct weir_rows_local *local = NULL;
    int status = WEIR_EXIT_FAILED;
    if (weir_rows_local_open(options->store, options->sql, &options->limits, &local, &error) != WEIR_OK)
        weir_log(WEIR_LOG_ERROR, "%s", error.text);
    else
        status = print((struct weir_rows *)local, options->format);
    if (status == WEIR_EXIT_OK && ((struct weir_rows *)local)->cut)
        weir_log(WEIR_LOG_WARNING, "there are more than %llu rows; `--limit 0` gives all",
                 (unsigned long long)options->limits.rows);
    weir_rows_local_close(&local);
    return status;
}

static int query_running(const struct options *options, struct weir_ask *ask)
{
    struct weir_error error = {0};
    struct weir_rows_asked *asked = NULL;
    int status = WEIR_EXIT_FAILED;
    if (weir_rows_asked_open(ask, options->sql, &options->limits, &asked, &error) != WEIR_OK) {
        weir_log(WEIR_LOG_ERROR, "%s", error.text);
        return status;
    }
    status = print((struct weir_rows *)asked, options->format);
    if (weir_rows_asked_status(asked, &error) != WEIR_OK) {
        weir_log(WEIR_LOG_ERROR, "%s", error.text);
        status = WEIR_EXIT_FAILED;
    } else if (((struct weir_rows *)asked)->cut) {
        if (options->limits.rows)
            weir_log(WEIR_LOG_WARNING, "there are more rows than %llu; `--limit N` gives up to 1000000 of a running weir",
                     (unsigned long long)options->limits.rows);
        else
            weir_log(WEIR_LOG_WARNING, "there are more rows; a running weir gives 1000000 at most");
    }
    weir_rows_asked_close(&asked);
    return status;
}

static int query(struct options *options)
{
    struct weir_error error = {0};
    struct weir_ask *ask = NULL;
    weir_err code = WEIR_ERR_NOT_FOUND;
    if (!options->store || options->control)
        code = weir_ask_open(options->control, 90, &ask, &error);
    if (code == WEIR_OK) {
        if (!options->control)
            weir_log(WEIR_LOG_INFO, "asked the weir that runs at %s; --store FILE asks a file", weir_ask_path(ask));
        int status = query_running(options, ask);
        weir_ask_close(&ask);
        return status;
    }
    /* a running weir of somebody else says nothing about the file here */
    bool file = code == WEIR_ERR_NOT_FOUND || (code == WEIR_ERR_PERMISSION && access("weir.duckdb", F_OK) == 0);
    if (!file || options->control) {
        weir_log(WEIR_LOG_ERROR, "%s", error.text);
        return WEIR_EXIT_FAILED;
    }
    if (!options->store)
        options->store = "weir.duckdb";
    return query_file(options);
}

int weir_cmd_query(int argc, char **argv)
{
    static const struct option table[] = {
        {"store", required_argument, NULL, 's'},  {"control", required_argument, NULL, 'c'},
        {"format", required_argument, NULL, 'f'}, {"json", no_argument, NULL, 'j'},
        {"limit", required_argument, NULL, 'l'},  {"timeout", required_argument, NULL, 't'},
        {"memory", required_argument, NULL, 'm'}, {"help", no_argument, NULL, 'h'},
        {"quiet", no_argument, NULL, 'q'},        {NULL, 0, NULL, 0},
    };
    struct options options = {.limits = {.rows = 10000, .memory_mib = 1024, .timeout_ns = 60 * (int64_t)1000000000}};
    optind = 1;
    for (int c; (c = getopt_long(argc, argv, ":hq", table, NULL)) != -1;) {
        switch (c) {
        case 's':
            options.store = optarg;
            break;
        case 'c':
            options.control = optarg;
            break;
        case 'f':
            if (!strcmp(optarg, "table"))
                options.format = WEIR_ROWS_TABLE;
            else if (!strcmp(optarg, "csv"))
                options.format = WEIR_ROWS_CSV;
            else if (!strcmp(optarg, "jsonl"))
                options.format = WEIR_ROWS_JSONL;
            else
                return weir_usage_error("query", "--format %s: give table, csv or jsonl", optarg);
            break;
        case 'j':
            options.format = WEIR_ROWS_JSON;
            break;
        case 'l':
            if (!weir_option_number("--limit", optarg, 0, UINT32_MAX, &options.limits.rows))
                return WEIR_EXIT_USAGE;
            break;
        case 't':
            if (!weir_option_duration("--timeout", optarg, &options.limits.timeout_ns))
                return WEIR_EXIT_USAGE;
            break;
        case 'm':
            if (!weir_option_number("--memory", optarg, 16, 1 << 24, &options.limits.memory_mib))
                return WEIR_EXIT_USAGE;
            break;
        case 'q':
            weir_log_set_level(WEIR_LOG_ERROR);
            break;
        case 'h':
            fputs(help, stdout);
            return WEIR_EXIT_OK;
        default:
            return weir_option_wrong("query", c, argv);
        }
    }
    if (optind + 1 != argc)
        return weir_usage_error("query", "give one SQL query, in quotes");
    if (options.store && options.control)
        return weir_usage_error("query", "--store asks a file, --control a running weir: give one of them");
    options.sql = argv[optind];
    return query(&options);
}
