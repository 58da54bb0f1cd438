/* A forest as the payload of a model file: docs/model-file.md draws it. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "model/container.h"
#include "model/forest.h"
#include "model/payload.h"

enum { TREES_HEAD_BYTES = 16, FOREST_HEAD_BYTES = 48 };

uint32_t weir_forest_payload(const struct weir_forest *f)
{
    return f->sum == WEIR_SUM_FLOAT32 && f->link == WEIR_LINK_LOGISTIC && !f->odd ? WEIR_PAYLOAD_TREES : WEIR_PAYLOAD_FOREST;
}

size_t weir_forest_bytes(const struct weir_forest *f)
{
    if (weir_forest_payload(f) == WEIR_PAYLOAD_TREES)
        return TREES_HEAD_BYTES + 4 * f->groups + 6 * f->trees + 10 * f->nodes;
    return FOREST_HEAD_BYTES + 8 * f->groups + 6 * f->trees + 15 * f->nodes + 4 * f->sets + 4 * f->words +
           8 * f->leaves * f->width;
}

void weir_forest_encode(const struct weir_forest *f, uint8_t *out)
{
    bool plain = weir_forest_payload(f) == WEIR_PAYLOAD_TREES;
    uint32_t head[12] = {(uint32_t)f->columns, (uint32_t)f->groups, (uint32_t)f->trees,  (uint32_t)f->nodes, (uint32_t)f->sum,
                         (uint32_t)f->link,    (uint32_t)f->width,  (uint32_t)f->leaves, (uint32_t)f->sets,  (uint32_t)f->words};
    out = weir_payload_put32(out, head, plain ? 4 : 12);
    if (plain)
        for (size_t g = 0; g < f->groups; g++) {
            float base = (float)f->base[g];
            out = weir_payload_put32(out, &base, 1);
        }
    else
        out = weir_payload_put64(out, f->base, f->groups);
    out = weir_payload_put32(out, f->count, f->trees);
    out = weir_payload_put32(out, f->value, f->nodes);
    out = weir_payload_put32(out, f->cover, f->nodes);
    out = weir_payload_put16(out, f->split, f->nodes);
    out = weir_payload_put16(out, f->group, f->trees);
    if (plain)
        return;
    out = weir_payload_put32(out, f->place, f->nodes);
    out = weir_payload_put32(out, f->set_size, f->sets);
    out = weir_payload_put32(out, f->word, f->words);
    out = weir_payload_put64(out, f->leaf, f->leaves * f->width);
    if (f->nodes) /* without trees there are no arrays */
        memcpy(out, f->kind, f->nodes);
}

/* The part of the forest's payload that plain trees do not have; `p` is behind the trees' groups. */
static void decode_rest(struct weir_forest *f, const uint8_t *p)
{
    p = weir_payload_get32(p, f->place, f->nodes);
    p = weir_payload_get32(p, f->set_size, f->sets);
    p = weir_payload_get32(p, f->word, f->words);
    p = weir_payload_get64(p, f->leaf, f->leaves * f->width);
    if (f->nodes)
        memcpy(f->kind, p, f->nodes);
    uint64_t word = 0;
    for (size_t s = 0; s < f->sets; s++) {
        f->set_first[s] = word < f->words ? (uint32_t)word : (uint32_t)f->words; /* too many words: validate refuses the set */
        word += ((uint64_t)f->set_size[s] + 31) / 32;
    }
    for (size_t i = 0; i < f->nodes; i++)
        f->odd += f->kind[i] != WEIR_SPLIT_NUMBER;
}

/* Allocates what the head says and the bytes back. */
static weir_err make_room(struct weir_forest *f, const uint32_t head[12], struct weir_error *error)
{
    weir_err err = weir_forest_reserve(f, head[2], head[3], error);
    if (err)
        return err;
    f->trees = head[2];
    f->nodes = head[3];
    f->sum = (enum weir_forest_sum)head[4];
    f->link = (enum weir_link)head[5];
    f->width = head[6];
    f->leaves = f->leaf_room = head[7];
    f->sets = f->set_room = head[8];
    f->words = f->word_room = head[9];
    /* One entry more than needed: nothing of a kind is no failed allocation. */
    f->leaf = calloc(f->leaves * f->width + 1, sizeof *f->leaf);
    f->set_first = calloc(f->sets + 1, sizeof *f->set_first);
    f->set_size = calloc(f->sets + 1, sizeof *f->set_size);
    f->word = calloc(f->words + 1, sizeof *f->word);
    for (size_t i = 0; i < f->nodes; i++) {
        f->kind[i] = 0;
        f->place[i] = 0;
    }
    return f->leaf && f->set_first && f->set_size && f->word ? WEIR_OK : weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
}

