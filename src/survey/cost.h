/* What a task takes: time and memory. One thread; the peak is the process's. */
#ifndef WEIR_SURVEY_COST_H
#define WEIR_SURVEY_COST_H

#include <stdint.h>

struct weir_survey_meter {
    int64_t resident; /* KiB when it began; -1: this system does not tell */
    int64_t children; /* KiB of the largest process that it had started until then */
};

/* From now on. Sets the process's peak of memory back, where the system lets it. */
void weir_survey_meter_start(struct weir_survey_meter *meter);

/* The most memory that the process had since then beyond what it had then, in MiB; NaN: not known. A process that it started and
 * that has ended counts whole (CatBoost's Python), unless an earlier one was larger. */
double weir_survey_meter_peak_mib(const struct weir_survey_meter *meter);

#endif
