#include "capture/block.h"

#include <stdlib.h>

/* A record is rarely shorter than 64 bytes with its header. Where many are, the index fills up before the block does, and the
 * rest moves to the next block. */
#define BYTES_PER_RECORD 64

struct weir_block *weir_block_create(uint32_t bytes, unsigned lanes)
{
    struct weir_block *block = calloc(1, sizeof *block);
    if (!block)
        return NULL;
    block->bytes_size = bytes;
    block->record_max = bytes / BYTES_PER_RECORD + 1;
    block->bytes = malloc(bytes);
    block->record = malloc(block->record_max * sizeof *block->record);
    block->first = malloc(2 * lanes * sizeof *block->first);
    if (!block->bytes || !block->record || !block->first)
        weir_block_free(&block);
    else
        block->last = block->first + lanes;
    return block;
}

void weir_block_free(struct weir_block **block)
{
    if (!*block)
        return;
    free((*block)->bytes);
    free((*block)->record);
    free((*block)->first);
    free(*block);
    *block = NULL;
}
