/* How far to go along a line on a convex function. Any thread. */
#ifndef WEIR_TRAIN_LINE_SEARCH_H
#define WEIR_TRAIN_LINE_SEARCH_H

/* The step t > 0 at which the slope is nothing, or at most `share` of that at 0, which is negative. slope: the derivative at t,
 * and how it grows there; it never falls with t. Newton's steps, kept between what is known to be too short and too far. */
double weir_line_search(double (*slope)(void *context, double t, double *growth), void *context, double share);

#endif
