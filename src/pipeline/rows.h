/* A query's answer on its way to a client, as lines of JSON:
 *
 *   {"ok":true,"columns":["n","class"],"types":["BIGINT","VARCHAR"],"kinds":["number","text"]}
 *   ["17","attack"]                    a row: each cell as text, or null
 *   {"end":true,"cut":false}           cut: there are more rows than the limit. Or {"end":true,"error":"..."}
 *
 * Cells are text, so that numbers of every size arrive as they are; the kind says how to read them ("text", "number", "boolean",
 * "json").
 */
#ifndef WEIR_PIPELINE_ROWS_H
#define WEIR_PIPELINE_ROWS_H

#include <stdbool.h>

#include "pipeline/socket.h"
#include "store/sql.h"

/* Longest line. */
#define WEIR_ROWS_LINE (32u << 20)

/* Sends the whole answer, as long as go_on(context) holds. */
void weir_rows_send(struct weir_answer *answer, struct weir_peer *peer, bool (*go_on)(void *context), void *context);

#endif
