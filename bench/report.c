#include "bench/report.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct weir_bench_row *weir_bench_add(struct weir_bench_report *report, const char *name, const char *unit, bool less_is_better)
{
    if (report->rows == sizeof report->row / sizeof *report->row)
        return NULL;
    struct weir_bench_row *row = &report->row[report->rows++];
    *row = (struct weir_bench_row){.unit = unit, .less_is_better = less_is_better, .runs = 1};
    snprintf(row->name, sizeof row->name, "%s", name);
    return row;
}

void weir_bench_figure(struct weir_bench_row *row, const char *name, double value)
{
    if (row->figures < sizeof row->figure / sizeof *row->figure)
        row->figure[row->figures++] = (struct weir_bench_figure){name, value};
}

void weir_bench_skip(struct weir_bench_report *report, const char *format, ...)
{
    if (report->skips == sizeof report->skipped / sizeof *report->skipped)
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(report->skipped[report->skips++], sizeof *report->skipped, format, args);
    va_end(args);
}

double weir_bench_ratio(const struct weir_bench_row *row)
{
    if (!row->yardstick || !(row->weir > 0) || !(row->theirs > 0))
        return 0;
    return row->less_is_better ? row->theirs / row->weir : row->weir / row->theirs;
}

/* "Intel(R) Xeon(R) ..., 2 cores" */
static void machine(char *text, size_t size)
{
    char line[256], name[160] = "unknown CPU";
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file && fgets(line, sizeof line, file))
        if (!strncmp(line, "model name", 10) && strchr(line, ':')) {
            snprintf(name, sizeof name, "%.150s", strchr(line, ':') + 2);
            name[strcspn(name, "\n")] = 0;
            break;
        }
    if (file)
        fclose(file);
    snprintf(text, size, "%s, %ld cores", name, sysconf(_SC_NPROCESSORS_ONLN));
}

static void print_json(const struct weir_bench_report *report, const char *where)
{
    json_t *rows = json_array(), *skipped = json_array();
    for (size_t i = 0; i < report->rows; i++) {
        const struct weir_bench_row *r = &report->row[i];
        json_t *row = json_pack("{s:s,s:s,s:f}", "case", r->name, "unit", r->unit, "weir", r->weir);
        if (r->yardstick)
            json_object_update_new(
                row, json_pack("{s:s,s:f,s:f}", "yardstick", r->yardstick, "theirs", r->theirs, "ratio", weir_bench_ratio(r)));
        json_object_set_new(row, "runs", json_integer(r->runs));
        if (r->note[0])
            json_object_set_new(row, "note", json_string(r->note));
        json_t *figures = r->figures ? json_object() : NULL;
        for (unsigned f = 0; f < r->figures; f++)
            json_object_set_new(figures, r->figure[f].name, json_real(r->figure[f].value));
        if (figures)
            json_object_set_new(row, "figures", figures);
        json_array_append_new(rows, row);
    }
    for (size_t i = 0; i < report->skips; i++)
        json_array_append_new(skipped, json_string(report->skipped[i]));
    json_t *all = json_pack("{s:s,s:s,s:o,s:o}", "bench", report->bench, "machine", where, "rows", rows, "skipped", skipped);
    json_dumpf(all, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(all);
}

void weir_bench_print(const struct weir_bench_report *report, bool json)
{
    char where[256];
    machine(where, sizeof where);
    if (json) {
        print_json(report, where);
        return;
    }
    printf("weir bench %s on %s\n\n%-28s %-12s %12s %12s %8s  %s\n", report->bench, where, "case", "unit", "weir", "theirs",
           "ratio", "yardstick");
    for (size_t i = 0; i < report->rows; i++) {
        const struct weir_bench_row *r = &report->row[i];
        printf("%-28s %-12s %12.6g ", r->name, r->unit, r->weir);
        if (r->yardstick)
            printf("%12.6g %7.2fx  %s\n", r->theirs, weir_bench_ratio(r), r->yardstick);
        else
            printf("%12s %8s  not measured\n", "-", "-");
        if (r->note[0])
            printf("%28s %s\n", "", r->note);
    }
    for (size_t i = 0; i < report->skips; i++)
        printf("skipped: %s\n", report->skipped[i]);
}
