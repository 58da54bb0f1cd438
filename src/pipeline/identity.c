#include "pipeline/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

enum { FILE_BYTES = 4096, PLACE_BYTES = 128, HEX_BYTES = 33 };

struct weir_identity_state {
    char *folder;
    int lock;
    char sensor[HEX_BYTES];
    uint64_t boot, told; /* told: up to this boot nothing is left to tell */
    char place[PLACE_BYTES];
};

/* What the file `identity` says. */
struct written {
    char sensor[HEX_BYTES], place[PLACE_BYTES], state[16];
    uint64_t boot, told;
};

static weir_err path_of(const struct weir_identity_state *identity, const char *name, char path[static PATH_MAX],
                        struct weir_error *error)
{
    if (snprintf(path, PATH_MAX, "%s/%s", identity->folder, name) >= PATH_MAX)
        return weir_fail(error, WEIR_ERR_LIMIT, "%s: the name is too long", identity->folder);
    return WEIR_OK;
}

static bool hex_parse(const char *text, uint8_t out[static 16])
{
    for (size_t i = 0; i < 16; i++) {
        unsigned byte;
        if (strspn(text + 2 * i, "0123456789abcdef") < 2 || sscanf(text + 2 * i, "%2x", &byte) != 1)
            return false;
        out[i] = (uint8_t)byte;
    }
    return !text[32];
}

static weir_err make_id(uint8_t id[static 16], struct weir_error *error)
{
    if (getrandom(id, 16, 0) != 16)
        return weir_fail(error, WEIR_ERR_IO, "the system gives no random numbers for the sensor's id");
    return WEIR_OK;
}

/* Takes the lock, and finds what tells this folder from a copy of it. */
static weir_err lock_folder(struct weir_identity_state *identity, int64_t *last_alive, struct weir_error *error)
{
    char path[PATH_MAX], machine[HEX_BYTES] = "-";
    struct statx info;
    if (mkdir(identity->folder, 0700) && errno != EEXIST)
        return weir_file_fail(error, identity->folder, "make this folder for the sensor's state");
    weir_err code = path_of(identity, "lock", path, error);
    if (code != WEIR_OK)
        return code;
    identity->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (identity->lock < 0)
        return weir_file_fail(error, path, "open it");
    if (flock(identity->lock, LOCK_EX | LOCK_NB)) {
        if (errno == EWOULDBLOCK)
            return weir_fail(error, WEIR_ERR_BUSY, "%s: another sensor uses this state folder; give each its own with --state",
                             identity->folder);
        return weir_file_fail(error, path, "lock it");
    }
    if (statx(identity->lock, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME | STATX_MTIME, &info))
        return weir_file_fail(error, path, "look at it");
    FILE *file = fopen("/etc/machine-id", "re");
    if (file) {
        if (fscanf(file, "%32[0-9a-f]", machine) != 1)
            strcpy(machine, "-");
        fclose(file);
    }
    snprintf(identity->place, sizeof identity->place, "%s %llu %lld.%09u", machine, (unsigned long long)info.stx_ino,
             info.stx_mask & STATX_BTIME ? (long long)info.stx_btime.tv_sec : 0,
             info.stx_mask & STATX_BTIME ? info.stx_btime.tv_nsec : 0);
    *last_alive = info.stx_mtime.tv_sec * 1000000000 + info.stx_mtime.tv_nsec;
    return WEIR_OK;
}

static weir_err read_file(const struct weir_identity_state *identity, struct written *out, struct weir_error *error)
{
    char path[PATH_MAX];
    uint8_t *bytes;
    size_t size;
    int end = 0;
    weir_err code = path_of(identity, "identity", path, error);
    if (code == WEIR_OK)
        code = weir_file_read(path, FILE_BYTES, &bytes, &size, error);
    if (code != WEIR_OK)
        return code;
    char text[FILE_BYTES + 1];
    memcpy(text, bytes, size);
    text[size] = 0;
    free(bytes);
    uint8_t id[16];
    if (sscanf(text,
               "weir identity 1\nsensor %32[0-9a-f]\nboot %" SCNu64 "\ntold %" SCNu64 "\nplace %127[^\n]\nstate %15[a-z]\n%n",
               out->sensor, &out->boot, &out->told, out->place, out->state, &end) != 5 ||
        (size_t)end != size || !hex_parse(out->sensor, id) || out->boot == UINT64_MAX || out->told > out->boot ||
        (strcmp(out->state, "running") != 0 && strcmp(out->state, "ended") != 0))
        return weir_fail(error, WEIR_ERR_FORMAT,
                         "%s: not the identity of a sensor; remove it, and the sensor gets a new id (its outbox is set aside)",
                         path);
    return WEIR_OK;
}

