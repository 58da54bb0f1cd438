#include "data/cells.h"

#include <stdint.h>
#include <string.h>

enum { DEPTH_MAX = 32 };

/* A cell in quotes: *at is behind the first; afterwards at the delimiter or the end. */
static bool take_quoted(char **at, char *end, char delimiter, struct weir_span *out)
{
    char *c = *at, *to = *at;
    out->text = *at;
    for (;;) {
        char *quote = memchr(c, '"', (size_t)(end - c));
        if (!quote)
            return false;
        if (to != c)
            memmove(to, c, (size_t)(quote - c));
        to += quote - c;
        c = quote + 1;
        if (c == end || *c != '"')
            break;
        *to++ = '"';
        c++;
    }
    while (c < end && *c != delimiter) /* what follows a closing quote belongs to the cell, as elsewhere */
        *to++ = *c++;
    out->length = (size_t)(to - out->text);
    *at = c;
    return true;
}

/* A line without quotes: eight bytes at a time, as most lines are. */
static long split_plain(const char *line, size_t length, char delimiter, struct weir_span *cell, size_t room)
{
    const uint64_t low = 0x7f7f7f7f7f7f7f7fu, wanted = (uint64_t)(unsigned char)delimiter * 0x0101010101010101u;
    const char *start = line, *end = line + length;
    long n = 0;
    for (size_t at = 0; at < length; at += 8) {
        uint64_t word = ~wanted; /* no delimiter */
        if (length - at >= 8)
            memcpy(&word, line + at, 8);
        else
            memcpy(&word, line + at, length - at);
        word ^= wanted;
        /* the top bit of each byte that is zero now */
        for (uint64_t found = ~(((word & low) + low) | word | low); found; found &= found - 1) {
            const char *stop = line + at + (unsigned)__builtin_ctzll(found) / 8;
            if ((size_t)n < room)
                cell[n] = (struct weir_span){start, (size_t)(stop - start)};
            n++;
            start = stop + 1;
        }
    }
    if ((size_t)n < room)
        cell[n] = (struct weir_span){start, (size_t)(end - start)};
    return n + 1;
}

long weir_cells_split(char *line, size_t length, char delimiter, struct weir_span *cell, size_t room)
{
    if (!memchr(line, '"', length))
        return split_plain(line, length, delimiter, cell, room);
    char *at = line, *end = line + length;
    for (long n = 0;; n++) {
        struct weir_span found;
        if (at < end && *at == '"') {
            at++;
            if (!take_quoted(&at, end, delimiter, &found))
                return -1;
        } else {
            found.text = at;
            while (at < end && *at != delimiter)
                at++;
            found.length = (size_t)(at - found.text);
        }
        if ((size_t)n < room)
            cell[n] = found;
        if (at == end)
            return n + 1;
        at++;
    }
}

/* --- JSON --- */

struct scan {
    char *at, *end;
};

static void skip_blanks(struct scan *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' || *s->at == '\r' || *s->at == '\n'))
        s->at++;
}

static bool take(struct scan *s, char c)
{
    bool there = s->at < s->end && *s->at == c;
    s->at += there;
    return there;
}

static bool take_hex(struct scan *s, uint32_t *out)
{
    *out = 0;
    for (int i = 0; i < 4; i++, s->at++) {
        if (s->at == s->end)
            return false;
        char c = *s->at;
        int digit = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
        if (digit < 0)
            return false;
        *out = *out << 4 | (uint32_t)digit;
    }
    return true;
}

