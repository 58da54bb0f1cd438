#include "capture/filter.h"

#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINKS_MAX  64
#define SNAP_BYTES 262144

struct program {
    uint16_t link;
    struct bpf_program code;
};

struct weir_filter {
    char *expression;
    size_t count;
    const struct program *selected; /* NULL: none yet */
    struct program program[LINKS_MAX];
};

weir_err weir_filter_open(const char *expression, struct weir_filter **out, struct weir_error *error)
{
    struct weir_filter *filter = calloc(1, sizeof *filter);
    *out = filter;
    if (!filter || !(filter->expression = strdup(expression))) {
        weir_filter_close(out);
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory for a capture filter");
    }
    return WEIR_OK;
}

void weir_filter_close(struct weir_filter **filter)
{
    if (!*filter)
        return;
    for (size_t i = 0; i < (*filter)->count; i++)
        pcap_freecode(&(*filter)->program[i].code);
    free((*filter)->expression);
    free(*filter);
    *filter = NULL;
}

/* A libpcap handle for a LINKTYPE_ number. pcap_open_dead(3) wants a DLT_ number instead, and libpcap keeps its table between the
 * two to itself; but it reads files, so it is given the header of an empty one. */
static pcap_t *open_handle(uint16_t link, char *reason)
{
    const struct pcap_file_header header = {
        .magic = 0xa1b2c3d4, .version_major = 2, .version_minor = 4, .snaplen = SNAP_BYTES, .linktype = link};
    FILE *file = fmemopen((void *)(uintptr_t)&header, sizeof header, "rb");
    if (!file) {
        snprintf(reason, PCAP_ERRBUF_SIZE, "out of memory");
        return NULL;
    }
    pcap_t *handle = pcap_fopen_offline(file, reason);
    if (!handle)
        fclose(file);
    return handle;
}

weir_err weir_filter_select(struct weir_filter *filter, uint16_t link, struct weir_error *error)
{
    if (filter->selected && filter->selected->link == link)
        return WEIR_OK;
    for (size_t i = 0; i < filter->count; i++) {
        if (filter->program[i].link == link) {
            filter->selected = &filter->program[i];
            return WEIR_OK;
        }
    }
    if (filter->count == LINKS_MAX)
        return weir_fail(error, WEIR_ERR_LIMIT, "more than %d link types for one capture filter", LINKS_MAX);
    char reason[PCAP_ERRBUF_SIZE] = "";
    struct program *program = &filter->program[filter->count];
    pcap_t *handle = open_handle(link, reason);
    if (!handle)
        return weir_fail(error, WEIR_ERR_LIBRARY, "filter \"%s\": libpcap: %s", filter->expression, reason);
    int failed = pcap_compile(handle, &program->code, filter->expression, 1, PCAP_NETMASK_UNKNOWN);
    if (failed)
        snprintf(reason, sizeof reason, "%s", pcap_geterr(handle));
    pcap_close(handle);
    if (failed)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "filter \"%s\": %s (link type %u; see pcap-filter(7))", filter->expression,
                         reason, link);
    program->link = link;
    filter->selected = program;
    filter->count++;
    return WEIR_OK;
}

bool weir_filter_match(const struct weir_filter *filter, const uint8_t *data, uint32_t caplen, uint32_t wirelen)
{
    return bpf_filter(filter->selected->code.bf_insns, data, wirelen, caplen) != 0;
}
