/* The model that comes with weir: installed beside the program (../share/weir/model.weir), else in the source tree
 * (../examples/tap/model.weir from build/). */
#ifndef WEIR_CLI_DEFAULT_MODEL_H
#define WEIR_CLI_DEFAULT_MODEL_H

#include "weir/error.h"

/* Its path, to be freed by the caller; NULL with a message when there is none. */
char *weir_default_model(struct weir_error *error);

#endif
