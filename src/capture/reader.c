#include "capture/reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "capture/pcap.h"
#include "capture/pcapng.h"
#include "capture/stream.h"

/* A header and a first interface description are found well within this. */
#define PROBE_BYTES (64 * 1024)

/* Bytes read before they are parsed: what read(2) has just written is still in the core's cache then. */
#define READ_BYTES (256 * 1024)

/* A lane that waits for a pipe looks up now and then: its timers move on, and a wish to stop is heard. */
#define WAIT_MS 100

enum format { FORMAT_UNKNOWN, FORMAT_PCAP, FORMAT_PCAPNG };

struct weir_reader {
    const char *const *file;
    size_t file_count, file_at;
    struct weir_stream *stream; /* of file[file_at], or NULL */
    uint64_t finished_bytes;    /* stored bytes of the files before */
    uint64_t offset;            /* in the unpacked file, of the next byte to be parsed */
    uint64_t packets;           /* of this file */
    enum format format;
    bool nanosecond;
    uint32_t block_bytes;
    uint32_t carry_bytes; /* unparsed bytes that came with the block before */
    uint8_t *carry;
    struct weir_pcap pcap;
    struct weir_pcapng pcapng;
};

/* "tx.pcap: offset 8842: <why>; 17 packets before it were read" */
static weir_err tell_damage(const struct weir_reader *reader, const struct weir_error *why, struct weir_error *error)
{
    bool unpacked = reader->stream && weir_stream_compressed(reader->stream);
    char before[64] = "";
    if (reader->packets)
        snprintf(before, sizeof before, "; %" PRIu64 " packet%s before it %s read", reader->packets,
                 reader->packets == 1 ? "" : "s", reader->packets == 1 ? "was" : "were");
    const char *path = reader->file[reader->file_at];
    return weir_fail(error, why->code, "%s: offset %" PRIu64 "%s: %s%s", strcmp(path, "-") ? path : "standard input",
                     reader->offset, unpacked ? " of the unpacked data" : "", why->text, before);
}

/* Forgets the file before; the format is found from the first bytes. */
static void start_file(struct weir_reader *reader)
{
    reader->offset = reader->packets = 0;
    reader->format = FORMAT_UNKNOWN;
    weir_pcap_init(&reader->pcap, reader->block_bytes);
    weir_pcapng_init(&reader->pcapng, reader->block_bytes);
}

static weir_err find_format(struct weir_reader *reader, const uint8_t *data, size_t len, struct weir_error *why)
{
    if (len < 4)
        return WEIR_OK;
    if (weir_pcap_recognise(data))
        reader->format = FORMAT_PCAP;
    else if (weir_pcapng_recognise(data))
        reader->format = FORMAT_PCAPNG;
    else
        return weir_fail(why, WEIR_ERR_FORMAT, "no capture file: starts with %02x %02x %02x %02x; weir reads pcap and pcapng",
                         data[0], data[1], data[2], data[3]);
    return WEIR_OK;
}

static weir_err parse(struct weir_reader *reader, struct weir_parse *piece, struct weir_error *why)
{
    weir_err result = WEIR_OK;
    piece->count = piece->used = 0;
    if (reader->format == FORMAT_UNKNOWN)
        result = find_format(reader, piece->data, piece->len, why);
    if (reader->format == FORMAT_PCAP)
        result = weir_pcap_parse(&reader->pcap, piece, why);
    else if (reader->format == FORMAT_PCAPNG)
        result = weir_pcapng_parse(&reader->pcapng, piece, why);
    reader->offset += piece->used;
    reader->packets += piece->count;
    reader->nanosecond |= reader->pcap.nanosecond || reader->pcapng.nanosecond;
    return result;
}

/* Whether a file may end here, with `rest` bytes not understood. */
static weir_err check_end(const struct weir_reader *reader, size_t rest, struct weir_error *why)
{
    bool ready = reader->format == FORMAT_PCAP ? reader->pcap.ready : reader->format == FORMAT_PCAPNG && reader->pcapng.ready;
    if (!ready && !rest && !reader->offset)
        return weir_fail(why, WEIR_ERR_FORMAT, "an empty file, no capture");
    if (!ready)
        return weir_fail(why, WEIR_ERR_FORMAT, "cut short in the file header; no packet can be read");
    if (rest || !weir_pcapng_between_blocks(&reader->pcapng))
        return weir_fail(why, WEIR_ERR_FORMAT, "cut short inside a record");
    return WEIR_OK;
}

/* Reads the head of a regular file and gathers facts. Damage behind the header is left to be found when its turn comes. */
static weir_err probe(struct weir_reader *reader, struct weir_reader_facts *facts, struct weir_error *error)
{
    struct weir_error why;
    uint8_t *buffer = reader->carry;
    size_t room = reader->block_bytes < PROBE_BYTES ? reader->block_bytes : PROBE_BYTES, len = 0;
    enum weir_stream_state state = WEIR_STREAM_DATA;
    weir_err result = WEIR_OK;
    start_file(reader);
    while (!result && len < room && state == WEIR_STREAM_DATA) {
        size_t got;
        result = weir_stream_read(reader->stream, buffer + len, room - len, 0, &got, &state, &why);
        len += got;
    }
    struct weir_record record;
    struct weir_parse piece = {.data = buffer, .len = len, .record = &record, .max = 1};
    weir_err parsed = parse(reader, &piece, &why);
    if (!reader->pcap.ready && !reader->pcapng.ready) {
        if (!result && !parsed)
            check_end(reader, len - piece.used, &why);
        return tell_damage(reader, &why, error);
    }
    if (!facts->link_known && (reader->pcap.ready || reader->pcapng.interface_count)) {
        facts->link_known = true;
        facts->link = piece.count ? record.link : reader->pcap.ready ? reader->pcap.link : reader->pcapng.interface[0].link;
    }
    return WEIR_OK;
}

