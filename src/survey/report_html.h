/* report.html: a survey's results as one page that needs nothing but itself: no network, no other file. Made of what
 * weir_survey_gather leaves (gather.h), read as a stranger's: whatever is missing is left out. One thread. */
#ifndef WEIR_SURVEY_REPORT_HTML_H
#define WEIR_SURVEY_REPORT_HTML_H

#include <jansson.h>
#include <stdio.h>

#include "weir/error.h"

/* report["runs"], when it is there: how long the same tasks took with other numbers of processes, [{"engine":..,"jobs":n,
 * "total_s":wall clock,"task_s":sum of fit and score,"tasks":n,"algorithms":{name:seconds of fit and score,..}},..].
 * WEIR_ERR_MEMORY. */
weir_err weir_survey_html_put(FILE *to, const json_t *report, struct weir_error *error);

/* Writes it as weir_file_write does. Errors of that; WEIR_ERR_MEMORY. */
weir_err weir_survey_html_write(const char *path, const json_t *report, struct weir_error *error);

#endif