static char *put_utf8(char *to, uint32_t code)
{
    if (code < 0x80) {
        *to++ = (char)code;
    } else if (code < 0x800) {
        *to++ = (char)(0xc0 | code >> 6);
        *to++ = (char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *to++ = (char)(0xe0 | code >> 12);
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    } else {
        *to++ = (char)(0xf0 | code >> 18);
        *to++ = (char)(0x80 | (code >> 12 & 0x3f));
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    }
    return to;
}

/* \uXXXX, *at behind the u; a lone half of a pair becomes U+FFFD. Six bytes of text become at most three, twelve four. */
static bool take_unicode(struct scan *s, char **to)
{
    uint32_t code, low;
    if (!take_hex(s, &code))
        return false;
    if (code >= 0xd800 && code < 0xdc00 && s->end - s->at >= 6 && s->at[0] == '\\' && s->at[1] == 'u') {
        struct scan after = {s->at + 2, s->end};
        if (take_hex(&after, &low) && low >= 0xdc00 && low < 0xe000) {
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
            s->at = after.at;
        }
    }
    *to = put_utf8(*to, code >= 0xd800 && code < 0xe000 ? 0xfffd : code);
    return true;
}

/* A string, *at behind its first quote. */
static bool take_string(struct scan *s, struct weir_span *out)
{
    out->text = s->at;
    while (s->at < s->end && *s->at != '"' && *s->at != '\\' && (unsigned char)*s->at >= 0x20)
        s->at++;
    char *to = s->at;
    while (s->at < s->end && *s->at != '"') {
        char c = *s->at++;
        if ((unsigned char)c < 0x20)
            return false;
        if (c != '\\') {
            *to++ = c;
            continue;
        }
        if (s->at == s->end)
            return false;
        static const char from[] = "\"\\/bfnrt", for_it[] = "\"\\/\b\f\n\r\t";
        const char *known = *s->at ? strchr(from, *s->at) : NULL;
        bool unicode = *s->at++ == 'u';
        if (known)
            *to++ = for_it[known - from];
        else if (!unicode || !take_unicode(s, &to))
            return false;
    }
    out->length = (size_t)(to - out->text);
    return take(s, '"');
}

static bool is_number(const char *c, const char *end)
{
    c += c < end && *c == '-';
    const char *whole = c;
    while (c < end && *c >= '0' && *c <= '9')
        c++;
    if (c == whole || (*whole == '0' && c > whole + 1))
        return false;
    if (c < end && *c == '.') {
        const char *decimals = ++c;
        while (c < end && *c >= '0' && *c <= '9')
            c++;
        if (c == decimals)
            return false;
    }
    if (c < end && (*c | 32) == 'e') {
        c++;
        c += c < end && (*c == '+' || *c == '-');
        const char *exponent = c;
        while (c < end && *c >= '0' && *c <= '9')
            c++;
        if (c == exponent)
            return false;
    }
    return c == end;
}

/* A number or a word. */
static bool take_word(struct scan *s, struct weir_span *out)
{
    out->text = s->at;
    while (s->at < s->end && !strchr(",]} \t\r\n", *s->at)) /* a zero byte ends it, and is none of the words */
        s->at++;
    out->length = (size_t)(s->at - out->text);
    if (is_number(out->text, s->at))
        return true;
    if (out->length == 4 && !memcmp(out->text, "null", 4)) {
        *out = (struct weir_span){NULL, 0};
        return true;
    }
    return (out->length == 4 && !memcmp(out->text, "true", 4)) || (out->length == 5 && !memcmp(out->text, "false", 5));
}

/* Behind an opening bracket: to its closing one. Texts in it are looked over, not unpacked. */
static bool skip_nested(struct scan *s)
{
    char open[DEPTH_MAX];
    int depth = 0;
    open[depth++] = s->at[-1];
    while (depth) {
        if (s->at == s->end)
            return false;
        char c = *s->at++;
        struct weir_span ignored;
        if (c == '"') {
            if (!take_string(s, &ignored))
                return false;
        } else if (c == '{' || c == '[') {
            if (depth == DEPTH_MAX)
                return false;
            open[depth++] = c;
        } else if (c == '}' || c == ']') {
            if (open[--depth] != (c == '}' ? '{' : '['))
                return false;
        }
    }
    return true;
}

static bool take_value(struct scan *s, struct weir_span *out)
{
    skip_blanks(s);
    if (take(s, '"'))
        return take_string(s, out);
    if (take(s, '{') || take(s, '[')) {
        *out = (struct weir_span){NULL, 0};
        return skip_nested(s);
    }
    return take_word(s, out);
}

bool weir_cells_object(char *line, size_t length, weir_cells_member *member, void *context)
{
    struct scan s = {line, line + length};
    skip_blanks(&s);
    if (!take(&s, '{'))
        return false;
    skip_blanks(&s);
    if (!take(&s, '}'))
        for (;;) {
            struct weir_span name, value;
            skip_blanks(&s);
            if (!take(&s, '"') || !take_string(&s, &name))
                return false;
            skip_blanks(&s);
            if (!take(&s, ':') || !take_value(&s, &value) || !member(context, name, value))
                return false;
            skip_blanks(&s);
            if (take(&s, '}'))
                break;
            if (!take(&s, ','))
                return false;
        }
    skip_blanks(&s);
    return s.at == s.end;
}
