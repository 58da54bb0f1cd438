/* Data sets that weir knows: descriptions (YAML, docs/datasets.md) that say which columns there are, which one is the label and
 * what says benign, what must not be learned from, what stands for "not available", and what the columns are called in common.
 *
 * Those of datasets/ are in the program; others are read from a file. A description is constant once it is made; any thread. */
#ifndef WEIR_DATA_KNOWN_H
#define WEIR_DATA_KNOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weir/error.h"

enum weir_known_type {
    WEIR_KNOWN_NUMBER,
    WEIR_KNOWN_TEXT,
    WEIR_KNOWN_ADDRESS, /* of a host */
    WEIR_KNOWN_TIME
};

/* Another way to write a label: without blanks around, in any case, "*" stands for anything. */
struct weir_known_spelling {
    char *text;
    const char *label; /* "": rows with it have no label; borrowed */
};

/* A column of labels. */
struct weir_known_label {
    char *column;
    char *benign; /* its value for normal traffic */
    struct weir_known_spelling *spellings;
    size_t spelling_count;
    char **labels; /* private: what the spellings borrow */
    size_t label_count;
};

struct weir_known_column {
    char *name;
    enum weir_known_type type;
    char **missing; /* NULL-terminated texts that say "not available" in this column; NULL: none beyond the usual ones */
};

/* What a common column is made of: of * times - less. */
struct weir_known_common {
    char *name;
    char *of;
    char *less; /* or NULL */
    double times;
};

struct weir_known {
    char *name, *title, *source;
    uint64_t hash;                    /* XXH64 of the text that it was read from */
    char **recognise;                 /* the columns that tell it, NULL-terminated; none: only --dataset names it */
    bool headless;                    /* files have no header: their columns are `columns`, in that order */
    struct weir_known_label label;    /* .benign may be NULL, then it must be named */
    struct weir_known_label category; /* with the attack's kind, for --multiclass; .column NULL: the label column has it */
    char **classes;                   /* labels of that column, NULL-terminated */
    char *time;                       /* column with the time, or NULL */
    bool day_first;                   /* its form: weir_epoch_read_day_first, else weir_epoch_read */
    char *host;                       /* column with the source host, or NULL */
    /* What names hosts, times, rows or the laboratory, and what gives the label away; NULL-terminated. */
    char **identifiers, **leaks;
    struct weir_known_column *columns; /* may be none: then nothing is said of them */
    size_t column_count;
    struct weir_known_common *common;
    size_t common_count;
};

/* Those in the program, NULL-terminated, in the order in which they are recognised; "common", the vocabulary, is the first. They
 * are read when they are first asked for. */
const struct weir_known *const *weir_known_all(void);

/* By name, case does not count; NULL: there is none. */
const struct weir_known *weir_known_named(const char *name);

/* The names, with commas, for messages. */
const char *weir_known_names(void);

/* The text of one in the program, as datasets/NAME.yaml has it; NULL: it is none of them. */
const char *weir_known_text(const struct weir_known *known);

/* Reads a description. `from` names it in messages: "FILE:LINE: ...". WEIR_ERR_FORMAT, WEIR_ERR_LIMIT (WEIR_KNOWN_BYTES,
 * WEIR_KNOWN_COLUMNS), WEIR_ERR_MEMORY. The caller frees. */
enum { WEIR_KNOWN_BYTES = 1 << 20, WEIR_KNOWN_COLUMNS = 4096, WEIR_KNOWN_TEXT_BYTES = 1000 };
weir_err weir_known_read(const char *from, const char *text, size_t length, struct weir_known **out, struct weir_error *error);

/* The same from a file; also WEIR_ERR_NOT_FOUND, _PERMISSION, _IO. */
weir_err weir_known_load(const char *path, struct weir_known **out, struct weir_error *error);

/* NULL-safe; sets *known to NULL. Not for those in the program. */
void weir_known_free(struct weir_known **known);

/* The one of those in the program whose telling columns are all among `names` (case does not count), or NULL. *more: the next one
 * with the same telling columns, which only its classes tell apart, or NULL. */
const struct weir_known *weir_known_find(const char *const *names, size_t count);
const struct weir_known *weir_known_twin(const struct weir_known *known);

/* The one without a header whose columns a line of these cells can be, or NULL. */
const struct weir_known *weir_known_headless(char *const *cells, size_t count);

/* The benign value for a label column of the data set, NULL if that column is none of its labels. */
const char *weir_known_benign(const struct weir_known *known, const char *label);

/* The column with the kinds, and its benign value. */
const struct weir_known_label *weir_known_category(const struct weir_known *known);

/* Whether a NULL-terminated list names the column; case does not count. */
bool weir_known_lists(char *const *list, const char *column);

/* What the description says of a column, or NULL; case does not count. */
const struct weir_known_column *weir_known_column(const struct weir_known *known, const char *name);

/* What it says of the labels of a column, or NULL. */
const struct weir_known_label *weir_known_label(const struct weir_known *known, const char *column);

#endif
