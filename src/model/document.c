#include "model/document.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

weir_err weir_document_fail(struct weir_document *doc, weir_err code, const char *format, ...)
{
    if (doc->failed)
        return doc->failed;
    char text[384];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    doc->failed = weir_fail(doc->error, code, "%s: offset %zu: %s", doc->origin, (size_t)(doc->at - doc->start), text);
    doc->at = doc->end; /* nothing more is read */
    return code;
}

weir_err weir_document_open(struct weir_document *doc, const void *bytes, size_t size, const char *origin,
                            struct weir_error *error)
{
    *doc = (struct weir_document){
        .start = bytes, .at = bytes, .end = (const uint8_t *)bytes + size, .origin = origin, .error = error};
    /* The decimal point is a point whatever the locale of the process. */
    doc->locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!doc->locale)
        return weir_document_fail(doc, WEIR_ERR_MEMORY, "out of memory");
    static const uint8_t bom[3] = {0xef, 0xbb, 0xbf};
    const uint8_t *p = doc->at;
    if (size >= 3 && !memcmp(p, bom, 3))
        p += 3;
    while (p < doc->end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
        p++;
    /* Behind a JSON object's brace stand blanks, a quote or the closing brace; behind a UBJSON one the type of a key's length. */
    bool json = p + 1 < doc->end && *p == '{' && strchr(" \t\r\n\"}", p[1]) && p[1];
    doc->binary = !json && size >= 2 && doc->start[0] == '{' && strchr("iUIlL", doc->start[1]) && doc->start[1];
    if (!json && !doc->binary)
        return weir_document_fail(doc, WEIR_ERR_FORMAT, "neither a JSON nor a UBJSON document");
    doc->at = json ? p : doc->start;
    return WEIR_OK;
}

void weir_document_close(struct weir_document *doc)
{
    if (doc->locale)
        freelocale(doc->locale);
    doc->locale = (locale_t)0;
}

/* -- bytes and blanks -- */

static bool broken(struct weir_document *doc, const char *expected)
{
    if (doc->at >= doc->end)
        weir_document_fail(doc, WEIR_ERR_FORMAT, "the document ends where %s should be", expected);
    else
        weir_document_fail(doc, WEIR_ERR_FORMAT, "found byte 0x%02x where %s should be", *doc->at, expected);
    return false;
}

static bool need(struct weir_document *doc, uint64_t bytes)
{
    if (bytes <= (uint64_t)(doc->end - doc->at))
        return true;
    weir_document_fail(doc, WEIR_ERR_FORMAT, "the document ends inside a value");
    return false;
}

/* Passes over what may stand between two tokens. */
static void blanks(struct weir_document *doc)
{
    if (doc->binary)
        while (doc->at < doc->end && *doc->at == 'N')
            doc->at++;
    else
        while (doc->at < doc->end && (*doc->at == ' ' || *doc->at == '\t' || *doc->at == '\n' || *doc->at == '\r'))
            doc->at++;
}

static bool next_is(struct weir_document *doc, char byte)
{
    blanks(doc);
    return doc->at < doc->end && *doc->at == (uint8_t)byte;
}

static bool take(struct weir_document *doc, char byte, const char *expected)
{
    if (!next_is(doc, byte))
        return broken(doc, expected);
    doc->at++;
    return true;
}

static uint8_t element_type(const struct weir_document *doc)
{
    return doc->depth ? doc->level[doc->depth - 1].type : 0;
}

/* UBJSON: the type of the next value, its marker consumed; 0 at the end. */
static uint8_t marker(struct weir_document *doc)
{
    uint8_t type = element_type(doc);
    if (type)
        return type;
    blanks(doc);
    return doc->at < doc->end ? *doc->at++ : 0;
}

