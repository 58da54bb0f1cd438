#include "queue/curve.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include "base/file.h"

enum { FILE_MAX = 4096, PATH_ROOM = 4096 };

static weir_err write_new(const char *path, const char *text, mode_t mode, struct weir_error *error)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0 && errno == EEXIST)
        return weir_fail(error, WEIR_ERR_BUSY, "%s: is there already and is left as it is; give another name, or remove it",
                         path);
    if (fd < 0)
        return weir_file_fail(error, path, "create it");
    size_t size = strlen(text);
    bool good = write(fd, text, size) == (ssize_t)size && fsync(fd) == 0;
    weir_err code = good ? WEIR_OK : weir_file_fail(error, path, "write it");
    close(fd);
    if (!good)
        unlink(path);
    return code;
}

weir_err weir_curve_generate(const char *name, char open[WEIR_CURVE_TEXT], struct weir_error *error)
{
    char secret[WEIR_CURVE_TEXT], path[2][PATH_ROOM], text[512];
    if (strlen(name) + sizeof ".key" > PATH_ROOM)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "%.80s...: too long a name", name);
    snprintf(path[0], PATH_ROOM, "%s.key", name);
    snprintf(path[1], PATH_ROOM, "%s.pub", name);
    if (zmq_curve_keypair(open, secret))
        return weir_fail(error, WEIR_ERR_LIBRARY, "libzmq makes no keys: %s", zmq_strerror(zmq_errno()));
    snprintf(text, sizeof text, "# weir: a key pair; keep this file to its owner\npublic %s\nsecret %s\n", open, secret);
    weir_err code = write_new(path[0], text, 0600, error);
    explicit_bzero(secret, sizeof secret);
    explicit_bzero(text, sizeof text);
    if (code != WEIR_OK)
        return code;
    snprintf(text, sizeof text, "# weir: a public key; give it to those who talk to its owner\npublic %s\n", open);
    if ((code = write_new(path[1], text, 0644, error)) != WEIR_OK)
        unlink(path[0]);
    return code;
}

static bool take_key(const char *line, const char *word, char out[WEIR_CURVE_TEXT])
{
    size_t length = strlen(word);
    uint8_t raw[32];
    if (strncmp(line, word, length) || line[length] != ' ')
        return false;
    const char *key = line + length + 1;
    length = strcspn(key, " \t\r\n");
    if (length != WEIR_CURVE_TEXT - 1)
        return false;
    memcpy(out, key, length);
    out[length] = 0;
    bool good = zmq_z85_decode(raw, out) != NULL;
    explicit_bzero(raw, sizeof raw);
    return good;
}

/* `secret` NULL: only the public key matters. */
static weir_err read_keys(const char *path, char *open, char *secret, struct weir_error *error)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    struct stat info;
    if (secret && stat(path, &info) == 0 && (info.st_mode & (S_IRWXG | S_IRWXO)) & ~(mode_t)S_IRGRP)
        return weir_fail(error, WEIR_ERR_PERMISSION, "%s: a secret key that others may read or change; `chmod 600` it", path);
    weir_err code = weir_file_read(path, FILE_MAX, &bytes, &size, error);
    if (code != WEIR_OK)
        return code;
    char text[FILE_MAX + 1], *save = NULL;
    memcpy(text, bytes, size);
    text[size] = 0;
    explicit_bzero(bytes, size);
    free(bytes);
    bool have_open = false, have_secret = false;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        have_open = have_open || take_key(line, "public", open);
        have_secret = have_secret || (secret && take_key(line, "secret", secret));
    }
    explicit_bzero(text, sizeof text);
    if (!have_open || (secret && !have_secret))
        return weir_fail(error, WEIR_ERR_FORMAT, "%s: no %s key in it; `weir keygen NAME` makes NAME.key and NAME.pub", path,
                         have_open ? "secret" : "public");
    return WEIR_OK;
}

/* The service manager reads what is root's and hands it to a service of any user. */
static const char *place_of(const char *key, char room[static PATH_ROOM])
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY"), *slash = strrchr(key, '/');
    int length = folder ? snprintf(room, PATH_ROOM, "%s/%s", folder, slash ? slash + 1 : key) : -1;
    return length > 0 && length < PATH_ROOM && access(room, F_OK) == 0 ? room : key;
}

weir_err weir_curve_load(const char *key, const char *const *peers, size_t count, struct weir_curve *out,
                         struct weir_error *error)
{
    char room[PATH_ROOM];
    *out = (struct weir_curve){0};
    if (!key && !count)
        return WEIR_OK;
    if (!key)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "keys of others without an own one: give --key FILE, too (`weir keygen`)");
    if (!count)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "%s: whom may it talk to? give their public keys with --peers", key);
    weir_err code = read_keys(place_of(key, room), out->open, out->secret, error);
    if (code == WEIR_OK && !(out->peer = calloc(count + 1, sizeof *out->peer)))
        code = weir_fail(error, WEIR_ERR_MEMORY, "%s: out of memory", key);
    for (; code == WEIR_OK && out->peers < count; out->peers++)
        code = read_keys(peers[out->peers], out->peer[out->peers], NULL, error);
    if (code != WEIR_OK)
        weir_curve_fini(out);
    return code;
}

bool weir_curve_knows(const struct weir_curve *curve, const unsigned char key[32])
{
    char text[WEIR_CURVE_TEXT];
    zmq_z85_encode(text, key, 32);
    for (size_t i = 0; i < curve->peers; i++)
        if (!strcmp(curve->peer[i], text))
            return true;
    return false;
}

void weir_curve_fini(struct weir_curve *curve)
{
    free(curve->peer);
    explicit_bzero(curve, sizeof *curve);
}
