/* The parts of report.html, and what all of them read; private to report_*.c. */
#ifndef WEIR_SURVEY_REPORT_PARTS_H
#define WEIR_SURVEY_REPORT_PARTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* A line of the result table: the tasks of one data set, algorithm and setting over seeds and folds. Borrows from the report. */
struct weir_report_group {
    const json_t *summary;
    const json_t *task; /* the first that is done, or NULL: its curves, matrix and importance are shown */
    const char *data, *test_data, *algorithm;
    char *label;           /* "random-forest, 8 columns" */
    unsigned colour, dash; /* by algorithm; by setting */
    double f1, serve_ns;   /* means; NaN: unknown. serve_ns: extraction, where that is known, and scoring */
    bool whole;            /* serve_ns has both */
    bool picked, front;    /* front: as the summary says, no other is as good and as cheap */
    bool shown;            /* has pictures of its own: a choice of columns has none, unless it was picked */
};

struct weir_report_view {
    const json_t *report;
    struct weir_report_group *group; /* those of a data set together, the best F1 first */
    size_t count;
    size_t data_count;
};

/* Mean of a figure of a group, NaN when there is none. */
double weir_report_mean(const struct weir_report_group *group, const char *name);

/* group[from..to) are of one data set and its test rows. */
size_t weir_report_data_end(const struct weir_report_view *view, size_t from);
void weir_report_data_title(FILE *to, const struct weir_report_view *view, size_t from);

void weir_report_put_rows(FILE *to, const struct weir_report_view *view);
void weir_report_put_alerts(FILE *to, const struct weir_report_view *view);
void weir_report_put_unseen(FILE *to, const json_t *unseen);
void weir_report_put_classes(FILE *to, const struct weir_report_view *view);
void weir_report_put_curves(FILE *to, const struct weir_report_view *view);
void weir_report_put_confusion(FILE *to, const struct weir_report_view *view);
void weir_report_put_importance(FILE *to, const struct weir_report_view *view);
void weir_report_put_cost(FILE *to, const struct weir_report_view *view);
void weir_report_put_failures(FILE *to, const json_t *report);
void weir_report_put_about(FILE *to, const json_t *report);
void weir_report_put_speed(FILE *to, const json_t *runs);

#endif
