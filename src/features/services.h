/* Which ports servers are known to listen on. Constant; any thread. */
#ifndef WEIR_FEATURES_SERVICES_H
#define WEIR_FEATURES_SERVICES_H

#include <stdbool.h>

/* Below 1024, or one that has a name. */
bool weir_service_known(unsigned port);

#endif
