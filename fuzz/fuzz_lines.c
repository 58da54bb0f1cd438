/* Lines of flow records: the first byte chooses what is told beforehand, the first line begins, the others are rows. What is
 * taken for a row has an identity and values that hold. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "batch/lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct weir_layout *layout;

static void make_layout(void)
{
    static const char *const names[] = {"dur", "proto", "state", "dir", "sport", "sipid", "stime", "spkts", "sload"};
    static const char *const map[] = {"spkts=packets"};
    uint16_t column[sizeof names / sizeof *names];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        column[i] = (uint16_t)weir_view_column(weir_view_find("argus"), names[i]);
    const struct weir_layout_config config = {.view = weir_view_find("argus"),
                                              .columns = column,
                                              .column_count = sizeof names / sizeof *names,
                                              .map = map,
                                              .map_count = 1};
    if (weir_layout_create(&config, &layout, NULL) != WEIR_OK)
        abort();
}

static void check(const struct weir_identity *identity, const float *row)
{
    if ((identity->ip_version != 4 && identity->ip_version != 6) || identity->ltime_ns < identity->stime_ns ||
        identity->reason != WEIR_REASON_INGESTED || identity->ports > 1)
        abort();
    for (size_t i = 0; i < 9; i++)
        if (isinf(row[i]))
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const columns[] = {"stime", "saddr", "daddr", "dur",     "proto", "state",
                                          "dir",   "sport", "sipid", "packets", "sload", NULL};
    if (!layout)
        make_layout();
    if (!size)
        return 0;
    struct weir_lines_config config = {.layout = layout,
                                       .format = (enum weir_lines_format)(data[0] % 3),
                                       .columns = data[0] & 8 ? columns : NULL,
                                       .from = "lines"};
    struct weir_error error = {0};
    struct weir_lines *lines;
    struct weir_lines_room *room = NULL;
    const char *at = (const char *)data + 1, *end = (const char *)data + size, *stop = memchr(at, '\n', (size_t)(end - at));
    bool title;
    if (weir_lines_begin(&config, at, (size_t)((stop ? stop : end) - at), &lines, &title, &error) != WEIR_OK) {
        if (!error.text[0] || lines)
            abort();
        return 0;
    }
    if (weir_lines_room_create(layout, &room) != WEIR_OK)
        abort();
    for (; at < end; at = stop ? stop + 1 : end) {
        stop = memchr(at, '\n', (size_t)(end - at));
        size_t length = (size_t)((stop ? stop : end) - at);
        char *line = malloc(length + !length); /* of its own, so that a read or write beside it is seen */
        struct weir_identity identity;
        enum weir_fault fault = WEIR_FAULT_COUNT;
        float row[9];
        if (!line)
            abort();
        memcpy(line, at, length);
        switch (weir_lines_row(lines, room, line, length, &identity, row, &fault)) {
        case WEIR_LINE_ROW:
            check(&identity, row);
            break;
        case WEIR_LINE_FAULT:
            if ((unsigned)fault >= WEIR_FAULT_COUNT)
                abort();
            break;
        case WEIR_LINE_BLANK:
            break;
        }
        free(line);
    }
    weir_lines_room_destroy(&room);
    weir_lines_end(&lines);
    return 0;
}
