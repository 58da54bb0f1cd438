/* The frame: a data set as a survey's tasks read it, one file that all of them map. docs/survey.md tells users.
 *
 *     0          8   89 57 46 52 0d 0a 1a 0a
 *     8          4   format version, 1
 *     12         4   C, columns
 *     16         8   R, rows: those of the data set itself and, behind them, those of the sets that it is tested on
 *     24         8   S, splits
 *     32         8   H, bytes of the head
 *     40         8   size of the file
 *     48        16   zero
 *     64         H   head, JSON, UTF-8
 *     ...        4R  label values, uint32: indices in the head's "label_values"
 *     ...        4R  float32, C times: a column; NaN = missing, no infinities
 *     ...   R/8  2S  bits of the rows that train and that test, S times
 *
 * Each part begins at the next multiple of 64; what lies between is zero. All numbers are little-endian. The head:
 *
 *     {"name":..,"data_set":..|null,"fingerprint":..,"rows":own rows,"columns":[{"name":..,"categories":[..]},..],
 *      "label_values":[..],"classes":[..],"benign":0|-1,"class_of":[class of each label value or -1,..],
 *      "feature_set":..,"feature_set_id":"16 hex digits","defaults":{..},
 *      "splits":[{"name":..,"test_data":..|null,"test_fingerprint":..|null},..]}
 *
 * A frame may come from a stranger's disk: sizes are checked before anything is used, labels, bits and values before they are
 * handed out. Reading: one thread opens, any thread may read. */
#ifndef WEIR_SURVEY_FRAME_H
#define WEIR_SURVEY_FRAME_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "data/dataset.h"
#include "train/labels.h"
#include "weir/error.h"

enum { WEIR_SURVEY_FRAME_VERSION = 1, WEIR_SURVEY_FRAME_HEAD_BYTES = 64 };

struct weir_survey_split {
    const char *name;
    const char *test_data, *test_fingerprint; /* NULL: test rows are of the data set itself */
    const uint8_t *train, *test;              /* bit r % 8 of byte r / 8: row r */
    size_t train_count, test_count;           /* how many bits are set */
};

struct weir_survey_frame {
    const char *name;
    const char *data_set; /* of a known one, or NULL */
    const char *fingerprint;
    const char *feature_set;
    uint64_t feature_set_id;
    const json_t *defaults;
    struct weir_dataset dataset; /* rows: the own ones. Values and labels have all_rows and lie in the frame: never write there */
    size_t all_rows;
    struct weir_labels labels; /* class_of has an entry for each of dataset.label_values */
    struct weir_survey_split *split;
    size_t split_count;
    json_t *head; /* owns the texts above; not for writing */
};

/* Reads the frame in `bytes` (aligned to 8), which must outlive it. `origin` names them in messages. WEIR_ERR_FORMAT,
 * _UNSUPPORTED (a newer version), _ARGUMENT (alignment), _MEMORY. The caller closes it. */
weir_err weir_survey_frame_open(const void *bytes, size_t size, const char *origin, struct weir_survey_frame **out,
                                struct weir_error *error);

/* NULL-safe; sets *frame to NULL. */
void weir_survey_frame_close(struct weir_survey_frame **frame);

/* The split of this name, or NULL. */
const struct weir_survey_split *weir_survey_frame_split(const struct weir_survey_frame *frame, const char *name);

/* The rows of bits as a list of row numbers, ascending; the caller frees it. NULL: out of memory. */
uint32_t *weir_survey_frame_rows(const struct weir_survey_frame *frame, const uint8_t *bits, size_t count);

/* Bytes of `rows` bits in a frame, and of what is drawn for one: a multiple of 64. */
size_t weir_survey_frame_bits(size_t rows);

/* Writes the file beside `path` and renames it. Equal frames give equal bytes. WEIR_ERR_IO, _NOT_FOUND, _PERMISSION, _MEMORY. */
weir_err weir_survey_frame_write(const struct weir_survey_frame *frame, const char *path, struct weir_error *error);

#endif