/* Checks every file that is there to be checked without using it up. */
static weir_err probe_all(struct weir_reader *reader, struct weir_reader_facts *facts, struct weir_error *error)
{
    bool sizes_known = true;
    weir_err result = WEIR_OK;
    for (reader->file_at = 0; !result && reader->file_at < reader->file_count; reader->file_at++) {
        const char *path = reader->file[reader->file_at];
        struct stat info;
        if (!strcmp(path, "-") || (stat(path, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode))) {
            sizes_known = false;
            continue;
        }
        uint64_t size = 0;
        result = weir_stream_open(path, &reader->stream, &size, error);
        if (!result)
            result = probe(reader, facts, error);
        weir_stream_close(&reader->stream);
        facts->total_bytes += size;
    }
    reader->file_at = 0;
    facts->nanosecond = reader->nanosecond;
    if (!sizes_known)
        facts->total_bytes = 0;
    return result;
}

weir_err weir_reader_open(const char *const *file, size_t count, uint32_t block_bytes, struct weir_reader **out,
                          struct weir_reader_facts *facts, struct weir_error *error)
{
    *facts = (struct weir_reader_facts){0};
    struct weir_reader *reader = calloc(1, sizeof *reader);
    *out = reader;
    if (!reader || !(reader->carry = malloc(block_bytes))) {
        weir_reader_close(out);
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory for reading captures");
    }
    reader->file = file;
    reader->file_count = count;
    reader->block_bytes = block_bytes;
    weir_err result = probe_all(reader, facts, error);
    if (result)
        weir_reader_close(out);
    else
        start_file(reader);
    return result;
}

void weir_reader_close(struct weir_reader **reader)
{
    if (!*reader)
        return;
    weir_stream_close(&(*reader)->stream);
    free((*reader)->carry);
    free(*reader);
    *reader = NULL;
}

uint64_t weir_reader_position(const struct weir_reader *reader)
{
    return reader->finished_bytes + (reader->stream ? weir_stream_position(reader->stream) : 0);
}

bool weir_reader_nanosecond(const struct weir_reader *reader)
{
    return reader->nanosecond;
}

static void finish_file(struct weir_reader *reader)
{
    reader->finished_bytes += weir_stream_position(reader->stream);
    weir_stream_close(&reader->stream);
    reader->file_at++;
    start_file(reader);
}

weir_err weir_reader_fill(struct weir_reader *reader, struct weir_block *block, enum weir_reader_state *state,
                          struct weir_error *error)
{
    struct weir_error why;
    weir_err result = WEIR_OK, broken = WEIR_OK;
    size_t at = 0, len = reader->carry_bytes;
    memcpy(block->bytes, reader->carry, len);
    block->count = 0;
    reader->carry_bytes = 0;
    enum weir_stream_state input = WEIR_STREAM_DATA;
    *state = WEIR_READER_BLOCK;
    while (reader->file_at < reader->file_count) {
        if (!reader->stream) {
            uint64_t size;
            if ((result = weir_stream_open(reader->file[reader->file_at], &reader->stream, &size, error)))
                return result;
        }
        struct weir_parse piece = {.data = block->bytes + at,
                                   .len = len - at,
                                   .base = (uint32_t)at,
                                   .record = block->record + block->count,
                                   .max = block->record_max - block->count};
        result = parse(reader, &piece, &why);
        at += piece.used;
        block->count += (uint32_t)piece.count;
        if (result)
            return tell_damage(reader, &why, error);
        if (block->count == block->record_max)
            break;
        if (broken)
            return tell_damage(reader, &why, error);
        if (input == WEIR_STREAM_END) {
            if (check_end(reader, len - at, &why))
                return tell_damage(reader, &why, error);
            finish_file(reader);
            input = WEIR_STREAM_DATA;
            continue;
        }
        if (len == block->bytes_size)
            break;
        size_t room = block->bytes_size - len, got;
        broken = weir_stream_read(reader->stream, block->bytes + len, room < READ_BYTES ? room : READ_BYTES,
                                  block->count ? 0 : WAIT_MS, &got, &input, &why);
        len += got;
        if (!broken && input == WEIR_STREAM_WAIT) {
            *state = block->count ? WEIR_READER_BLOCK : WEIR_READER_WAIT;
            break;
        }
    }
    if (reader->file_at == reader->file_count)
        *state = WEIR_READER_END;
    reader->carry_bytes = (uint32_t)(len - at);
    memcpy(reader->carry, block->bytes + at, len - at);
    return WEIR_OK;
}
