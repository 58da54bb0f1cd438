/* Arrays that grow. */
#ifndef WEIR_BASE_ARRAY_H
#define WEIR_BASE_ARRAY_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Gives the array that the pointer at `array` holds (of any type; NULL: none yet) room for `count` items of `width` bytes, more
 * than none. False: there is no memory for them, and it is as before. */
static inline bool weir_array_resize(void *array, size_t count, size_t width)
{
    void *old, *grown;
    memcpy(&old, array, sizeof old); /* whatever it points to */
    grown = reallocarray(old, count, width);
    if (grown)
        memcpy(array, &grown, sizeof grown);
    return grown != NULL;
}

#endif
