#include "model/scorer.h"

#include "model/gaussian.h"
#include "model/linear.h"
#include "model/mlp.h"
#include "model/neighbours.h"
#include "model/support.h"
#include "model/trees.h"

static const struct weir_scorer_kind *const kinds[] = {&weir_trees_kind,      &weir_linear_kind,  &weir_gaussian_kind,
                                                       &weir_neighbours_kind, &weir_support_kind, &weir_mlp_kind};

const struct weir_scorer_kind *weir_scorer_kind_find(uint32_t payload)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (payload && (kinds[i]->payload[0] == payload || kinds[i]->payload[1] == payload))
            return kinds[i];
    return NULL;
}

void weir_scorer_free(struct weir_scorer **scorer)
{
    if (scorer && *scorer)
        (*scorer)->kind->free(*scorer);
    if (scorer)
        *scorer = NULL;
}