enum weir_document_kind weir_document_peek(struct weir_document *doc)
{
    if (doc->failed)
        return WEIR_DOCUMENT_BROKEN;
    uint8_t type = element_type(doc);
    if (!type) {
        blanks(doc);
        if (doc->at >= doc->end)
            return WEIR_DOCUMENT_BROKEN;
        type = *doc->at;
    }
    switch (type) {
    case '{':
        return WEIR_DOCUMENT_OBJECT;
    case '[':
        return WEIR_DOCUMENT_ARRAY;
    }
    if (doc->binary)
        switch (type) {
        case 'S':
        case 'C':
            return WEIR_DOCUMENT_STRING;
        case 'T':
        case 'F':
            return WEIR_DOCUMENT_BOOLEAN;
        case 'Z':
            return WEIR_DOCUMENT_NULL;
        default:
            return memchr("iUIlLdD", type, 7) ? WEIR_DOCUMENT_NUMBER : WEIR_DOCUMENT_BROKEN;
        }
    switch (type) {
    case '"':
        return WEIR_DOCUMENT_STRING;
    case 't':
    case 'f':
        return WEIR_DOCUMENT_BOOLEAN;
    case 'n':
        return WEIR_DOCUMENT_NULL;
    default:
        return memchr("-0123456789NI", type, 13) ? WEIR_DOCUMENT_NUMBER : WEIR_DOCUMENT_BROKEN;
    }
}

/* -- numbers -- */

static double json_number(struct weir_document *doc, bool single)
{
    static const struct {
        const char *text;
        double value;
    } words[] = {{"NaN", (double)NAN}, {"Infinity", (double)INFINITY}, {"-Infinity", -(double)INFINITY}};
    size_t left = (size_t)(doc->end - doc->at);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t n = strlen(words[i].text);
        if (n <= left && !memcmp(doc->at, words[i].text, n)) {
            doc->at += n;
            return words[i].value;
        }
    }
    char text[64];
    size_t n = 0;
    while (n < left && n < sizeof text - 1 && memchr("+-.0123456789Ee", doc->at[n], 15)) {
        text[n] = (char)doc->at[n];
        n++;
    }
    text[n] = 0;
    char *end = text;
    double value = single ? (double)strtof_l(text, &end, doc->locale) : strtod_l(text, &end, doc->locale);
    if (end != text + n || !n || n == sizeof text - 1) {
        broken(doc, "a number");
        return 0;
    }
    doc->at += n;
    return value;
}

static double binary_number(struct weir_document *doc, uint8_t type)
{
    size_t width = type == 'i' || type == 'U' ? 1 : type == 'I' ? 2 : type == 'l' || type == 'd' ? 4 : 8;
    if (!need(doc, width))
        return 0;
    const uint8_t *p = doc->at;
    doc->at += width;
    switch (type) {
    case 'i':
        return (int8_t)p[0];
    case 'U':
        return p[0];
    case 'I':
        return (int16_t)weir_load_be16(p);
    case 'l':
        return (int32_t)weir_load_be32(p);
    case 'L':
        return (double)(int64_t)weir_load_be64(p);
    case 'd': {
        uint32_t bits = weir_load_be32(p);
        float value;
        memcpy(&value, &bits, sizeof value);
        return (double)value;
    }
    default: {
        uint64_t bits = weir_load_be64(p);
        double value;
        memcpy(&value, &bits, sizeof value);
        return value;
    }
    }
}

static bool json_word(struct weir_document *doc, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(doc->end - doc->at) < n || memcmp(doc->at, word, n))
        return false;
    doc->at += n;
    return true;
}

static bool boolean(struct weir_document *doc)
{
    if (doc->binary)
        return marker(doc) == 'T';
    if (json_word(doc, "true"))
        return true;
    if (!json_word(doc, "false"))
        broken(doc, "true or false");
    return false;
}

bool weir_document_number_text(struct weir_document *doc, const char *text, double *out)
{
    char *end = NULL;
    if (!strchr("+-.0123456789", *text) || !*text)
        return false;
    *out = strtod_l(text, &end, doc->locale);
    return !*end;
}

static double number(struct weir_document *doc, bool single)
{
    double value = 0;
    switch (weir_document_peek(doc)) {
    case WEIR_DOCUMENT_NUMBER:
        return doc->binary ? binary_number(doc, marker(doc)) : json_number(doc, single);
    case WEIR_DOCUMENT_BOOLEAN:
        return boolean(doc);
    case WEIR_DOCUMENT_STRING: {
        const char *text = weir_document_string(doc);
        if (text && !weir_document_number_text(doc, text, &value))
            weir_document_fail(doc, WEIR_ERR_FORMAT, "'%.40s' is no number", text);
        return doc->failed ? 0 : value;
    }
    default:
        broken(doc, "a number");
        return 0;
    }
}

