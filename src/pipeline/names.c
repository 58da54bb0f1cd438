#include "pipeline/names.h"

#include <stdlib.h>
#include <string.h>

struct weir_name_set {
    char *bytes, *clean; /* as they came; what is lent */
    size_t size;
    uint16_t classes, columns;
    const char **name; /* of classes, then of columns */
    uint64_t number;
};

/* Bytes of the character at `at`; 0: no UTF-8. */
static unsigned character(const uint8_t *at)
{
    static const struct {
        uint8_t mask, is;
        uint32_t least;
    } kind[] = {{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
    unsigned length = 0;
    while (length < 4 && (at[0] & kind[length].mask) != kind[length].is)
        length++;
    if (length == 4)
        return 0;
    uint32_t code = at[0] & (uint8_t)~kind[length].mask;
    for (unsigned i = 1; i <= length; i++) {
        if ((at[i] & 0xc0) != 0x80) /* also at the end of the text */
            return 0;
        code = code << 6 | (at[i] & 0x3f);
    }
    return code < kind[length].least || code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ? 0 : length + 1;
}

void weir_names_clean(char *text)
{
    for (uint8_t *at = (uint8_t *)text; *at;) {
        unsigned length = character(at);
        if (!length)
            *at = '?';
        at += length ? length : 1;
    }
}

static void set_fini(struct weir_name_set *set)
{
    free(set->bytes);
    free(set->clean);
    free(set->name);
}

void weir_names_fini(struct weir_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        set_fini(&names->set[i]);
    free(names->set);
    *names = (struct weir_names){.given = names->given};
}

static bool same(const struct weir_name_set *set, const struct weir_verdict_frame *frame, size_t size)
{
    return set->size == size && set->classes == frame->classes && set->columns == frame->columns &&
           !memcmp(set->bytes, frame->model, size);
}

/* NULL: out of memory. */
static struct weir_name_set *add(struct weir_names *names, const struct weir_verdict_frame *frame, size_t size)
{
    if (names->count == WEIR_NAME_SETS)
        weir_names_fini(names);
    if (!names->set && !(names->set = calloc(WEIR_NAME_SETS, sizeof *names->set)))
        return NULL;
    size_t count = (size_t)frame->classes + frame->columns;
    struct weir_name_set set = {.bytes = malloc(size),
                                .clean = malloc(size),
                                .size = size,
                                .classes = frame->classes,
                                .columns = frame->columns,
                                .name = malloc(count * sizeof *set.name),
                                .number = names->given + 1};
    if (!set.bytes || !set.clean || !set.name) {
        set_fini(&set);
        return NULL;
    }
    memcpy(set.bytes, frame->model, size);
    memcpy(set.clean, frame->model, size);
    char *at = set.clean;
    for (size_t i = 0; i < 2 + count; i++, at += strlen(at) + 1) {
        weir_names_clean(at);
        if (i >= 2)
            set.name[i - 2] = at;
    }
    names->given++;
    names->set[names->count] = set;
    return &names->set[names->count++];
}

bool weir_names_lend(struct weir_names *names, const struct weir_verdict_frame *frame, struct weir_verdicts *out)
{
    size_t size = frame->names_bytes - (size_t)(frame->model - frame->sensor_name);
    struct weir_name_set *set = NULL;
    for (size_t i = 0; i < names->count && !set; i++) { /* the last one first */
        size_t at = (names->last + i) % names->count;
        if (same(&names->set[at], frame, size))
            set = &names->set[at];
    }
    if (!set && !(set = add(names, frame, size)))
        return false;
    names->last = (size_t)(set - names->set);
    out->model = set->clean;
    out->feature_set = set->clean + strlen(set->clean) + 1;
    out->classes = set->name;
    out->columns = set->name + set->classes;
    out->names = set->number;
    return true;
}
