#include "queue/url.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *scheme;
    enum weir_url_kind kind;
} schemes[] = {
    {"zmq+ipc://", WEIR_URL_ZMQ_IPC},
    {"zmq+tcp://", WEIR_URL_ZMQ_TCP},
    {"redis://", WEIR_URL_REDIS_TCP},
    {"redis+unix://", WEIR_URL_REDIS_UNIX},
};

/* What stands before the last '@' is shown to nobody. */
static const char *behind_credentials(const char *rest)
{
    const char *at = strrchr(rest, '@');
    return at ? at + 1 : rest;
}

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* %40 and the like become what they stand for. False: too long, or no such code. */
static bool decode(const char *from, size_t length, char *out, size_t room)
{
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        int c = (unsigned char)from[i];
        if (c == '%') {
            int high = i + 2 < length ? hex(from[i + 1]) : -1, low = i + 2 < length ? hex(from[i + 2]) : -1;
            if (high < 0 || low < 0 || !(high | low))
                return false;
            c = high << 4 | low;
            i += 2;
        }
        if (used + 1 >= room)
            return false;
        out[used++] = (char)c;
    }
    out[used] = 0;
    return true;
}

static bool copy(const char *from, size_t length, char *out, size_t room)
{
    if (!length || length >= room)
        return false;
    memcpy(out, from, length);
    out[length] = 0;
    return true;
}

static weir_err parse_host(const char *rest, unsigned usual_port, struct weir_url *out, struct weir_error *error)
{
    const char *end, *port;
    bool good;
    if (*rest == '[') {
        end = strchr(rest, ']');
        good = end && copy(rest + 1, (size_t)(end - rest - 1), out->host, sizeof out->host) && (!end[1] || end[1] == ':');
        port = good && end[1] ? end + 2 : NULL;
    } else {
        end = strchr(rest, ':');
        good =
            copy(rest, end ? (size_t)(end - rest) : strlen(rest), out->host, sizeof out->host) && (!end || !strchr(end + 1, ':'));
        port = end ? end + 1 : NULL;
    }
    for (const char *c = out->host; good && *c; c++)
        good = isalnum((unsigned char)*c) || strchr("-._:*%", *c);
    if (!good)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "%s: give HOST:PORT, an IPv6 address in brackets", out->text);
    char *behind = NULL;
    unsigned long number = port ? strtoul(port, &behind, 10) : usual_port;
    if ((port && (!isdigit((unsigned char)*port) || *behind)) || number < 1 || number > 65534)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "%s: give a port from 1 to 65534 behind the host", out->text);
    out->port = (unsigned)number;
    out->local = !strcmp(out->host, "localhost") || !strcmp(out->host, "::1") ||
                 (!strncmp(out->host, "127.", 4) && strspn(out->host, "0123456789.") == strlen(out->host));
    return WEIR_OK;
}

weir_err weir_url_parse(const char *text, struct weir_url *out, struct weir_error *error)
{
    const char *rest = NULL;
    *out = (struct weir_url){0};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes && !rest; i++)
        if (!strncmp(text, schemes[i].scheme, strlen(schemes[i].scheme))) {
            out->kind = schemes[i].kind;
            rest = text + strlen(schemes[i].scheme);
        }
    if (!rest)
        return weir_fail(error, WEIR_ERR_UNSUPPORTED,
                         "%.200s: not a queue between processes; give zmq+ipc://PATH, zmq+tcp://HOST:PORT, "
                         "redis://[USER:PASSWORD@]HOST[:PORT] or redis+unix://PATH",
                         behind_credentials(text));
    const char *place = weir_url_is_redis(out) ? behind_credentials(rest) : rest;
    snprintf(out->text, sizeof out->text, "%.*s%.400s", (int)(rest - text), text, place);
    if (strlen(place) > 400)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "%.80s...: too long an address", out->text);
    if (place > rest) {
        const char *colon = memchr(rest, ':', (size_t)(place - rest));
        if (!colon || !decode(rest, (size_t)(colon - rest), out->user, sizeof out->user) ||
            !decode(colon + 1, (size_t)(place - 1 - (colon + 1)), out->password, sizeof out->password) || !*out->password)
            return weir_fail(error, WEIR_ERR_ARGUMENT,
                             "%s: before the @ give USER:PASSWORD or :PASSWORD, special characters as %%40 and the like",
                             out->text);
    }
    if (out->kind == WEIR_URL_ZMQ_IPC || out->kind == WEIR_URL_REDIS_UNIX) {
        out->local = true;
        /* ".marks" must fit behind it, too */
        if (strlen(place) + sizeof ".marks" > sizeof out->path || !copy(place, strlen(place), out->path, sizeof out->path))
            return weir_fail(error, WEIR_ERR_ARGUMENT, "%s: give a path of 1 to %zu bytes", out->text,
                             sizeof out->path - sizeof ".marks");
        return WEIR_OK;
    }
    return parse_host(place, out->kind == WEIR_URL_REDIS_TCP ? 6379 : 0, out, error);
}

weir_err weir_url_check_keyed(const struct weir_url *url, bool keyed, struct weir_error *error)
{
    if (keyed || url->local || weir_url_is_redis(url))
        return WEIR_OK;
    return weir_fail(error, WEIR_ERR_ARGUMENT,
                     "%s: over a network weir talks with keys only: `weir keygen NAME` on each machine, then --key NAME.key "
                     "and the others' public keys with --peers",
                     url->text);
}
