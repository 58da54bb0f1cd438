/* A bench's result: a row a case, weir's figure beside its yardstick's from the same run, as table or JSON. One thread. */
#ifndef WEIR_BENCH_REPORT_H
#define WEIR_BENCH_REPORT_H

#include <stdbool.h>
#include <stddef.h>

struct weir_bench_row {
    char name[64];
    const char *unit;
    bool less_is_better; /* seconds: ratio = theirs / weir; rates: weir / theirs */
    double weir;
    const char *yardstick; /* NULL: none */
    double theirs;
    unsigned runs;
    char note[600]; /* "" or what else was measured */
    struct weir_bench_figure {
        const char *name; /* with its unit: "decision_p99_us" */
        double value;
    } figure[24]; /* what else was measured, for programs */
    unsigned figures;
};

struct weir_bench_report {
    const char *bench;
    struct weir_bench_row row[64];
    size_t rows;
    char skipped[16][128]; /* what was left out, and why */
    size_t skips;
};

/* A new row, or NULL when the report is full. */
struct weir_bench_row *weir_bench_add(struct weir_bench_report *report, const char *name, const char *unit, bool less_is_better);
void weir_bench_figure(struct weir_bench_row *row, const char *name, double value);
void weir_bench_skip(struct weir_bench_report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* How many times better weir is; 0 without yardstick. */
double weir_bench_ratio(const struct weir_bench_row *row);

/* Prints to standard output. */
void weir_bench_print(const struct weir_bench_report *report, bool json);

#endif
