/* A forest as the payload of a model file: docs/model-file.md draws it. */
#include "base/bytes.h"
#include "model/forest.h"

enum { HEAD_BYTES = 16 };

size_t weir_forest_bytes(const struct weir_forest *f)
{
    return HEAD_BYTES + 4 * f->groups + 6 * f->trees + 10 * f->nodes;
}

static uint8_t *put16(uint8_t *p, const uint16_t *value, size_t count)
{
    for (size_t i = 0; i < count; i++, p += 2) {
        p[0] = (uint8_t)value[i];
        p[1] = (uint8_t)(value[i] >> 8);
    }
    return p;
}

static uint8_t *put32(uint8_t *p, const void *value, size_t count)
{
    for (size_t i = 0; i < count; i++, p += 4) {
        uint32_t bits;
        memcpy(&bits, (const uint8_t *)value + 4 * i, 4);
        for (int k = 0; k < 4; k++)
            p[k] = (uint8_t)(bits >> 8 * k);
    }
    return p;
}

static const uint8_t *get16(const uint8_t *p, uint16_t *value, size_t count)
{
    for (size_t i = 0; i < count; i++, p += 2)
        value[i] = weir_load_le16(p);
    return p;
}

static const uint8_t *get32(const uint8_t *p, void *value, size_t count)
{
    for (size_t i = 0; i < count; i++, p += 4) {
        uint32_t bits = weir_load_le32(p);
        memcpy((uint8_t *)value + 4 * i, &bits, 4);
    }
    return p;
}

void weir_forest_encode(const struct weir_forest *f, uint8_t *out)
{
    uint32_t head[4] = {(uint32_t)f->columns, (uint32_t)f->groups, (uint32_t)f->trees, (uint32_t)f->nodes};
    out = put32(out, head, 4);
    out = put32(out, f->base, f->groups);
    out = put32(out, f->count, f->trees);
    out = put32(out, f->value, f->nodes);
    out = put32(out, f->cover, f->nodes);
    out = put16(out, f->split, f->nodes);
    put16(out, f->group, f->trees);
}

weir_err weir_forest_decode(const uint8_t *bytes, size_t size, struct weir_forest **out, size_t *position,
                            struct weir_error *error)
{
    uint32_t head[4];
    struct weir_forest *f = NULL;
    *out = NULL;
    *position = 0;
    if (size < HEAD_BYTES)
        return weir_fail(error, WEIR_ERR_FORMAT, "the trees end inside their head");
    const uint8_t *p = get32(bytes, head, 4);
    weir_err err = weir_forest_create(head[0], head[1], &f, error);
    if (err)
        return err;
    /* All sizes are known now: nothing is allocated for a count that the bytes do not back. */
    uint64_t wanted = HEAD_BYTES + 4 * (uint64_t)head[1] + 6 * (uint64_t)head[2] + 10 * (uint64_t)head[3];
    *position = 8;
    if (wanted != size)
        err = weir_fail(error, WEIR_ERR_FORMAT, "%u trees of %u nodes need %llu bytes, there are %zu", head[2], head[3],
                        (unsigned long long)wanted, size);
    else
        err = weir_forest_reserve(f, head[2], head[3], error);
    if (err)
        goto fail;
    f->trees = head[2];
    f->nodes = head[3];
    p = get32(p, f->base, f->groups);
    p = get32(p, f->count, f->trees);
    size_t values = (size_t)(p - bytes);
    p = get32(p, f->value, f->nodes);
    p = get32(p, f->cover, f->nodes);
    p = get16(p, f->split, f->nodes);
    get16(p, f->group, f->trees);
    uint32_t first = 0;
    for (size_t t = 0; t < f->trees; t++) {
        f->first[t] = first;
        first += f->count[t]; /* a wrap is caught by validate: it adds up in 64 bits */
    }
    size_t tree, node;
    err = weir_forest_validate(f, &tree, &node, error);
    *position = values + 4 * node;
    if (err)
        goto fail;
    *out = f;
    return WEIR_OK;
fail:
    weir_forest_free(&f);
    return err;
}
