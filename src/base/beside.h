/* Finds what lies beside the running program: installed, or in the tree that it was built in. Any thread. */
#ifndef WEIR_BASE_BESIDE_H
#define WEIR_BASE_BESIDE_H

#include <stddef.h>

/* The first of `count` paths that can be read, each relative to the folder of the file that this code is in: the program, or the
 * shared library that it was linked into ("../share/weir/model.weir"). The caller frees it; NULL: none, or out of memory. */
char *weir_beside(const char *const *paths, size_t count);

#endif
