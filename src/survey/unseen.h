/* How well attacks are found that training has not seen (--split leave-attack): by attack and model. One thread. */
#ifndef WEIR_SURVEY_UNSEEN_H
#define WEIR_SURVEY_UNSEEN_H

#include <jansson.h>
#include <stdio.h>

/* Of report["tasks"], in their order: [{"data":..,"attack":..,"models":[names],"recall":[..],"roc_auc":[..]},..], recall at the
 * model's own threshold, means over seeds, null where no task was finished. Empty when no task left an attack out. The caller
 * owns it; NULL: out of memory. */
json_t *weir_survey_unseen_find(const json_t *tasks);

/* The recalls as a table, within 80 columns as far as the names allow; nothing when `unseen` is empty. */
void weir_survey_unseen_print(FILE *to, const json_t *unseen);

#endif
