/* A process that judges for others, over ipc and Redis: verdicts are those of a judge at hand, notes pass, what is no frame is
 * refused with a reason, a list that the model cannot score stays in the queue, models change under way. */
#include "../queue/ends.h"

#include "../queue/servers.h"
#include "batch/batcher.h"
#include "batch/frame.h"
#include "batch/note_frame.h"
#include "batch/verdict_frame.h"
#include "model/build.h"
#include "pipeline/infer.h"

static const struct weir_view *view;
static char *model_bytes;
static size_t model_size;
static char folder[64];
static struct server redis;
static const char *const carried[] = {"dur", "sbytes", "djit", "pcr", "spkts", "sjit"};
static const char *const stranger[] = {"dur", "sbytes"};

static int begin(void **unused)
{
    view = weir_view_find("argus");
    FILE *file = fopen(getenv("WEIR_TEST_MODEL"), "rb");
    if (!file || !(model_bytes = malloc(1 << 16)))
        return 1;
    model_size = fread(model_bytes, 1, 1 << 16, file);
    snprintf(folder, sizeof folder, "/tmp/weir-infer-XXXXXX");
    server_start(&redis);
    return fclose(file) || !mkdtemp(folder);
}

static int end(void **unused)
{
    char command[128];
    free(model_bytes);
    server_end(&redis);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static weir_model *make(const char *name, const char *const *columns)
{
    static const char *const classes[] = {"calm", "bad"};
    struct weir_error error = {0};
    weir_model *model = NULL;
    const struct weir_model_facts facts = {.name = name,
                                           .algorithm = "xgboost",
                                           .feature_set = "argus",
                                           .feature_set_id = weir_view_id(view),
                                           .columns = columns,
                                           .column_count = 4,
                                           .classes = classes,
                                           .class_count = 2,
                                           .threshold = 0.3f};
    if (weir_model_from_xgboost(model_bytes, model_size, "test", &facts, &model, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    return model;
}

static weir_model *make_a(void)
{
    static const char *const columns[] = {"pcr", "sjit", "dur", "djit"};
    return make("a", columns);
}

static weir_model *make_b(void)
{
    static const char *const columns[] = {"djit", "dur", "pcr", "sjit"};
    return make("b", columns);
}

static weir_model *make_other(void)
{
    static const char *const columns[] = {"djit", "dur", "pcr", "dbytes"};
    return make("other", columns);
}

static void fill(struct weir_batch *batch, const char *const *names, unsigned columns, unsigned rows, uint64_t seq)
{
    memset(batch->identity, 0, sizeof batch->identity);
    batch->feature_set = weir_view_id(view);
    batch->columns = (uint16_t)columns;
    batch->column_list = weir_column_list_id(batch->feature_set, names, columns);
    batch->boot = 7;
    batch->lane = 0;
    batch->seq = seq;
    batch->rows = (uint16_t)rows;
    for (unsigned r = 0; r < rows; r++) {
        batch->identity[r].ip_version = 4;
        batch->identity[r].record = r;
        batch->closed_ns[r] = weir_clock_mono_ns();
        for (unsigned c = 0; c < columns; c++)
            *weir_batch_cell(batch, r, c) = (float)((seq * 7919 + r * 97 + c * 31) * 2654435761u % 2001) / 500 - 2;
    }
}

static bool allows_degrade; /* the sensor */

static uint8_t *frame_of(const struct weir_batch *batch, const char *const *names, size_t *size)
{
    struct weir_frame_origin origin = {
        .name = "tap", .sent_ns = weir_clock_wall_ns(), .mono_to_wall = 0, .degrade = allows_degrade};
    sample_sensor(origin.sensor, 1);
    *size = weir_frame_bytes(batch, names, &origin);
    uint8_t *bytes = aligned_alloc(64, (*size + 63) / 64 * 64);
    weir_frame_encode(batch, names, &origin, bytes);
    return bytes;
}

struct stage {
    const char *queue;
    struct weir_transport_config transport;
    struct weir_sensor_end *sensor;
    struct weir_collector_end *collector;
    struct weir_infer *infer;
    struct weir_batch *batch;
};

static void send_bytes(struct stage *stage, const uint8_t *bytes, size_t size)
{
    struct weir_error error = {0};
    if (weir_sensor_end_send(stage->sensor, bytes, size, long_ns, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    weir_sensor_end_flush(stage->sensor);
}

static void send_batch(struct stage *stage, unsigned rows, uint64_t seq)
{
    size_t size;
    fill(stage->batch, carried, 6, rows, seq);
    uint8_t *bytes = frame_of(stage->batch, carried, &size);
    send_bytes(stage, bytes, size);
    free(bytes);
}

/* The verdicts on the batch that stage->batch holds are those of this model at hand. */
static void expect_verdicts(struct stage *stage, const weir_model *model)
{
    static struct weir_verdicts got, want;
    static struct weir_batch got_batch;
    struct weir_verdict_frame frame;
    struct weir_error error = {0};
    struct weir_judge *judge, *lender;
    const struct weir_row_columns columns = {view, carried, 6};
    struct weir_delivery delivery = take_verdicts(stage->collector);
    if (weir_verdict_frame_open(delivery.bytes, delivery.size, "verdicts", &frame, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    assert_int_equal(frame.seq, stage->batch->seq);
    assert_int_equal(frame.boot, 7);
    assert_int_equal(frame.sensor[15], 1);
    assert_string_equal(frame.sensor_name, "tap");
    assert_string_equal(frame.model, weir_model_label(model));
    got.batch = &got_batch;
    weir_verdict_frame_read(&frame, 0, &got);
    want.batch = stage->batch;
    assert_int_equal(weir_judge_create(model, false, &columns, 1, WEIR_REASONS_EXACT, &judge, &error), WEIR_OK);
    weir_judge_batch(judge, 0, &want);
    assert_int_equal(got_batch.rows, stage->batch->rows);
    assert_memory_equal(got_batch.identity, stage->batch->identity, stage->batch->rows * sizeof *got_batch.identity);
    assert_memory_equal(got.score, want.score, stage->batch->rows * sizeof *got.score);
    assert_memory_equal(got.class_index, want.class_index, stage->batch->rows * sizeof *got.class_index);
    assert_int_equal(got.alerts, want.alerts);
    for (unsigned a = 0; a < got.alerts; a++) {
        assert_int_equal(got.causes[a].row, want.causes[a].row);
        assert_int_equal(got.causes[a].count, want.causes[a].count);
        assert_true(got.causes[a].cause[0].contribution == want.causes[a].cause[0].contribution);
    }
    lender = want.lender;
    weir_judge_release(&lender);
    weir_judge_release(&judge);
    weir_collector_end_release(stage->collector, &delivery);
}

static enum weir_infer_overload policy;

static void open_stage(struct stage *stage, bool over_redis)
{
    static char url[2][128];
    struct weir_error error = {0};
    snprintf(url[0], sizeof url[0], "zmq+ipc://%s/b", folder);
    snprintf(url[1], sizeof url[1], "zmq+ipc://%s/v", folder);
    stage->queue = over_redis ? redis.url : url[0];
    stage->transport = make_config(&stage->queue, over_redis ? NULL : url[1], 1);
    stage->transport.feature_set_id = weir_view_id(view);
    stage->transport.column_list = weir_column_list_id(weir_view_id(view), carried, 6);
    stage->transport.columns = carried;
    stage->transport.column_count = 6;
    stage->sensor = open_sensor(&stage->transport);
    stage->collector = open_collector(&stage->transport);
    const struct weir_infer_config config = {
        .model = make_a(), .overload = policy, .reasons = WEIR_REASONS_EXACT, .workers = 2, .transport = stage->transport};
    if (weir_infer_start(&config, &stage->infer, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    stage->batch = calloc(1, sizeof *stage->batch);
    stage->batch->x = aligned_alloc(64, 6 * WEIR_BATCH_ROWS * sizeof(float));
}

static void close_stage(struct stage *stage, struct weir_account *account)
{
    struct weir_error error = {0};
    if (weir_infer_finish(stage->infer, account, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    weir_infer_free(&stage->infer);
    weir_sensor_end_close(&stage->sensor, 0);
    weir_collector_end_close(&stage->collector, 0);
    free(stage->batch->x);
    free(stage->batch);
}

static void send_note(struct stage *stage)
{
    struct weir_note note = {.boot = 7, .seq = 3, .name = "tap", .text = "{\"health\":{}}"}, got;
    uint8_t bytes[512];
    sample_sensor(note.sensor, 1);
    size_t size = weir_note_frame_bytes(&note);
    assert_true(size <= sizeof bytes);
    weir_note_frame_encode(&note, bytes);
    send_bytes(stage, bytes, size);
    struct weir_delivery delivery = take_verdicts(stage->collector);
    assert_int_equal(delivery.size, size);
    assert_memory_equal(delivery.bytes, bytes, size);
    assert_int_equal(weir_note_frame_open(delivery.bytes, delivery.size, "note", &got, NULL), WEIR_OK);
    weir_collector_end_release(stage->collector, &delivery);
}

static void judge_all(bool over_redis)
{
    static struct weir_account account;
    struct stage stage;
    struct weir_error error = {0};
    weir_model *a = make_a(), *b = make_b();
    static const unsigned rows[] = {512, 1, 64, 70, 128, 511};
    uint64_t seq = 0, scored = 0;
    open_stage(&stage, over_redis);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++, scored += rows[i - 1]) {
        send_batch(&stage, rows[i], seq++);
        expect_verdicts(&stage, a);
    }
    send_note(&stage);
    /* one bit is another on the way: refused; the next one is judged */
    size_t size;
    fill(stage.batch, carried, 6, 100, 99);
    uint8_t *bytes = frame_of(stage.batch, carried, &size);
    bytes[size / 2] ^= 4;
    send_bytes(&stage, bytes, size);
    bytes[size / 2] ^= 4;
    send_bytes(&stage, bytes, size);
    free(bytes);
    expect_verdicts(&stage, a);
    scored += 100;
    /* another model, then one that cannot be */
    assert_int_equal(weir_infer_reload(stage.infer, make_b(), &error), WEIR_OK);
    weir_model *other = make_other();
    assert_int_equal(weir_infer_reload(stage.infer, other, &error), WEIR_ERR_MISMATCH);
    assert_non_null(strstr(error.text, "dbytes"));
    weir_model_free(&other);
    send_batch(&stage, 77, seq++);
    expect_verdicts(&stage, b);
    scored += 77;
    close_stage(&stage, &account);
    assert_int_equal(account.rows.scored, scored);
    assert_int_equal(account.inferred.refused, 1);
    assert_int_equal(account.inferred.notes, over_redis ? 0 : 1);
    assert_int_equal(account.inferred.judged, sizeof rows / sizeof *rows + 2);
    assert_int_equal(account.inferred.left, 0);
    assert_int_equal(account.decision_ns.count, scored);
    uint64_t classes = 0, fills = 0;
    for (unsigned i = 0; i < WEIR_CLASSES_SHOWN; i++)
        classes += account.class_rows[i];
    for (unsigned i = 0; i < WEIR_FILLS; i++)
        fills += account.stages.fill[i];
    assert_int_equal(classes, scored);
    for (unsigned i = 0; i < WEIR_STAGE_STORE; i++)
        assert_int_equal(account.stages.ns[i].count, scored);
    assert_int_equal(account.stages.ns[WEIR_STAGE_STORE].count, 0);
    assert_int_equal(fills, account.inferred.judged);
    assert_true(account.class_rows[0] && account.class_rows[1] && !account.class_rows[2]);
    if (over_redis)
        assert_int_equal(server_number(&redis, "XLEN weir:dead"), 1);
    weir_model_free(&a);
    weir_model_free(&b);
}

static void judges_over_ipc(void **unused)
{
    judge_all(false);
}

static void judges_over_redis(void **unused)
{
    judge_all(true);
}

/* Columns that the model lacks, at the only address there is: the wrong model, said at once. */
static void fails_with_the_wrong_model(void **unused)
{
    static struct weir_account account;
    struct stage stage;
    struct weir_error error = {0};
    size_t size;
    open_stage(&stage, false);
    fill(stage.batch, stranger, 2, 10, 0);
    uint8_t *bytes = frame_of(stage.batch, stranger, &size);
    for (int64_t until = weir_clock_mono_ns() + long_ns; weir_clock_mono_ns() < until && weir_infer_busy(stage.infer);)
        weir_sensor_end_send(stage.sensor, bytes, size, 50 * ms_ns, NULL);
    free(bytes);
    assert_int_equal(weir_infer_finish(stage.infer, &account, &error), WEIR_ERR_MISMATCH);
    char list[32];
    snprintf(list, sizeof list, "%016llx", (unsigned long long)weir_column_list_id(weir_view_id(view), stranger, 2));
    assert_non_null(strstr(error.text, list));
    assert_non_null(strstr(error.text, "pcr"));
    assert_int_equal(account.rows.scored, 0);
    weir_infer_free(&stage.infer);
    weir_sensor_end_close(&stage.sensor, 0);
    weir_collector_end_close(&stage.collector, 0);
    free(stage.batch->x);
    free(stage.batch);
}

/* Through Redis others may be able to: it goes on, and says which list waits. */
static void holds_what_it_cannot_score(void **unused)
{
    static struct weir_account account;
    struct stage stage;
    struct weir_error error = {0};
    char text[300] = "", list[32];
    open_stage(&stage, true);
    weir_sensor_end_close(&stage.sensor, 0);
    stage.transport.column_list = weir_column_list_id(weir_view_id(view), stranger, 2);
    stage.transport.columns = stranger;
    stage.transport.column_count = 2;
    stage.sensor = open_sensor(&stage.transport);
    size_t size;
    fill(stage.batch, stranger, 2, 10, 0);
    uint8_t *bytes = frame_of(stage.batch, stranger, &size);
    send_bytes(&stage, bytes, size);
    free(bytes);
    snprintf(list, sizeof list, "%016llx", (unsigned long long)stage.transport.column_list);
    for (int64_t until = weir_clock_mono_ns() + long_ns; weir_clock_mono_ns() < until && !strstr(text, list);) {
        size_t count;
        weir_sensor_end_marks(stage.sensor, 50 * ms_ns, NULL, 0, &count, NULL);
        weir_infer_trouble(stage.infer, text, sizeof text);
    }
    assert_non_null(strstr(text, list));
    assert_true(weir_infer_busy(stage.infer));
    assert_int_equal(weir_infer_reload(stage.infer, make_b(), &error), WEIR_OK);
    close_stage(&stage, &account);
    assert_int_equal(account.rows.scored, 0);
}

/* Of batches that come late less is made, if their sensor or this worker was told so; all of it is counted. */
static void degrades_what_is_late(void **unused)
{
    static struct weir_account account;
    static const struct {
        enum weir_infer_overload policy;
        bool allowed;
        int64_t late_ms;
        bool brief, alerts_only;
    } on[] = {{WEIR_INFER_BY_SENSOR, false, 60000, false, false}, {WEIR_INFER_BY_SENSOR, true, 0, false, false},
              {WEIR_INFER_BY_SENSOR, true, -60000, false, false}, {WEIR_INFER_BY_SENSOR, true, 300, true, false},
              {WEIR_INFER_BY_SENSOR, true, 60000, true, true},    {WEIR_INFER_DEGRADE, false, 60000, true, true},
              {WEIR_INFER_DEGRADE, false, 0, false, false},       {WEIR_INFER_BLOCK, true, 60000, false, false}};
    for (size_t i = 0; i < sizeof on / sizeof *on; i++) {
        struct stage stage;
        struct weir_verdict_frame frame;
        size_t size;
        policy = on[i].policy;
        allows_degrade = on[i].allowed;
        open_stage(&stage, false);
        fill(stage.batch, carried, 6, 200, i);
        stage.batch->handed_ns = weir_clock_wall_ns() - on[i].late_ms * ms_ns;
        uint8_t *bytes = frame_of(stage.batch, carried, &size);
        send_bytes(&stage, bytes, size);
        free(bytes);
        struct weir_delivery delivery = take_verdicts(stage.collector);
        assert_int_equal(weir_verdict_frame_open(delivery.bytes, delivery.size, "verdicts", &frame, NULL), WEIR_OK);
        assert_int_equal(frame.handed_ns, stage.batch->handed_ns);
        assert_int_equal(frame.brief, on[i].brief);
        assert_int_equal(frame.alerts_only, on[i].alerts_only);
        assert_int_equal(frame.rows, 200);
        assert_in_range(frame.alerts, 1, 199);
        uint64_t alerts = frame.alerts;
        weir_collector_end_release(stage.collector, &delivery);
        close_stage(&stage, &account);
        assert_int_equal(account.unexplained, on[i].brief ? alerts : 0);
        assert_int_equal(account.store.degraded, on[i].alerts_only ? 200 - alerts : 0);
    }
    policy = WEIR_INFER_BY_SENSOR;
    allows_degrade = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(judges_over_ipc), cmocka_unit_test(judges_over_redis),
                                       cmocka_unit_test(fails_with_the_wrong_model), cmocka_unit_test(holds_what_it_cannot_score),
                                       cmocka_unit_test(degrades_what_is_late)};
    return cmocka_run_group_tests(tests, begin, end);
}
