/* A survey's frame, as a stranger's disk may hold it: whatever is opened is read to its end. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "survey/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct weir_survey_frame *frame;
    uint8_t *bytes = NULL;
    if (posix_memalign((void **)&bytes, 8, size + 1))
        return 0;
    memcpy(bytes, data, size);
    if (weir_survey_frame_open(bytes, size, "fuzz", &frame, NULL) == WEIR_OK) {
        for (size_t s = 0; s < frame->split_count; s++) {
            const struct weir_survey_split *split = &frame->split[s];
            uint32_t *train = weir_survey_frame_rows(frame, split->train, split->train_count);
            uint32_t *test = weir_survey_frame_rows(frame, split->test, split->test_count);
            for (size_t i = 0; train && i < split->train_count; i++)
                if (frame->labels.class_of[frame->dataset.labels[train[i]]] < 0)
                    abort();
            for (size_t c = 0; test && c < frame->dataset.column_count; c++)
                for (size_t i = 0; i < split->test_count; i++)
                    if (isinf(frame->dataset.columns[c].values[test[i]]))
                        abort();
            free(train);
            free(test);
        }
        weir_survey_frame_close(&frame);
    }
    free(bytes);
    return 0;
}