static weir_err write_file(const struct weir_identity_state *identity, const char *state, struct weir_error *error)
{
    char path[PATH_MAX], text[FILE_BYTES];
    weir_err code = path_of(identity, "identity", path, error);
    if (code != WEIR_OK)
        return code;
    int size = snprintf(text, sizeof text, "weir identity 1\nsensor %s\nboot %" PRIu64 "\ntold %" PRIu64 "\nplace %s\nstate %s\n",
                        identity->sensor, identity->boot, identity->told, identity->place, state);
    if ((code = weir_file_write(path, text, (size_t)size, error)) != WEIR_OK)
        return code;
    int folder = open(identity->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* the name must be there after a power cut, too */
    if (folder < 0 || fsync(folder))
        code = weir_file_fail(error, identity->folder, "write it");
    if (folder >= 0)
        close(folder);
    return code;
}

/* The outbox that came with a copy. */
static weir_err set_aside(const struct weir_identity_state *identity, const char *owner, struct weir_who *who,
                          struct weir_error *error)
{
    char from[PATH_MAX], to[PATH_MAX];
    struct stat info;
    weir_err code = path_of(identity, "outbox", from, error);
    if (code != WEIR_OK || stat(from, &info) || !info.st_size)
        return code;
    snprintf(who->set_aside, sizeof who->set_aside, "outbox.%s", owner);
    if ((code = path_of(identity, who->set_aside, to, error)) == WEIR_OK && rename(from, to))
        code = weir_file_fail(error, from, "set it aside");
    return code;
}

static weir_err become(struct weir_identity_state *identity, struct weir_who *who, struct weir_error *error)
{
    int64_t last_alive = 0;
    struct written written = {0};
    struct weir_error missing = {0};
    weir_err code = lock_folder(identity, &last_alive, error);
    if (code != WEIR_OK)
        return code;
    code = read_file(identity, &written, &missing);
    if (code != WEIR_OK && code != WEIR_ERR_NOT_FOUND) {
        weir_fail(error, code, "%s", missing.text);
        return code;
    }
    who->fresh = code != WEIR_OK || strcmp(written.place, identity->place) != 0;
    if (who->fresh) {
        if ((code = set_aside(identity, written.sensor[0] ? written.sensor : "unknown", who, error)) != WEIR_OK ||
            (code = make_id(who->sensor, error)) != WEIR_OK)
            return code;
        who->boot = 1;
    } else {
        hex_parse(written.sensor, who->sensor);
        who->boot = written.boot + 1;
        who->killed = !strcmp(written.state, "running");
        identity->told = who->killed ? written.told : written.boot;
        who->last_alive = last_alive;
    }
    for (size_t i = 0; i < 16; i++)
        snprintf(identity->sensor + 2 * i, 3, "%02x", who->sensor[i]);
    identity->boot = who->boot;
    who->untold = identity->told + 1;
    weir_identity_alive(identity);
    return write_file(identity, "running", error);
}

weir_err weir_identity_open(const char *folder, struct weir_identity_state **out, struct weir_who *who, struct weir_error *error)
{
    *out = NULL;
    *who = (struct weir_who){.boot = 1, .untold = 1, .fresh = true};
    struct weir_identity_state *identity = calloc(1, sizeof *identity);
    if (!identity)
        return weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    identity->lock = -1;
    weir_err code = WEIR_OK;
    if (!folder)
        code = make_id(who->sensor, error);
    else if (!(identity->folder = strdup(folder)))
        code = weir_fail(error, WEIR_ERR_MEMORY, "out of memory");
    else
        code = become(identity, who, error);
    if (code != WEIR_OK)
        weir_identity_close(&identity);
    *out = identity;
    return code;
}

void weir_identity_alive(struct weir_identity_state *identity)
{
    if (identity->lock >= 0 && futimens(identity->lock, NULL))
        return; /* the next boot knows less precisely when this one ended, nothing more */
}

weir_err weir_identity_told(struct weir_identity_state *identity, struct weir_error *error)
{
    if (!identity->folder || identity->told + 1 == identity->boot)
        return WEIR_OK;
    identity->told = identity->boot - 1;
    return write_file(identity, "running", error);
}

weir_err weir_identity_ended(struct weir_identity_state *identity, struct weir_error *error)
{
    return identity->folder ? write_file(identity, "ended", error) : WEIR_OK;
}

void weir_identity_close(struct weir_identity_state **identity)
{
    if (!identity || !*identity)
        return;
    if ((*identity)->lock >= 0)
        close((*identity)->lock);
    free((*identity)->folder);
    free(*identity);
    *identity = NULL;
}
