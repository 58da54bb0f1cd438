/* The benches behind `weir bench NAME`. Each fills a report; WEIR_ERR_* with a message when it cannot run at all. */
#ifndef WEIR_BENCH_BENCH_H
#define WEIR_BENCH_BENCH_H

#include <stdint.h>

#include "bench/report.h"
#include "weir/error.h"

struct weir_bench_options {
    bool quick;                 /* ends within 40 s */
    const char *grid;           /* pipeline: "10b4w,64b2w", NULL: the default */
    const char *queues;         /* pipeline: "memory,zmq,redis", NULL: all */
    const char *cases;          /* pipeline: "grid,budget,flat,infer-2,paper", survey: in survey.c; NULL: all */
    const char *csv, *plot;     /* pipeline: files to write, or NULL */
    uint64_t offered;           /* pipeline: rows a second of the paced runs; 0: the default */
    double seconds;             /* pipeline: of a run; 0: the default */
    const char *model;          /* path; pipeline: NULL: one that is made up */
    const char *data;           /* survey: FILE or GLOB of CSV, NULL: made up */
    const char *label, *benign; /* survey: as of weir train, or NULL */
    const char *capture[2];     /* pipeline (with a model), reload: where the records come from */
    uint64_t size;  /* flood: SYNs, day: packets, reload: reloads, ingest, survey, pipeline's flat: rows; 0: default */
    uint64_t flows; /* flood, day: room of the flow table */
    unsigned lanes, workers;
};

weir_err weir_bench_meter(const struct weir_bench_options *options, struct weir_bench_report *report, struct weir_error *error);
weir_err weir_bench_pipeline(const struct weir_bench_options *options, struct weir_bench_report *report,
                             struct weir_error *error);
weir_err weir_bench_flood(const struct weir_bench_options *options, struct weir_bench_report *report, struct weir_error *error);
weir_err weir_bench_reload(const struct weir_bench_options *options, struct weir_bench_report *report, struct weir_error *error);
weir_err weir_bench_forest(const struct weir_bench_options *options, struct weir_bench_report *report, struct weir_error *error);
weir_err weir_bench_ingest(const struct weir_bench_options *options, struct weir_bench_report *report, struct weir_error *error);
weir_err weir_bench_day(const struct weir_bench_options *options, struct weir_bench_report *report, struct weir_error *error);
weir_err weir_bench_survey(const struct weir_bench_options *options, struct weir_bench_report *report, struct weir_error *error);

#endif
