/* What margins mean: how they become probabilities, or a prediction. */
#ifndef WEIR_MODEL_LINK_H
#define WEIR_MODEL_LINK_H

/* What a margin means. Those named so are regressions: there are no classes, the score is the prediction. */
enum weir_link {
    WEIR_LINK_LOGISTIC,    /* one group: sigmoid is the second class's probability; more: softmax are the classes' */
    WEIR_LINK_SIGMOIDS,    /* several groups, each class against the rest: sigmoid of each, they need not add up to 1 */
    WEIR_LINK_PROBABILITY, /* the margins are probabilities: of the second class, or of each class */
    WEIR_LINK_STEP,        /* one group: probability 1 of the second class when the margin is > 0, else 0 */
    WEIR_LINK_IDENTITY,    /* regression: prediction = margin */
    WEIR_LINK_EXP,         /* regression: prediction = exp(margin) */
    WEIR_LINK_SOFTPLUS,    /* regression: prediction = log(1 + exp(margin)) */
    WEIR_LINK_ISOLATION,   /* one group: 2^margin is how unlike the training rows a row is; 1 for a margin above 0 */
    WEIR_LINK_COUNT
};

/* No classes: the prediction is a number. */
static inline int weir_link_regression(enum weir_link link)
{
    return link >= WEIR_LINK_IDENTITY && link <= WEIR_LINK_SOFTPLUS;
}

#endif
