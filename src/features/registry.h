/* The views there are; one line a view. */
#ifndef WEIR_FEATURES_REGISTRY_H
#define WEIR_FEATURES_REGISTRY_H

#include "features/view.h"

extern const struct weir_view weir_argus_view;

#endif