double weir_document_real(struct weir_document *doc)
{
    return number(doc, false);
}

int64_t weir_document_integer(struct weir_document *doc, int64_t low, int64_t high)
{
    double value = number(doc, false);
    if (doc->failed)
        return low;
    if (!(value >= (double)low && value <= (double)high) || value != floor(value)) {
        weir_document_fail(doc, WEIR_ERR_FORMAT, "%g is no whole number from %lld to %lld", value, (long long)low,
                           (long long)high);
        return low;
    }
    return (int64_t)value;
}

/* -- strings -- */

static bool append(struct weir_document *doc, bool keep, size_t *used, uint8_t byte)
{
    if (!keep)
        return true;
    if (!byte || *used >= sizeof doc->text - 1) {
        weir_document_fail(doc, byte ? WEIR_ERR_LIMIT : WEIR_ERR_FORMAT,
                           byte ? "a string of more than %d bytes" : "a string with a zero byte", WEIR_DOCUMENT_TEXT_BYTES - 1);
        return false;
    }
    doc->text[(*used)++] = (char)byte;
    return true;
}

static bool append_code_point(struct weir_document *doc, bool keep, size_t *used, uint32_t c)
{
    if (c < 0x80)
        return append(doc, keep, used, (uint8_t)c);
    if (c < 0x800)
        return append(doc, keep, used, (uint8_t)(0xc0 | c >> 6)) && append(doc, keep, used, (uint8_t)(0x80 | (c & 63)));
    if (c < 0x10000)
        return append(doc, keep, used, (uint8_t)(0xe0 | c >> 12)) && append(doc, keep, used, (uint8_t)(0x80 | (c >> 6 & 63))) &&
               append(doc, keep, used, (uint8_t)(0x80 | (c & 63)));
    return append(doc, keep, used, (uint8_t)(0xf0 | c >> 18)) && append(doc, keep, used, (uint8_t)(0x80 | (c >> 12 & 63))) &&
           append(doc, keep, used, (uint8_t)(0x80 | (c >> 6 & 63))) && append(doc, keep, used, (uint8_t)(0x80 | (c & 63)));
}

/* The four digits behind "\u"; `at` stands on the first. */
static bool hex4(struct weir_document *doc, uint32_t *out)
{
    *out = 0;
    if (!need(doc, 4))
        return false;
    for (int i = 0; i < 4; i++) {
        uint8_t c = *doc->at;
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')))
            return broken(doc, "a hexadecimal digit");
        *out = *out << 4 | (uint32_t)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
        doc->at++;
    }
    return true;
}

static bool json_escape(struct weir_document *doc, bool keep, size_t *used)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (!need(doc, 1))
        return false;
    uint8_t c = *doc->at;
    if (c == 'u') {
        uint32_t point, low;
        doc->at++;
        if (!hex4(doc, &point))
            return false;
        if (point >= 0xd800 && point < 0xe000) {
            if (point >= 0xdc00 || !json_word(doc, "\\u") || !hex4(doc, &low) || low < 0xdc00 || low >= 0xe000)
                return broken(doc, "the second half of a surrogate pair");
            point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
        }
        return append_code_point(doc, keep, used, point);
    }
    const char *found = c ? strchr(from, c) : NULL;
    if (!found)
        return broken(doc, "an escape");
    doc->at++;
    return append(doc, keep, used, (uint8_t)to[found - from]);
}

static bool json_string(struct weir_document *doc, bool keep)
{
    size_t used = 0;
    if (!take(doc, '"', "a string"))
        return false;
    const uint8_t *start = doc->at;
    while (doc->at < doc->end && *doc->at != '"') {
        uint8_t c = *doc->at;
        if (doc->at - start > WEIR_DOCUMENT_SKIP_BYTES) {
            weir_document_fail(doc, WEIR_ERR_LIMIT, "a string of more than %d bytes", WEIR_DOCUMENT_SKIP_BYTES);
            return false;
        }
        if (c < 0x20)
            return broken(doc, "a printable character");
        if (c != '\\' && !append(doc, keep, &used, c))
            return false;
        doc->at++;
        if (c == '\\' && !json_escape(doc, keep, &used))
            return false;
    }
    doc->text[used] = 0;
    return take(doc, '"', "the end of a string");
}

