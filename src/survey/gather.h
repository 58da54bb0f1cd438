/* What the tasks of a survey have left, put together: report.json, report.csv, report.html, a table for people, the best model.
 * The order is the plan's, whatever finished first. One thread. */
#ifndef WEIR_SURVEY_GATHER_H
#define WEIR_SURVEY_GATHER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "weir/error.h"

/* Figures of this run, beside the tasks'. */
struct weir_survey_ran {
    const char *engine; /* "local", "ray" */
    unsigned jobs;      /* 0: as many as the engine saw fit */
    double total_s;     /* wall clock of the engine */
    const char *reader; /* "DuckDB 1.4.0": what read the data; or NULL */
};

/* Reads the results of the plan's tasks in `dir`. *report is what design.md calls the survey's JSON:
 *
 *     {"weir":..,"command":..,"engine":..,"jobs":n,"total_s":..,"cpu":..,"processors":n,"libraries":{name:version},"data":{as in
 * the plan},
 *      "tasks":[{"id":..,"data":..,"test_data":..,"algorithm":..,"scale":..,"select":..,"seed":..,"fold":..,"split":..,"status":..,"error":..,
 *                "accuracy":..,"precision":..,"recall":..,"f1":..,"roc_auc":..,"pr_auc":..,"fit_s":..,"score_s":..,"peak_mib":..,
 *                "score_ns":..,"extract_ns":..,"model_bytes":..,"model":"tasks/ID.weir","params":{..},"result":{..},"cost":{..}},..],
 *      "summary":[{"data":..,"test_data":..,"algorithm":..,"scale":..,"select":..,"tasks":n,"failed":n,
 *                  "accuracy":{"mean":..,"sd":..},..,"front":bool},..],"unseen":[unseen.h's],"unfinished":n,"picked":null}
 *
 * front: no other of the same data and test is both as good (F1) and as cheap to serve (extract_ns + score_ns).
 * Members of a task that failed are null; a mean of none is null, the deviation is the sample's and null below two.
 * WEIR_ERR_FORMAT for a result that is none, WEIR_ERR_MEMORY. The caller owns *report. */
weir_err weir_survey_gather(const char *dir, const json_t *plan, const struct weir_survey_ran *ran, json_t **report,
                            struct weir_error *error);

/* Copies the best model to dir/best.weir and notes it in report["picked"]. by: "f1" (highest mean), "recall@fpr" (highest mean
 * recall at a false-positive rate of 1e-3); "cost" (cheapest to serve) and "columns" (fewest columns, of these the cheapest) of
 * those whose mean F1 is within `tolerance` of the highest. Means are over seeds and folds; the model is that of the first seed
 * and fold. WEIR_ERR_ARGUMENT for another `by`, WEIR_ERR_NOT_FOUND when nothing can be picked. */
weir_err weir_survey_pick(const char *dir, const char *by, double tolerance, json_t *report, struct weir_error *error);

/* Writes report.json, report.csv and report.html. */
weir_err weir_survey_report_files(const char *dir, const json_t *report, struct weir_error *error);

/* The summary as a table. */
void weir_survey_print(FILE *to, const json_t *report);

#endif
