/* Accuracy against cost in the terminal: which models of a survey no other beats. One thread. */
#ifndef WEIR_SURVEY_FRONT_H
#define WEIR_SURVEY_FRONT_H

#include <jansson.h>
#include <stdio.h>

/* For a survey that chose columns (--select): for each data set the front (gather.h) as a table, cheapest first, and all models
 * as a plot, within 80 columns. A survey without a choice prints nothing. */
void weir_survey_front_print(FILE *to, const json_t *report);

#endif
