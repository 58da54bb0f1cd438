/* The Python version of the paper's pipeline (bench/peers/paper.py), in the environment of the yardsticks: a child that runs
 * cells. One thread. */
#ifndef WEIR_BENCH_PAPER_PEER_H
#define WEIR_BENCH_PAPER_PEER_H

#include "bench/cell.h"
#include "bench/made.h"

struct weir_paper;

/* Leaves its files in `folder` and starts it on the made model and records. WEIR_ERR_NOT_FOUND names the package or program that
 * is missing, and how to get it; WEIR_ERR_IO. */
weir_err weir_paper_start(const char *folder, const struct weir_made *made, struct weir_paper **out, struct weir_error *error);
void weir_paper_stop(struct weir_paper **paper);

const char *weir_paper_name(const struct weir_paper *paper); /* "Python: pyzmq 27.3.0, ..." */

/* Runs a cell; load->rows does not count. WEIR_ERR_IO when it fails: it says why on standard error. */
weir_err weir_paper_cell(struct weir_paper *paper, struct weir_cell cell, const struct weir_cell_load *load,
                         struct weir_cell_figures *figures, struct weir_error *error);

#endif
