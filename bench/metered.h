/* A capture through the meter, for benches that want its records. One thread. */
#ifndef WEIR_BENCH_METERED_H
#define WEIR_BENCH_METERED_H

#include "features/meter.h"
#include "weir/error.h"

/* Meters the files of one port, or of two (files[1] not NULL), to their end; meter->emit gets every record. Errors of the source.
 */
weir_err weir_metered(const char *const files[2], const struct weir_meter_config *meter, struct weir_error *error);

#endif
