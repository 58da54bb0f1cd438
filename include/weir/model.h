/* Models: load a .weir file, score rows, explain scores.
 *
 * A model is immutable after loading: any number of threads may score with one model at once. Strings and arrays that the
 * functions return belong to the model and live until weir_model_free.
 *
 * Margins: a model has weir_model_groups() margins a row: one for two classes (log odds of the attack), K for K > 2 classes
 * (before the softmax). A missing value is NaN. Values are float32.
 */
#ifndef WEIR_MODEL_H
#define WEIR_MODEL_H

#include <stddef.h>
#include <stdint.h>

#include "weir/error.h"

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default) /* what libweir.so shows */
#endif

typedef struct weir_model weir_model;

/* Reads and validates a model file. WEIR_ERR_NOT_FOUND, _PERMISSION, _IO, _FORMAT (names file and position), _LIMIT,
 * _UNSUPPORTED, _MEMORY. The caller frees the model with weir_model_free. */
weir_err weir_model_load(const char *path, weir_model **out, struct weir_error *error);

/* Frees and sets *model to NULL. NULL-safe. */
void weir_model_free(weir_model **model);

const char *weir_model_name(const weir_model *model);        /* "bundled-argus" */
const char *weir_model_version(const weir_model *model);     /* "1" */
const char *weir_model_label(const weir_model *model);       /* "name:version", as verdicts name it */
const char *weir_model_algorithm(const weir_model *model);   /* "xgboost" */
const char *weir_model_feature_set(const weir_model *model); /* "argus", or "none" */
uint64_t weir_model_feature_set_id(const weir_model *model); /* 0 with "none" */
size_t weir_model_columns(const weir_model *model, const char *const **names);
size_t weir_model_classes(const weir_model *model, const char *const **names);
int weir_model_benign(const weir_model *model);       /* index of the benign class (two classes: 0), or -1 when there is none */
float weir_model_threshold(const weir_model *model);  /* a row is an alert from this score on; NaN: a regression without one */
int weir_model_regression(const weir_model *model);   /* not 0: there are no classes, a score is the prediction, any number */
size_t weir_model_groups(const weir_model *model);    /* margins a row */
const char *weir_model_card(const weir_model *model); /* the whole JSON card, as text */

/* Sets another threshold: 0 to 1, of a regression any number; else WEIR_ERR_ARGUMENT. Only while no other thread uses the model;
 * its card stays as it is. */
weir_err weir_model_set_threshold(weir_model *model, float threshold, struct weir_error *error);

/* The size of its trees; `depth` is that of the deepest, 0 for a lone leaf. */
struct weir_model_shape {
    size_t trees, nodes, leaves, depth;
};
struct weir_model_shape weir_model_shape(const weir_model *model);

/* Can rows of this feature set and these columns be scored with the model? On WEIR_OK index[c] is the place of the model's column
 * c in `names` (index: weir_model_columns entries; NULL: only the check), to be given to weir_model_margins_block.
 * WEIR_ERR_MISMATCH names both feature sets with their ids, or the columns that are missing; also for a model without a feature
 * set. */
weir_err weir_model_fits(const weir_model *model, const char *feature_set, uint64_t feature_set_id, const char *const *names,
                         size_t count, uint16_t *index, struct weir_error *error);

/* Scores `rows` rows, row-major, `stride` floats apart, columns in the model's order. margins: rows * groups, row-major. Takes up
 * to 1 MB of the thread's stack. */
void weir_model_margins(const weir_model *model, const float *x, size_t rows, size_t stride, float *margins);

/* Scores one feature-major block: value of row r, column c at x[index[c] * 64 + r]; index NULL = identity. rows <= 64; all 64
 * rows of the block must be readable. margins: rows * groups, row-major. */
void weir_model_margins_block(const weir_model *model, const float *x, const uint16_t *index, size_t rows, float *margins);

/* Margins to verdicts. score: probability of not being benign (two classes: sigmoid; more: 1 - softmax of the benign class;
 * without a benign class: the highest probability; a regression: the prediction). class_index: two classes: 1 when score >=
 * threshold; more: the most probable, lowest index first when equal. alert: 1 when the class is not benign and score >=
 * threshold. Any output may be NULL. */
void weir_model_judge(const weir_model *model, const float *margins, size_t rows, float *score, uint16_t *class_index,
                      uint8_t *alert);

/* All class probabilities of rows of margins: rows * classes, row-major. */
void weir_model_probabilities(const weir_model *model, const float *margins, size_t rows, float *probabilities);

/* The same from row to verdict: weir_model_margins and weir_model_judge in one, for one row or many; allocates nothing. */
void weir_model_predict(const weir_model *model, const float *x, size_t rows, size_t stride, float *score, uint16_t *class_index,
                        uint8_t *alert);

/* How a margin is shared out among the columns. Both forms add up: base + the contributions = the margin (in float64; the margin
 * itself is a sum in float32). A contribution is in the margin's unit (log odds); above 0 it speaks for the class, below 0
 * against it; 0 for a column that the trees do not ask. docs/explain.md tells what they mean and what they do not. */
enum weir_explain {
    WEIR_EXPLAIN_EXACT, /* Shapley values of the path-dependent expectation (TreeSHAP), whatever order columns become known in */
    WEIR_EXPLAIN_PATH   /* along the row's way through each tree, in the order of its splits: 10 times quicker, not so fair */
};

/* Bytes of the room that weir_model_explain wants. */
size_t weir_model_explain_room(const weir_model *model);

/* Explains the margins of class group `group` (0 for two classes) of rows as weir_model_margins takes them. contributions:
 * rows * columns, row-major; *base: of all rows. room: weir_model_explain_room bytes, aligned to 64, used by one thread at a
 * time; NULL: allocated for this call. WEIR_ERR_MEMORY only then; WEIR_ERR_ARGUMENT: the model has no such group. */
weir_err weir_model_explain(const weir_model *model, enum weir_explain how, const float *x, size_t rows, size_t stride,
                            size_t group, void *room, double *contributions, double *base);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
#endif
