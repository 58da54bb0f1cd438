/* The kernel that has no forms of its own: every tree is PLAIN, walked by the rules as forest.h writes them. The others are
 * compared with it. */
#include "model/kernel.h"

const struct weir_kernel weir_kernel_reference = {.name = "reference", .blocks = {8, 1}};
