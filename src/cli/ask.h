/* Asks a running weir over its control socket. One thread. */
#ifndef WEIR_CLI_ASK_H
#define WEIR_CLI_ASK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "weir/error.h"

/* Room for the path of a control socket. The usual places: $RUNTIME_DIRECTORY/control and no other when that is set (by systemd,
 * for a service), else $XDG_RUNTIME_DIR/weir/control, then /run/weir/control. */
#define WEIR_CONTROL_PATH 256

/* Where a `weir run` without --control listens; makes the folder `weir` if it is missing. False when there is no place. */
bool weir_control_place(char path[WEIR_CONTROL_PATH]);

struct weir_ask;

/* Connects; path NULL: the first of the usual places where somebody answers. Who does not answer within `timeout_s` counts as
 * gone (0: wait without end). WEIR_ERR_NOT_FOUND when nobody is there, WEIR_ERR_PERMISSION, _IO. */
weir_err weir_ask_open(const char *path, unsigned timeout_s, struct weir_ask **out, struct weir_error *error);
void weir_ask_close(struct weir_ask **ask);

/* The path that answered. */
const char *weir_ask_path(const struct weir_ask *ask);

/* Sends a request; taken over. WEIR_ERR_CLOSED, _MEMORY. */
weir_err weir_ask_send(struct weir_ask *ask, json_t *request, struct weir_error *error);

/* The next line of the answer, as JSON; the caller owns it. WEIR_ERR_CLOSED when there is none, WEIR_ERR_FORMAT. */
weir_err weir_ask_next(struct weir_ask *ask, json_t **out, struct weir_error *error);

/* Both, for answers of one line; an answer with "ok":false becomes an error of its own words (WEIR_ERR_MISMATCH). */
weir_err weir_ask(struct weir_ask *ask, json_t *request, json_t **out, struct weir_error *error);

#endif
