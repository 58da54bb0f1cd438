#include "cli/queue_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "pipeline/outbox.h"
#include "store/retention.h"

weir_err weir_queue_take_peers(void *field, const char *what, const char *value, struct weir_error *error)
{
    struct weir_strings *list = field;
    weir_strings_split(list, value);
    if (!list->count)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "%s: give files of public keys with commas between them", what);
    return WEIR_OK;
}

weir_err weir_queue_take_spill(void *field, const char *what, const char *value, struct weir_error *error)
{
    struct weir_error inner = {0};
    uint64_t *bytes = field;
    if (weir_size_parse(value, bytes, &inner) != WEIR_OK)
        return weir_fail(error, inner.code, "%s %s", what, inner.text);
    if (*bytes < 1000000 || *bytes > WEIR_OUTBOX_ROOM_MAX)
        return weir_fail(error, WEIR_ERR_ARGUMENT, "%s %s: give 1MB to 1TB", what, value);
    return WEIR_OK;
}

struct weir_transport_config weir_queue_options_transport(const struct weir_queue_options *options, const char *const *url)
{
    return (struct weir_transport_config){.queue = url,
                                          .queues = url ? 1 : 0,
                                          .results = options->results,
                                          .key = options->key,
                                          .peers = (const char *const *)options->peers.item,
                                          .peer_count = options->peers.count};
}

const char *weir_queue_options_problem(const struct weir_queue_options *options, const char *queue, bool alone,
                                       struct weir_error *error)
{
    if (weir_transport_check(queue, options->key, error) != WEIR_OK)
        return "queue";
    bool carries = weir_transport_carries_results(queue);
    if (options->results && weir_transport_check(options->results, options->key, error) != WEIR_OK)
        return "results";
    if (carries && options->results)
        weir_fail(error, WEIR_ERR_ARGUMENT, "the queue carries the verdicts, too; leave it out");
    else if (!carries && !options->results && !alone)
        weir_fail(error, WEIR_ERR_ARGUMENT, "missing; give the collector's address, such as zmq+tcp://HOST:PORT");
    else
        return NULL;
    return "results";
}

static weir_err make_above(char *path, struct weir_error *error)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        int failed = mkdir(path, 0755) && errno != EEXIST;
        if (failed)
            return weir_file_fail(error, path, "make this folder for the sensor's state (--state FOLDER gives another place)");
        *slash = '/';
    }
    return WEIR_OK;
}

weir_err weir_queue_state_place(const char *name, char path[PATH_MAX], struct weir_error *error)
{
    const char *given = getenv("STATE_DIRECTORY"), *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    int size;
    if (given && *given)
        size = snprintf(path, PATH_MAX, "%.*s", (int)strcspn(given, ":"), given);
    else if (geteuid() == 0)
        size = snprintf(path, PATH_MAX, "/var/lib/weir/%s", name);
    else if (state && *state == '/')
        size = snprintf(path, PATH_MAX, "%s/weir/%s", state, name);
    else if (home && *home == '/')
        size = snprintf(path, PATH_MAX, "%s/.local/state/weir/%s", home, name);
    else
        return weir_fail(error, WEIR_ERR_NOT_FOUND,
                         "no place for the sensor's state: HOME is not set; give --state FOLDER, or --state none");
    if (size >= PATH_MAX)
        return weir_fail(error, WEIR_ERR_LIMIT, "the sensor's state folder: the name is too long; give --state FOLDER");
    if (!given)
        for (char *at = path + size - strlen(name); *at; at++)
            if (*at == '/')
                *at = '_';
    return make_above(path, error);
}

void weir_queue_options_free(struct weir_queue_options *options)
{
    weir_strings_free(&options->peers);
}
