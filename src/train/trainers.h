/* The algorithms, each in a file of its own: for trainer.c and tests. */
#ifndef WEIR_TRAIN_TRAINERS_H
#define WEIR_TRAIN_TRAINERS_H

#include "train/trainer.h"

extern const struct weir_trainer weir_train_adaboost;                                /* adaboost.c */
extern const struct weir_trainer weir_train_catboost;                                /* catboost.c */
extern const struct weir_trainer weir_train_decision_tree, weir_train_random_forest; /* decision_tree.c */
extern const struct weir_trainer weir_train_gaussian_nb;                             /* gaussian_nb.c */
extern const struct weir_trainer weir_train_knn;                                     /* knn.c */
extern const struct weir_trainer weir_train_isolation_forest;                        /* isolation_forest.c */
extern const struct weir_trainer weir_train_lda;                                     /* lda.c */
extern const struct weir_trainer weir_train_lightgbm;                                /* lightgbm.c */
extern const struct weir_trainer weir_train_linear_svm;                              /* linear_svm.c */
extern const struct weir_trainer weir_train_logistic;                                /* logistic.c */
extern const struct weir_trainer weir_train_svm;                                     /* svm.c */
extern const struct weir_trainer weir_train_mlp;                                     /* mlp.c */
extern const struct weir_trainer weir_train_xgboost;                                 /* xgboost.c */

#endif
