#include "model/forest_pack.h"

#include <string.h>

/* How a pack of a run is made; false: it gets none. */
static bool pack_form(const struct weir_plan *plan, const struct weir_run *run, size_t piece, size_t trees,
                      struct weir_pack *pack)
{
    *pack = (struct weir_pack){.leaf = plan->piece[piece].leaf, .leaf_room = WEIR_LEAF_ROOM, .trees = (uint32_t)trees};
    if (run->form == WEIR_FORM_MASK) {
        pack->lines = (uint16_t)(1u << run->depth);
        pack->leaf_room = pack->lines < WEIR_LEAF_ROOM ? WEIR_LEAF_ROOM : pack->lines;
        return true;
    }
    if (run->form == WEIR_FORM_OBLIVIOUS) {
        pack->lines = plan->piece[piece].depth;
        pack->leaf_room = 1u << pack->lines < WEIR_LEAF_ROOM ? WEIR_LEAF_ROOM : 1u << pack->lines;
        for (size_t i = 0; i < trees; i++)
            if (plan->piece[piece + i].depth != pack->lines)
                return false;
        return true;
    }
    for (size_t i = 0; run->form == WEIR_FORM_REACH && i < trees; i++) {
        const struct weir_piece *p = &plan->piece[piece + i];
        if (p->leaves > WEIR_PACK_LEAF)
            return false;
        pack->lines = p->tests > pack->lines ? (uint16_t)p->tests : pack->lines;
        pack->masks = p->leaves > 32 ? 8 : pack->masks ? pack->masks : 4;
    }
    return run->form == WEIR_FORM_REACH;
}

static size_t line_bytes(const struct weir_pack *pack)
{
    return (size_t)(2 + pack->masks) * WEIR_PACK;
}

static void set_line(const struct weir_plan *plan, const struct weir_pack *pack, size_t line, size_t lane,
                     const struct weir_test *test)
{
    uint8_t *bytes = plan->pack_byte + pack->first + line * line_bytes(pack);
    bytes[lane] = (uint8_t)test->plane;
    bytes[WEIR_PACK + lane] = (uint8_t)test->bin;
}

/* REACH: a node's line. Leaves of the left subtree, left to right - 1, are gone when the row goes right. */
static void set_split(const struct weir_plan *plan, const struct weir_pack *pack, size_t line, size_t lane,
                      const struct weir_split *split)
{
    uint8_t *bytes = plan->pack_byte + pack->first + line * line_bytes(pack) + 2 * WEIR_PACK;
    for (unsigned leaf = split->left; leaf < split->right; leaf++)
        bytes[leaf / 8 * WEIR_PACK + lane] &= (uint8_t) ~(1u << leaf % 8);
}

static void fill_pack(const struct weir_plan *plan, const struct weir_run *run, size_t piece, const struct weir_pack *pack)
{
    const struct weir_test *shared = plan->test + plan->batch[run->batch].test;
    for (size_t line = 0; line < pack->lines && pack->masks; line++)
        memset(plan->pack_byte + pack->first + line * line_bytes(pack) + 2 * WEIR_PACK, 0xff, (size_t)pack->masks * WEIR_PACK);
    for (size_t t = 0; t < pack->trees; t++) {
        const struct weir_piece *p = &plan->piece[piece + t];
        for (size_t place = 1; run->form == WEIR_FORM_MASK && place < pack->lines; place++)
            set_line(plan, pack, place, t, &shared[plan->use[p->use + place * WEIR_OCTET]]);
        for (size_t i = 0; run->form == WEIR_FORM_OBLIVIOUS && i < p->tests; i++)
            set_line(plan, pack, i, t, &plan->test[p->test + i]);
        for (size_t i = 0; run->form == WEIR_FORM_REACH && i < p->tests; i++) {
            const struct weir_split *split = &plan->split[p->split + i];
            set_line(plan, pack, i, t, &shared[split->test]);
            set_split(plan, pack, i, t, split);
        }
    }
}

weir_err weir_plan_pack(struct weir_plan *plan, struct weir_error *error)
{
    size_t packs = 0, bytes = 0;
    bool all = plan->kernel->packs && plan->row_bytes <= WEIR_PACK_ROW && plan->forest->width == 1 && plan->batches;
    plan->few = plan->kernel->few;
    for (size_t i = 0; i < plan->runs; i++) {
        plan->run[i].pack = WEIR_NO_PACK;
        packs += (plan->run[i].pieces + WEIR_PACK - 1) / WEIR_PACK;
    }
    if (!all)
        return WEIR_OK;
    plan->pack = weir_plan_room(packs, sizeof *plan->pack);
    if (!plan->pack)
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    packs = 0;
    for (size_t i = 0; i < plan->runs; i++) {
        struct weir_run *run = &plan->run[i];
        const size_t packs_before = packs, bytes_before = bytes;
        bool good = true;
        for (size_t k = 0; k < run->pieces && good; k += WEIR_PACK) {
            struct weir_pack *pack = &plan->pack[packs++];
            good = pack_form(plan, run, run->piece + k, run->pieces - k < WEIR_PACK ? run->pieces - k : WEIR_PACK, pack);
            pack->first = bytes;
            bytes += pack->lines * line_bytes(pack);
        }
        if (good)
            run->pack = (uint32_t)packs_before;
        else {
            packs = packs_before;
            bytes = bytes_before;
            all = false;
        }
    }
    plan->pack_byte = weir_plan_room(bytes, 1);
    if (!plan->pack_byte)
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    for (size_t i = 0; i < plan->runs; i++)
        for (size_t k = 0; plan->run[i].pack != WEIR_NO_PACK && k < plan->run[i].pieces; k += WEIR_PACK)
            fill_pack(plan, &plan->run[i], plan->run[i].piece + k, &plan->pack[plan->run[i].pack + k / WEIR_PACK]);
    if (!all)
        return WEIR_OK;
    plan->packed = true;
    plan->few = WEIR_FEW_ROWS; /* measured: where a block of 64 rows takes over */
    for (size_t i = 0; i < plan->runs; i++)
        plan->few = plan->run[i].form == WEIR_FORM_MASK ? WEIR_FEW_ROWS_MASK : plan->few;
    return WEIR_OK;
}
