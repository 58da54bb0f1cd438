/* Made-up data sets for the tests of the survey: three classes that some columns tell apart, with gaps. */
#ifndef WEIR_TEST_SURVEY_MADE_H
#define WEIR_TEST_SURVEY_MADE_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "survey/frame.h"
#include "train/split.h"

enum { MADE_ROWS = 300, MADE_COLUMNS = 5 };

struct made {
    struct weir_survey_frame frame;
    struct weir_survey_split split[2];
    uint8_t bits[4][64];
    struct weir_dataset_column column[MADE_COLUMNS];
    float values[MADE_COLUMNS][MADE_ROWS];
    uint32_t label[MADE_ROWS];
    char *classes[2];
    int32_t class_of[3];
};

static inline uint32_t made_random(uint32_t *state)
{
    return (*state = *state * 1664525u + 1013904223u) >> 8;
}

/* Rows 0..279 are the data set's own, the others those of a set "other" that split "on-other" tests on. */
static inline void made_fill(struct made *m)
{
    static const char *const labels[] = {"benign", "dos", "scan"};
    static char *classes[] = {"benign", "attack"};
    uint32_t random = 7, code;
    memset(m, 0, sizeof *m);
    for (size_t i = 0; i < 3; i++) {
        weir_categories_add(&m->frame.dataset.label_values, labels[i], strlen(labels[i]), &code);
        m->class_of[i] = i > 0;
    }
    for (size_t r = 0; r < MADE_ROWS; r++) {
        m->label[r] = made_random(&random) % 3;
        for (size_t c = 0; c < MADE_COLUMNS; c++) {
            float noise = (float)(made_random(&random) % 1000) / 500;
            m->values[c][r] = c == 4              ? (float)(made_random(&random) % 3)
                              : (r + c) % 11 == 0 ? NAN
                              : c == m->label[r]  ? noise + 1.2f
                                                  : noise;
        }
    }
    for (size_t c = 0; c < MADE_COLUMNS; c++) {
        static char names[MADE_COLUMNS][4];
        snprintf(names[c], sizeof names[c], "c%zu", c);
        m->column[c] = (struct weir_dataset_column){.name = names[c], .values = m->values[c]};
    }
    for (size_t i = 0; i < 3; i++)
        weir_categories_add(&m->column[4].categories, (const char *[]){"tcp", "udp", "icmp"}[i], i < 2 ? 3 : 4, &code);
    struct weir_split drawn;
    weir_split_draw(m->label, 280, 3, 0.25, 1, &drawn);
    for (size_t i = 0; i < drawn.train_count; i++)
        m->bits[0][drawn.train[i] / 8] |= (uint8_t)(1 << drawn.train[i] % 8);
    for (size_t i = 0; i < drawn.test_count; i++)
        m->bits[1][drawn.test[i] / 8] |= (uint8_t)(1 << drawn.test[i] % 8);
    free(drawn.train);
    for (size_t r = 0; r < MADE_ROWS; r++)
        m->bits[r < 280 ? 2 : 3][r / 8] |= (uint8_t)(1 << r % 8);
    m->split[0] = (struct weir_survey_split){.name = "seed-1", .train = m->bits[0], .test = m->bits[1]};
    m->split[1] = (struct weir_survey_split){
        .name = "on-other", .test_data = "other", .test_fingerprint = "00ff", .train = m->bits[2], .test = m->bits[3]};
    for (size_t r = 0; r < 4 * MADE_ROWS; r++) {
        struct weir_survey_split *split = &m->split[r / MADE_ROWS / 2];
        size_t bit = r % MADE_ROWS;
        *(r / MADE_ROWS % 2 ? &split->test_count : &split->train_count) += m->bits[r / MADE_ROWS][bit / 8] >> bit % 8 & 1;
    }
    m->frame.name = "made";
    m->frame.fingerprint = "0123456789abcdef0123456789abcdef";
    m->frame.feature_set = "none";
    m->frame.defaults = json_pack("{s:s}", "label", "Label");
    m->frame.dataset.rows = 280;
    m->frame.all_rows = MADE_ROWS;
    m->frame.dataset.columns = m->column;
    m->frame.dataset.column_count = MADE_COLUMNS;
    m->frame.dataset.labels = m->label;
    m->frame.labels = (struct weir_labels){.classes = classes, .class_count = 2, .class_of = m->class_of};
    m->frame.split = m->split;
    m->frame.split_count = 2;
}

static inline void made_free(struct made *m)
{
    weir_categories_fini(&m->frame.dataset.label_values);
    weir_categories_fini(&m->column[4].categories);
    json_decref((json_t *)(uintptr_t)m->frame.defaults);
}

#endif
