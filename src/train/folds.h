/* Folds: which rows train and which test, drawn in one of several ways. Any thread.
 *
 * Draws depend on labels, shares and seed alone (by time and by group also on the side column), so equal data gives equal folds
 * whatever reads it. Each fold's two lists are ascending and share no row. A row that is in neither is left out: it was not
 * sampled, or has no time or group. */
#ifndef WEIR_TRAIN_FOLDS_H
#define WEIR_TRAIN_FOLDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/dataset.h"
#include "weir/error.h"

enum weir_folds_kind {
    WEIR_FOLDS_DRAWN,       /* label by label: a share tests, or each of `folds` parts in turn */
    WEIR_FOLDS_TIME,        /* the last share by time tests; with `folds`: each of as many parts, trained on what came before */
    WEIR_FOLDS_GROUP,       /* no group (a host) is on both sides: a share tests, or each of `folds` parts in turn */
    WEIR_FOLDS_LEAVE_ATTACK /* for each label but the benign one: its rows and a share of the benign ones test, the rest trains */
};

enum { WEIR_FOLDS_MOST = 1000 };

struct weir_folds_config {
    enum weir_folds_kind kind;
    const char *column; /* TIME, GROUP: the side column's name, for messages and for whoever reads the data */
    const char *attack; /* LEAVE_ATTACK: this label alone; NULL: one after the other */
    unsigned folds;     /* 0: one fold, by share; else 2 to WEIR_FOLDS_MOST. Not for LEAVE_ATTACK */
    double share;       /* that tests: 0 < share < 1 */
    double sample;      /* share of the rows that is used at all, drawn label by label first: 0 < sample <= 1 */
    uint64_t seed;
};

#define WEIR_FOLDS_DEFAULT ((struct weir_folds_config){.share = 0.2, .sample = 1, .seed = 1})

/* What is split: borrowed. */
struct weir_folds_rows {
    const uint32_t *labels; /* [rows], < label_count */
    size_t rows;            /* < 2^32 */
    size_t label_count;
    char *const *label_text; /* [label_count] for names of folds and messages */
    int64_t benign;          /* LEAVE_ATTACK: the benign label, else not looked at */
    const int64_t *side;     /* [rows] TIME: times; GROUP: codes of groups. WEIR_SIDE_MISSING: none. NULL otherwise */
};

struct weir_fold {
    char *name; /* "" for one fold; "1", "2", ...; LEAVE_ATTACK: the label that is left out */
    uint32_t *train, *test;
    size_t train_count, test_count;
};

struct weir_folds {
    struct weir_fold *fold;
    size_t count;
    size_t sampled;  /* rows that are used at all */
    size_t sideless; /* of these, without time or group: left out */
};

/* Reads "drawn", "time:COLUMN", "group:COLUMN", "leave-attack", "leave-attack:LABEL" into the config, which then points into
 * `text`. WEIR_ERR_ARGUMENT. */
weir_err weir_folds_parse(const char *text, struct weir_folds_config *config, struct weir_error *error);

/* For a model's card: {"split":"time:COLUMN","test_share":x|null,"folds":n|null,"sample":x}. elsewhere: test rows are of another
 * source: the split is "other rows". NULL: out of memory. The caller owns it. */
json_t *weir_folds_json(const struct weir_folds_config *config, bool elsewhere);

/* Makes the folds. DRAWN: of each label the nearest whole number to the share tests, at least one and at most all but one when it
 * has two rows or more, none when it has one; parts of folds differ by at most one row, in each label and in all. TIME: rows of
 * one time stay together. GROUP: the groups that test are drawn; parts are as equal in rows as the groups allow. The sample: the
 * nearest whole number of each label, at least two of its rows if it has them.
 * WEIR_ERR_ARGUMENT for a share, sample or number of folds out of bounds, more folds than times or groups, no benign label or
 * fewer than two others; WEIR_ERR_FORMAT when a fold has no rows to train or to test; WEIR_ERR_MEMORY. On WEIR_OK the caller ends
 * *out with weir_folds_fini. */
weir_err weir_folds_make(const struct weir_folds_config *config, const struct weir_folds_rows *rows, struct weir_folds *out,
                         struct weir_error *error);

/* The rows of a sample alone: ascending, *count of them; the caller frees. NULL: out of memory. */
uint32_t *weir_folds_sample(const uint32_t *labels, size_t rows, size_t label_count, double sample, uint64_t seed, size_t *count);

/* Safe on zeroes. */
void weir_folds_fini(struct weir_folds *folds);

#endif