/* A length or count: a marked integer that is not negative. */
static bool binary_length(struct weir_document *doc, uint64_t *out)
{
    uint8_t type = doc->at < doc->end ? *doc->at : 0;
    if (!type || !strchr("iUIlL", type))
        return broken(doc, "a length");
    doc->at++;
    double value = binary_number(doc, type);
    if (doc->failed)
        return false;
    if (value < 0) {
        weir_document_fail(doc, WEIR_ERR_FORMAT, "a length of %g", value);
        return false;
    }
    *out = (uint64_t)value; /* 2^63 at most; exact where it can matter: below 2^53 */
    return true;
}

static bool binary_string(struct weir_document *doc, bool keep, bool one_byte)
{
    uint64_t length = 1;
    if ((!one_byte && !binary_length(doc, &length)) || !need(doc, length))
        return false;
    size_t used = 0;
    for (uint64_t i = 0; keep && i < length; i++)
        if (!append(doc, keep, &used, doc->at[i]))
            return false;
    doc->text[used] = 0;
    doc->at += length;
    return true;
}

static bool string(struct weir_document *doc, bool keep)
{
    if (weir_document_peek(doc) != WEIR_DOCUMENT_STRING)
        return broken(doc, "a string");
    return doc->binary ? binary_string(doc, keep, marker(doc) == 'C') : json_string(doc, keep);
}

const char *weir_document_string(struct weir_document *doc)
{
    return string(doc, true) ? doc->text : NULL;
}

/* -- containers -- */

static bool enter(struct weir_document *doc, bool object)
{
    if (weir_document_peek(doc) != (object ? WEIR_DOCUMENT_OBJECT : WEIR_DOCUMENT_ARRAY))
        return doc->failed ? false : broken(doc, object ? "an object" : "an array");
    if (doc->depth == WEIR_DOCUMENT_DEPTH) {
        weir_document_fail(doc, WEIR_ERR_LIMIT, "more than %d levels deep", WEIR_DOCUMENT_DEPTH);
        return false;
    }
    struct weir_document_level level = {.object = object, .fresh = true};
    if (!doc->binary) {
        doc->at++;
    } else {
        marker(doc);
        if (!object && doc->at < doc->end && *doc->at == '$') {
            doc->at++;
            if (!need(doc, 1) || !memchr("iUIlLdDSC[{", *doc->at, 11))
                return broken(doc, "a type that occupies bytes");
            level.type = *doc->at++;
            if (doc->at >= doc->end || *doc->at != '#')
                return broken(doc, "the count of a typed array");
        }
        if (doc->at < doc->end && *doc->at == '#') {
            doc->at++;
            level.counted = true;
            if (!binary_length(doc, &level.left))
                return false;
        }
    }
    doc->level[doc->depth++] = level;
    return true;
}

bool weir_document_object(struct weir_document *doc)
{
    return enter(doc, true);
}

bool weir_document_array(struct weir_document *doc)
{
    return enter(doc, false);
}

/* True when the innermost container has another element. At its end the container is left. */
static bool more(struct weir_document *doc, bool object)
{
    if (doc->failed)
        return false;
    struct weir_document_level *level = &doc->level[doc->depth - 1];
    char close = object ? '}' : ']';
    if (level->counted ? !level->left : next_is(doc, close)) {
        doc->at += !level->counted;
        doc->depth--;
        return false;
    }
    if (level->counted)
        level->left--;
    if (!doc->binary && !level->fresh && !take(doc, ',', object ? "',' or '}'" : "',' or ']'"))
        return false;
    level->fresh = false;
    if (doc->at >= doc->end)
        return broken(doc, object ? "a key" : "an element");
    return true;
}

bool weir_document_item(struct weir_document *doc)
{
    return more(doc, false);
}

static bool key(struct weir_document *doc, bool keep)
{
    if (!more(doc, true))
        return false;
    if (doc->binary) {
        blanks(doc);
        return binary_string(doc, keep, false);
    }
    return json_string(doc, keep) && take(doc, ':', "':'");
}

