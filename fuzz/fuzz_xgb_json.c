/* XGBoost model documents, JSON and UBJSON (told by content). What is read must become a model file that loads again. */
#include <stdlib.h>

#include "base/log.h"
#include "model/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct weir_model_facts facts = {.name = "fuzz", .algorithm = "xgboost", .benign = WEIR_BENIGN_USUAL, .threshold = 0.5f};
    weir_model *model = NULL, *again = NULL;
    struct weir_error error;
    uint8_t *bytes = NULL;
    size_t length;
    weir_log_set_level(WEIR_LOG_ERROR);
    if (weir_model_from_xgboost(data, size, "fuzz", &facts, &model, &error) == WEIR_OK &&
        weir_model_bytes(model, &bytes, &length, &error) == WEIR_OK && weir_model_parse(bytes, length, "again", &again, &error))
        abort();
    free(bytes);
    weir_model_free(&model);
    weir_model_free(&again);
    return 0;
}
