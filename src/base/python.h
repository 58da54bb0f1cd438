/* The Python that weir asks for what only Python packages do. Any thread. */
#ifndef WEIR_BASE_PYTHON_H
#define WEIR_BASE_PYTHON_H

/* The environment variable WEIR_PYTHON, else the one of `tools/setup peers` beside the program that was built, else "python3".
 * The caller frees it; NULL: out of memory. */
char *weir_python_find(void);

#endif
