/* Reads what `python -m weir.export` writes of scikit-learn's models; docs/import.md has the format. */
#ifndef WEIR_MODEL_SKLEARN_H
#define WEIR_MODEL_SKLEARN_H

#include "model/source.h"

/* As weir_source_read. */
weir_err weir_sklearn_read(const void *bytes, size_t size, const char *origin, struct weir_source *out, struct weir_error *error);

#endif
