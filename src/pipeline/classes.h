/* Rows by class, for people: each name has one place, whatever model brought it. Plain values; the owner's thread or lock. */
#ifndef WEIR_PIPELINE_CLASSES_H
#define WEIR_PIPELINE_CLASSES_H

#include "batch/verdict.h"
#include "pipeline/account.h"

/* The place of a class's name, which is taken if it has none: WEIR_CLASSES_SHOWN - 1, "other", when all are in use. */
unsigned weir_classes_place(char name[WEIR_CLASSES_SHOWN][WEIR_CLASS_NAME], const char *class_name);

/* The places of one model's classes. */
struct weir_class_places {
    uint64_t names; /* verdicts->names that they are for; 0: none yet */
    uint8_t place[256];
};

/* Finds the places again when another model judges. */
void weir_classes_follow(struct weir_class_places *places, char name[WEIR_CLASSES_SHOWN][WEIR_CLASS_NAME],
                         const struct weir_verdicts *verdicts);

/* Counts the rows of a batch whose places have been found. */
void weir_classes_count(const struct weir_class_places *places, uint64_t rows[WEIR_CLASSES_SHOWN],
                        const struct weir_verdicts *verdicts);

/* Adds the classes of one account to those of another. */
void weir_classes_add(struct weir_account *into, const struct weir_account *from);

#endif
