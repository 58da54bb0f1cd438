/* How much memory a database may hold: what its writer needs, and more while it is lent. The one setting of the store's database
 * that stays open when its configuration is locked. Any thread. */
#ifndef WEIR_STORE_LOAN_H
#define WEIR_STORE_LOAN_H

#include <pthread.h>
#include <stdint.h>

#include "data/duck.h"

struct weir_loan {
    pthread_mutex_t lock;
    int64_t own, lent; /* bytes */
};

void weir_loan_init(struct weir_loan *loan, uint64_t own);
void weir_loan_fini(struct weir_loan *loan);

/* So much more (0 at first, to set the writer's own), or, when less than 0, so much back: then DuckDB lets go of what it holds
 * beyond the rest. Errors are DuckDB's; it counts as lent, or as given back, all the same. */
weir_err weir_loan_lend(struct weir_loan *loan, struct weir_duck *duck, int64_t bytes, struct weir_error *error);

/* Gives back; what goes wrong is logged. */
void weir_loan_return(struct weir_loan *loan, struct weir_duck *duck, int64_t bytes);

#endif