const char *weir_document_key(struct weir_document *doc)
{
    return key(doc, true) ? doc->text : NULL;
}

void weir_document_skip(struct weir_document *doc)
{
    switch (weir_document_peek(doc)) {
    case WEIR_DOCUMENT_OBJECT:
        if (enter(doc, true))
            while (key(doc, false))
                weir_document_skip(doc);
        break;
    case WEIR_DOCUMENT_ARRAY:
        if (enter(doc, false))
            while (more(doc, false))
                weir_document_skip(doc);
        break;
    case WEIR_DOCUMENT_STRING:
        string(doc, false);
        break;
    case WEIR_DOCUMENT_NUMBER:
    case WEIR_DOCUMENT_BOOLEAN:
        number(doc, false);
        break;
    case WEIR_DOCUMENT_NULL:
        if (doc->binary)
            marker(doc);
        else if (!json_word(doc, "null"))
            broken(doc, "null");
        break;
    case WEIR_DOCUMENT_BROKEN:
        if (!doc->failed)
            broken(doc, "a value");
        break;
    }
}

weir_err weir_document_finish(struct weir_document *doc)
{
    blanks(doc);
    if (!doc->failed && doc->at < doc->end)
        broken(doc, "the end");
    return doc->failed;
}

/* -- arrays of numbers -- */

static bool grow(void **item, size_t *room, size_t count, size_t width)
{
    if (count < *room)
        return true;
    size_t wanted = *room ? *room * 2 : 64, bytes;
    if (__builtin_mul_overflow(wanted, width, &bytes))
        return false;
    void *grown = realloc(*item, bytes);
    if (!grown)
        return false;
    *item = grown;
    *room = wanted;
    return true;
}

bool weir_floats_add(struct weir_floats *list, float value)
{
    void *item = list->item;
    if (!grow(&item, &list->room, list->count, sizeof *list->item))
        return false;
    list->item = item;
    list->item[list->count++] = value;
    return true;
}

bool weir_doubles_add(struct weir_doubles *list, double value)
{
    void *item = list->item;
    if (!grow(&item, &list->room, list->count, sizeof *list->item))
        return false;
    list->item = item;
    list->item[list->count++] = value;
    return true;
}

bool weir_integers_add(struct weir_integers *list, int32_t value)
{
    void *item = list->item;
    if (!grow(&item, &list->room, list->count, sizeof *list->item))
        return false;
    list->item = item;
    list->item[list->count++] = value;
    return true;
}

void weir_floats_free(struct weir_floats *list)
{
    free(list->item);
    *list = (struct weir_floats){0};
}

void weir_doubles_free(struct weir_doubles *list)
{
    free(list->item);
    *list = (struct weir_doubles){0};
}

void weir_integers_free(struct weir_integers *list)
{
    free(list->item);
    *list = (struct weir_integers){0};
}

bool weir_document_floats(struct weir_document *doc, struct weir_floats *out)
{
    if (!weir_document_array(doc))
        return false;
    while (weir_document_item(doc)) {
        float value = (float)number(doc, true);
        if (!doc->failed && !weir_floats_add(out, value))
            weir_document_fail(doc, WEIR_ERR_MEMORY, "out of memory");
    }
    return !doc->failed;
}

bool weir_document_doubles(struct weir_document *doc, struct weir_doubles *out)
{
    if (!weir_document_array(doc))
        return false;
    while (weir_document_item(doc)) {
        double value = number(doc, false);
        if (!doc->failed && !weir_doubles_add(out, value))
            weir_document_fail(doc, WEIR_ERR_MEMORY, "out of memory");
    }
    return !doc->failed;
}

bool weir_document_integers(struct weir_document *doc, struct weir_integers *out)
{
    if (!weir_document_array(doc))
        return false;
    while (weir_document_item(doc)) {
        int32_t value = (int32_t)weir_document_integer(doc, INT32_MIN, INT32_MAX);
        if (!doc->failed && !weir_integers_add(out, value))
            weir_document_fail(doc, WEIR_ERR_MEMORY, "out of memory");
    }
    return !doc->failed;
}
