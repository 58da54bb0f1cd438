#include "pipeline/rows.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "store/text.h"

enum { SEND_AT = 65536 };

struct lines {
    struct weir_peer *peer;
    char *bytes;
    size_t used, room;
};

/* Room for `size` more bytes. NULL: the line is too long, or memory is out. */
static char *reserve(struct lines *lines, size_t size)
{
    if (size > WEIR_ROWS_LINE || lines->used + size > WEIR_ROWS_LINE + SEND_AT)
        return NULL;
    if (lines->used + size > lines->room) {
        size_t room = 2 * (lines->used + size);
        char *more = realloc(lines->bytes, room);
        if (!more)
            return NULL;
        lines->bytes = more;
        lines->room = room;
    }
    return lines->bytes + lines->used;
}

static bool put(struct lines *lines, const char *text)
{
    size_t size = strlen(text);
    char *at = reserve(lines, size);
    if (at)
        memcpy(at, text, size);
    lines->used += at ? size : 0;
    return at != NULL;
}

static bool put_json(struct lines *lines, const char *text, size_t length)
{
    char *at = length > WEIR_ROWS_LINE / 6 ? NULL : reserve(lines, 6 * length + 2);
    lines->used += at ? weir_text_json(text, length, at) : 0;
    return at != NULL;
}

static bool flush(struct lines *lines)
{
    bool sent = weir_peer_send(lines->peer, lines->bytes, lines->used);
    lines->used = 0;
    return sent;
}

static bool put_head(struct lines *lines, struct weir_answer *answer)
{
    static const char *const kinds[] = {
        [WEIR_CELL_TEXT] = "text", [WEIR_CELL_NUMBER] = "number", [WEIR_CELL_BOOLEAN] = "boolean", [WEIR_CELL_JSON] = "json"};
    bool good = put(lines, "{\"ok\":true,\"columns\":[");
    size_t n = weir_answer_columns(answer);
    for (size_t i = 0; good && i < n; i++)
        good = (!i || put(lines, ",")) && put_json(lines, weir_answer_name(answer, i), strlen(weir_answer_name(answer, i)));
    good = good && put(lines, "],\"types\":[");
    for (size_t i = 0; good && i < n; i++)
        good = (!i || put(lines, ",")) && put_json(lines, weir_answer_type(answer, i), strlen(weir_answer_type(answer, i)));
    good = good && put(lines, "],\"kinds\":[");
    for (size_t i = 0; good && i < n; i++)
        good = put(lines, i ? ",\"" : "\"") && put(lines, kinds[weir_answer_kind(answer, i)]) && put(lines, "\"");
    return good && put(lines, "]}\n");
}

static bool put_row(struct lines *lines, const struct weir_cell *cell, size_t columns)
{
    bool good = true;
    for (size_t i = 0; good && i < columns; i++)
        good = put(lines, i ? "," : "[") && (cell[i].text ? put_json(lines, cell[i].text, cell[i].length) : put(lines, "null"));
    return good && put(lines, "]\n");
}

void weir_rows_send(struct weir_answer *answer, struct weir_peer *peer, bool (*go_on)(void *context), void *context)
{
    struct lines lines = {.peer = peer};
    const char *problem = NULL;
    bool there = true; /* the client */
    if (!put_head(&lines, answer))
        problem = "the names of the columns are too long";
    for (const struct weir_cell *cell; there && !problem && (cell = weir_answer_next(answer));) {
        size_t before = lines.used;
        if (!put_row(&lines, cell, weir_answer_columns(answer))) {
            lines.used = before; /* only whole lines */
            problem = "a row is too long for the control socket; ask for less of it";
        } else if (!go_on(context)) {
            problem = "broken off: weir is ending";
        } else if (lines.used >= SEND_AT) {
            there = flush(&lines);
        }
    }
    if (there)
        there = flush(&lines);
    json_t *end = problem ? json_pack("{s:b,s:s}", "end", 1, "error", problem)
                          : json_pack("{s:b,s:b}", "end", 1, "cut", weir_answer_cut(answer));
    char *text = end ? json_dumps(end, JSON_COMPACT) : NULL;
    if (there && text && weir_peer_send(peer, text, strlen(text)))
        weir_peer_send(peer, "\n", 1);
    free(text);
    json_decref(end);
    free(lines.bytes);
}
