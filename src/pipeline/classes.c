#include "pipeline/classes.h"

#include <stdio.h>
#include <string.h>

unsigned weir_classes_place(char name[WEIR_CLASSES_SHOWN][WEIR_CLASS_NAME], const char *class_name)
{
    char cut[WEIR_CLASS_NAME];
    unsigned k = 0;
    snprintf(cut, sizeof cut, "%s", class_name);
    while (k < WEIR_CLASSES_SHOWN - 1 && name[k][0] && strcmp(name[k], cut) != 0)
        k++;
    if (k == WEIR_CLASSES_SHOWN - 1)
        strcpy(cut, "other");
    memcpy(name[k], cut, sizeof cut);
    return k;
}

void weir_classes_follow(struct weir_class_places *places, char name[WEIR_CLASSES_SHOWN][WEIR_CLASS_NAME],
                         const struct weir_verdicts *verdicts)
{
    if (places->names == verdicts->names)
        return;
    for (size_t c = 0; c < verdicts->class_count && c < sizeof places->place; c++)
        places->place[c] = (uint8_t)weir_classes_place(name, verdicts->classes[c]);
    places->names = verdicts->names;
}

void weir_classes_count(const struct weir_class_places *places, uint64_t rows[WEIR_CLASSES_SHOWN],
                        const struct weir_verdicts *verdicts)
{
    for (unsigned r = 0; r < verdicts->batch->rows; r++) {
        unsigned c = verdicts->class_index[r];
        rows[c < sizeof places->place ? places->place[c] : WEIR_CLASSES_SHOWN - 1]++;
    }
}

void weir_classes_add(struct weir_account *into, const struct weir_account *from)
{
    for (unsigned k = 0; k < WEIR_CLASSES_SHOWN; k++)
        if (from->class_name[k][0])
            into->class_rows[weir_classes_place(into->class_name, from->class_name[k])] += from->class_rows[k];
}