/* The payload's size as its head tells it; nothing is allocated for a count that the bytes do not back. */
static weir_err check_size(uint32_t kind, const uint32_t head[12], size_t size, struct weir_error *error)
{
    uint64_t groups = head[1], trees = head[2], nodes = head[3], width = head[6], leaves = head[7];
    uint64_t wanted = TREES_HEAD_BYTES + 4 * groups + 6 * trees + 10 * nodes;
    if (kind == WEIR_PAYLOAD_FOREST) {
        wanted = FOREST_HEAD_BYTES + 8 * groups + 6 * trees + 15 * nodes + 4 * (uint64_t)head[8] + 4 * (uint64_t)head[9];
        if (width < 1 || width > WEIR_FOREST_GROUPS_MAX)
            return weir_fail(error, WEIR_ERR_FORMAT, "leaves of %u values", head[6]);
        if (head[10] || head[11])
            return weir_fail(error, WEIR_ERR_UNSUPPORTED, "the trees are of a newer weir; use that");
        if (leaves != (head[4] == WEIR_SUM_FLOAT64 ? (nodes + trees) / 2 : 0))
            return weir_fail(error, WEIR_ERR_FORMAT, "%u values of leaves in %u trees of %u nodes", head[7], head[2], head[3]);
        wanted += 8 * leaves * width; /* < 2^32 * 2^12 * 2^3 */
    }
    if (wanted != size)
        return weir_fail(error, WEIR_ERR_FORMAT, "%u trees of %u nodes need %llu bytes, there are %zu", head[2], head[3],
                         (unsigned long long)wanted, size);
    return WEIR_OK;
}

weir_err weir_forest_peek(uint32_t kind, const uint8_t *bytes, size_t have, size_t size, size_t *position,
                          struct weir_error *error)
{
    uint32_t head[12] = {[6] = 1};
    size_t head_bytes = kind == WEIR_PAYLOAD_TREES ? TREES_HEAD_BYTES : FOREST_HEAD_BYTES;
    *position = 0;
    if (have < head_bytes)
        return weir_fail(error, WEIR_ERR_FORMAT, "the trees end inside their head");
    weir_payload_get32(bytes, head, head_bytes / 4);
    struct weir_forest *none = NULL;
    weir_err err = weir_forest_create(head[0], head[1], &none, error); /* checks the two */
    weir_forest_free(&none);
    if (err)
        return err;
    *position = 8;
    if (head[2] > WEIR_FOREST_TREES_MAX)
        return weir_fail(error, WEIR_ERR_LIMIT, "more than %d trees", WEIR_FOREST_TREES_MAX);
    err = check_size(kind, head, size, error);
    uint64_t left = head[3];
    const uint8_t *p = bytes + head_bytes + (size_t)head[1] * (kind == WEIR_PAYLOAD_TREES ? 4 : 8);
    for (size_t t = 0; t < head[2] && !err; t++, p += 4) {
        uint32_t nodes = weir_load_le32(p);
        *position = (size_t)(p - bytes);
        if (nodes < 1 || nodes > left)
            err = weir_fail(error, WEIR_ERR_FORMAT, "tree %zu: %u nodes, %llu are left", t, nodes, (unsigned long long)left);
        left -= nodes;
    }
    return err;
}

weir_err weir_forest_decode(uint32_t kind, const uint8_t *bytes, size_t size, struct weir_forest **out, size_t *position,
                            struct weir_error *error)
{
    uint32_t head[12] = {[6] = 1};
    size_t head_bytes = kind == WEIR_PAYLOAD_TREES ? TREES_HEAD_BYTES : FOREST_HEAD_BYTES;
    struct weir_forest *f = NULL;
    *out = NULL;
    *position = 0;
    if (size < head_bytes)
        return weir_fail(error, WEIR_ERR_FORMAT, "the trees end inside their head");
    const uint8_t *p = weir_payload_get32(bytes, head, head_bytes / 4);
    weir_err err = weir_forest_create(head[0], head[1], &f, error);
    if (err)
        return err;
    *position = 8;
    err = check_size(kind, head, size, error);
    if (!err)
        err = make_room(f, head, error);
    if (err)
        goto fail;
    if (kind == WEIR_PAYLOAD_TREES)
        for (size_t g = 0; g < f->groups; g++) {
            float base;
            p = weir_payload_get32(p, &base, 1);
            f->base[g] = (double)base;
        }
    else
        p = weir_payload_get64(p, f->base, f->groups);
    p = weir_payload_get32(p, f->count, f->trees);
    size_t values = (size_t)(p - bytes);
    p = weir_payload_get32(p, f->value, f->nodes);
    p = weir_payload_get32(p, f->cover, f->nodes);
    p = weir_payload_get16(p, f->split, f->nodes);
    p = weir_payload_get16(p, f->group, f->trees);
    if (kind == WEIR_PAYLOAD_FOREST)
        decode_rest(f, p);
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
