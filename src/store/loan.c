#include "store/loan.h"

#include <stdio.h>

#include "base/log.h"

void weir_loan_init(struct weir_loan *loan, uint64_t own)
{
    pthread_mutex_init(&loan->lock, NULL);
    loan->own = (int64_t)own;
    loan->lent = 0;
}

void weir_loan_fini(struct weir_loan *loan)
{
    pthread_mutex_destroy(&loan->lock);
}

weir_err weir_loan_lend(struct weir_loan *loan, struct weir_duck *duck, int64_t bytes, struct weir_error *error)
{
    char sql[64];
    pthread_mutex_lock(&loan->lock);
    loan->lent += bytes;
    snprintf(sql, sizeof sql, "SET memory_limit = '%lldB'", (long long)(loan->own + loan->lent));
    weir_err code = weir_duck_run(duck, sql, error);
    pthread_mutex_unlock(&loan->lock);
    return code;
}

void weir_loan_return(struct weir_loan *loan, struct weir_duck *duck, int64_t bytes)
{
    struct weir_error error = {0};
    if (weir_loan_lend(loan, duck, -bytes, &error) != WEIR_OK)
        weir_log(WEIR_LOG_WARNING, "the store's memory is not given back yet: %s", error.text);
}
