/* The store, read back by SQL. */
#include <arpa/inet.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "samples.h"

#include <cmocka.h>

#include "data/duck.h"

static char *folder, *path;
static struct weir_verdicts verdicts;
static struct weir_batch batch;

static int setup(void **unused)
{
    folder = sample_folder();
    if (asprintf(&path, "%s/it's.duckdb", folder) < 0)
        return 1;
    memset(&verdicts, 0, sizeof verdicts);
    memset(&batch, 0, sizeof batch);
    return 0;
}

static int teardown(void **unused)
{
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    int status = system(command);
    free(path);
    free(folder);
    return status;
}

static struct weir_store *open_store(void)
{
    struct weir_store *store;
    struct weir_error error = {0};
    struct weir_store_config config = {.path = path, .sensor = "sensor-7", .command = "weir run -r 'x'"};
    if (weir_store_open(&config, &store, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    return store;
}

static void append(struct weir_store *store, unsigned rows, uint64_t *next)
{
    struct weir_error error = {0};
    sample_batch(&verdicts, &batch, rows, next);
    if (weir_store_append(store, &verdicts, &error) != WEIR_OK)
        fail_msg("%s", error.text);
}

static void commit(struct weir_store *store, uint64_t want)
{
    struct weir_error error = {0};
    uint64_t rows = 0;
    if (weir_store_commit(store, &rows, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    assert_int_equal(rows, want);
}

static void expect(const char *sql, const char *want)
{
    struct weir_error error;
    char *got = sample_query(path, sql, &error);
    if (!got)
        fail_msg("%s: %s", sql, error.text);
    assert_string_equal(got, want);
    free(got);
}

static void test_schema(void **unused)
{
    struct weir_store *store = open_store();
    weir_store_close(&store);
    expect(
        "SELECT column_name, column_type FROM (DESCRIBE verdicts)",
        "flow_id,UUID\nrecord,UINTEGER\nreason,VARCHAR\nstime,TIMESTAMP_NS\nltime,TIMESTAMP_NS\nproto,VARCHAR\nsrc_ip,VARCHAR\n"
        "src_port,USMALLINT\ndest_ip,VARCHAR\ndest_port,USMALLINT\nfeature_set,VARCHAR\nclass,VARCHAR\nscore,FLOAT\n"
        "threshold,FLOAT\nalert,BOOLEAN\nmodel,VARCHAR\nrun,UUID\nsensor,VARCHAR\nboot,UBIGINT\nlane,UINTEGER\nseq,UBIGINT\n"
        "row,USMALLINT\ndecision_us,BIGINT\n");
    expect("SELECT column_name, column_type FROM (DESCRIBE reasons)",
           "flow_id,UUID\nrecord,UINTEGER\nrank,UTINYINT\ncolumn_name,VARCHAR\nvalue,FLOAT\ncontribution,FLOAT\nrun,UUID\n");
    expect("SELECT value FROM meta WHERE key = 'schema'", "3\n");
    expect("SELECT count(*) FROM verdicts", "0\n");
}

/* Every cell of rows around the edges of vectors, made a second time by the C library. */
static void test_round_trip(void **unused)
{
    static const unsigned sizes[] = {1, 63, 64, 65, 512, 0, 512, 512, 512, 512, 64, 512};
    static const char *const reasons[] = {"status", "close", "reuse", "idle", "shutdown", "evicted", "aggregated", "ingested"};
    uint64_t next = 0;
    struct weir_store *store = open_store();
    char *run = strdup(weir_store_run(store));
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        append(store, sizes[i], &next);
    commit(store, next);
    weir_store_close(&store);

    char *want = NULL, *why = NULL;
    size_t size;
    FILE *to = open_memstream(&want, &size), *causes = open_memstream(&why, &size);
    uint64_t n = 0;
    batch.seq = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        sample_batch(&verdicts, &batch, sizes[i], &n);
        for (unsigned r = 0; r < sizes[i]; r++) {
            const struct weir_identity *id = &batch.identity[r];
            char src[64], dst[64], ports[32] = "NULL,NULL";
            inet_ntop(id->ip_version == 4 ? AF_INET : AF_INET6, id->src, src, sizeof src);
            inet_ntop(id->ip_version == 4 ? AF_INET : AF_INET6, id->dst, dst, sizeof dst);
            if (id->ports)
                snprintf(ports, sizeof ports, "%u,%u", id->sport, id->dport);
            char uuid[40];
            snprintf(uuid, sizeof uuid, "%08" PRIx64 "-%04" PRIx64 "-%04" PRIx64 "-%04" PRIx64 "-%012" PRIx64,
                     id->flow_id.high >> 32, id->flow_id.high >> 16 & 0xffff, id->flow_id.high & 0xffff, id->flow_id.low >> 48,
                     id->flow_id.low & 0xffffffffffff);
            fprintf(to,
                    "%s,%u,%s,%" PRId64 ",%" PRId64 ",%s,%s,%.*s,%s,%s,argus,%s,%.9g,0.5,%s,forest:3,%s,sensor-7,9,1,%" PRIu64
                    ",%u,%u\n",
                    uuid, id->record, reasons[id->reason], id->stime_ns, id->ltime_ns,
                    id->proto == 6    ? "tcp"
                    : id->proto == 17 ? "udp"
                    : id->proto == 1  ? "icmp"
                                      : "ipv6-icmp",
                    src, (int)strcspn(ports, ","), ports, dst, strchr(ports, ',') + 1, sample_classes[verdicts.class_index[r]],
                    (double)verdicts.score[r], verdicts.alert[r] ? "true" : "false", run, batch.seq, r,
                    (unsigned)((n - sizes[i] + r) % 1000));
        }
        for (unsigned a = 0; a < verdicts.alerts; a++) {
            const struct weir_alert_causes *c = &verdicts.causes[a];
            for (unsigned k = 0; k < c->count; k++) {
                char value[32] = "NULL";
                if (k != 1)
                    snprintf(value, sizeof value, "%.9g", (double)c->cause[k].value);
                fprintf(causes, "%" PRIu64 ",%u,%u,%u,%s,%s,%.9g\n", batch.seq, c->row, batch.identity[c->row].record, k,
                        sample_columns[k], value, (double)c->cause[k].contribution);
            }
        }
    }
    fclose(to);
    fclose(causes);
    expect("SELECT flow_id, record, reason, epoch_ns(stime), epoch_ns(ltime), proto, src_ip, src_port, dest_ip, dest_port, "
           "feature_set,"
           " class, printf('%.9g', score::DOUBLE), threshold, alert, model, run, sensor, boot, lane, seq, \"row\", decision_us"
           " FROM verdicts ORDER BY seq, \"row\"",
           want);
    expect("SELECT seq, \"row\", record, rank, column_name, printf('%.9g', value::DOUBLE), printf('%.9g', contribution::DOUBLE)"
           " FROM reasons JOIN verdicts USING (run, flow_id, record) ORDER BY seq, \"row\", rank",
           why);
    free(want);
    free(why);
    free(run);
}

static void test_runs(void **unused)
{
    struct weir_error error = {0};
    uint64_t next = 0;
    for (uint64_t run = 0; run < 3; run++) {
        struct weir_store *store = open_store();
        assert_int_equal(weir_store_boot(store), run);
        append(store, 100, &next);
        assert_int_equal(weir_store_health(store, 1700000000123456789, "{\"alerts\":1}", &error), WEIR_OK);
        assert_int_equal(weir_store_finish(store, "{\"seconds\":2}", &error), WEIR_OK);
        weir_store_close(&store);
    }
    expect("SELECT boot, sensor, command, ended >= started, account FROM runs ORDER BY boot",
           "0,sensor-7,weir run -r 'x',true,{\"seconds\":2}\n1,sensor-7,weir run -r 'x',true,{\"seconds\":2}\n"
           "2,sensor-7,weir run -r 'x',true,{\"seconds\":2}\n");
    expect("SELECT count(*), count(DISTINCT run), count(DISTINCT flow_id) FROM verdicts", "300,3,300\n");
    expect("SELECT count(*), min(time), min(health.account) FROM health JOIN runs USING (run)",
           "3,2023-11-14 22:13:20.123456,{\"alerts\":1}\n");
    char wal[400];
    snprintf(wal, sizeof wal, "%s.wal", path);
    assert_int_not_equal(access(wal, F_OK), 0); /* folded in */
}

/* Another model under way, also one that bears the same label with other classes. */
static void test_swap(void **unused)
{
    static const char *const other[] = {"calm", "storm", "a class with a \"long\" name"};
    struct weir_error error = {0};
    uint64_t next = 0;
    struct weir_store *store = open_store();
    for (unsigned i = 0; i < 4; i++) {
        sample_batch(&verdicts, &batch, 200, &next);
        if (i == 1)
            verdicts.model = "bayes:1";
        if (i == 2)
            verdicts.classes = other;
        if (i == 3)
            verdicts.threshold = 0.75f;
        assert_int_equal(weir_store_append(store, &verdicts, &error), WEIR_OK);
    }
    commit(store, 800);
    weir_store_close(&store);
    expect("SELECT seq, model, threshold, string_agg(DISTINCT class, '+' ORDER BY class), count(*) FROM verdicts GROUP BY ALL "
           "ORDER BY seq",
           "1,forest:3,0.5,a class with a \"long\" name+benign+port-scan,200\n2,bayes:1,0.5,a class with a \"long\" "
           "name+benign+port-scan,200\n"
           "3,forest:3,0.5,a class with a \"long\" name+calm+storm,200\n4,forest:3,0.75,a class with a \"long\" "
           "name+benign+port-scan,200\n");
}

static void test_uncommitted(void **unused)
{
    uint64_t next = 0;
    struct weir_store *store = open_store();
    append(store, 500, &next);
    commit(store, 500);
    for (unsigned i = 0; i < 10; i++)
        append(store, 500, &next);
    weir_store_close(&store);
    expect("SELECT count(*), max(seq) FROM verdicts", "500,1\n");
    expect("SELECT count(*) = (SELECT count(*) FROM reasons) FROM reasons JOIN verdicts USING (run, flow_id, record)", "true\n");
    store = open_store();
    append(store, 10, &next);
    commit(store, 10);
    weir_store_close(&store);
    expect("SELECT count(*), max(seq) FROM verdicts", "510,12\n");
}

static void expect_refused(weir_err code, const char *what)
{
    struct weir_store *store = NULL;
    struct weir_error error = {0};
    struct weir_store_config config = {.path = path, .sensor = "s", .command = "c"};
    assert_int_equal(weir_store_open(&config, &store, &error), code);
    assert_null(store);
    if (!strstr(error.text, path) || !strstr(error.text, what))
        fail_msg("\"%s\" does not name the file and \"%s\"", error.text, what);
}

static void make_database(const char *sql)
{
    struct weir_duck *duck;
    struct weir_duck_config config = {.path = path};
    assert_int_equal(weir_duck_open(&config, &duck, NULL), WEIR_OK);
    assert_int_equal(weir_duck_run(duck, sql, NULL), WEIR_OK);
    weir_duck_close(&duck);
}

static void test_foreign(void **unused)
{
    FILE *file = fopen(path, "w");
    for (int i = 0; i < 1000; i++)
        fputs("no database, but long enough to be one\n", file);
    fclose(file);
    expect_refused(WEIR_ERR_FORMAT, "give another path");
    unlink(path);
    make_database("CREATE TABLE mine(x INTEGER)");
    expect_refused(WEIR_ERR_MISMATCH, "no store of weir");
    unlink(path);
    make_database("CREATE TABLE meta(key VARCHAR, value VARCHAR); INSERT INTO meta VALUES ('schema', '99')");
    expect_refused(WEIR_ERR_MISMATCH, "version 99");
    unlink(path);
    free(path);
    if (asprintf(&path, "%s/nowhere/s.duckdb", folder) < 0)
        abort();
    expect_refused(WEIR_ERR_NOT_FOUND, "No such file");
}

/* Killed while the file was made: what is there is no database yet, and no hindrance. A short file of somebody else's is left
 * alone. */
static void test_half_made(void **unused)
{
    char head[12288] = {0};
    for (size_t size = 0; size < sizeof head; size += 4095) {
        if (size > 4095)
            memcpy(head + 8, "DUCK", 4);
        FILE *file = fopen(path, "w");
        assert_int_equal(fwrite(head, 1, size, file), size);
        fclose(file);
        struct weir_store *store = open_store();
        weir_store_close(&store);
        unlink(path);
    }
    FILE *file = fopen(path, "w");
    fputs("my shopping list\n", file);
    fclose(file);
    expect_refused(WEIR_ERR_FORMAT, "give another path");
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_size, 17);
}

/* A child that does `work` and then tells so with a byte; killed when the test has seen enough. */
static pid_t start(int work(int to), int *from)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        _exit(work(ends[1]));
    }
    close(ends[1]);
    *from = ends[0];
    return child;
}

static int hold(int to)
{
    struct weir_store *store;
    struct weir_store_config config = {.path = path, .sensor = "s", .command = "c"};
    if (weir_store_open(&config, &store, NULL) != WEIR_OK || write(to, "x", 1) != 1)
        return 1;
    pause();
    return 0;
}

static void test_locked(void **unused)
{
    int from, status;
    char byte;
    struct weir_error error;
    pid_t child = start(hold, &from);
    assert_int_equal(read(from, &byte, 1), 1);
    expect_refused(WEIR_ERR_BUSY, "another process");
    assert_null(sample_query(path, "SELECT 1", &error));
    assert_int_equal(error.code, WEIR_ERR_BUSY);
    assert_non_null(strstr(error.text, "another process"));
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    close(from);
    expect("SELECT count(*) FROM runs", "1\n");
}

enum { COMMIT_BATCHES = 5, COMMIT_ROWS = COMMIT_BATCHES * 300 };

/* Commits for ever; a byte for each commit that is done. */
static int write_on(int to)
{
    struct weir_store *store;
    struct weir_store_config config = {.path = path, .sensor = "s", .command = "c"};
    uint64_t next = 0;
    if (weir_store_open(&config, &store, NULL) != WEIR_OK)
        return 1;
    for (;;) {
        for (unsigned i = 0; i < COMMIT_BATCHES; i++) {
            sample_batch(&verdicts, &batch, 300, &next);
            if (weir_store_append(store, &verdicts, NULL) != WEIR_OK)
                return 2;
        }
        if (weir_store_commit(store, NULL, NULL) != WEIR_OK || write(to, "x", 1) != 1)
            return 3;
    }
}

static void test_killed(void **unused)
{
    int from, status;
    char byte;
    struct weir_error error;
    uint64_t told = 0;
    pid_t child = start(write_on, &from);
    while (told < 20 && read(from, &byte, 1) == 1)
        told++;
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    assert_true(WIFSIGNALED(status));
    while (read(from, &byte, 1) == 1)
        told++;
    close(from);
    char *text = sample_query(path, "SELECT count(*) FROM verdicts", &error);
    if (!text)
        fail_msg("%s", error.text);
    uint64_t rows = strtoull(text, NULL, 10);
    free(text);
    assert_int_equal(rows % COMMIT_ROWS, 0);
    assert_true(rows >= told * COMMIT_ROWS && rows <= (told + 1) * COMMIT_ROWS);
    expect(
        "SELECT count(*) = count(DISTINCT (flow_id, record)) AND count(*) = (SELECT max(seq) FROM verdicts) * 300 FROM verdicts",
        "true\n");
    expect("SELECT count(*) = (SELECT count(*) FROM reasons) FROM reasons JOIN verdicts USING (run, flow_id, record)", "true\n");
    uint64_t next = 0;
    struct weir_store *store = open_store(); /* goes on where it was */
    assert_int_equal(weir_store_boot(store), 1);
    append(store, 1, &next);
    commit(store, 1);
    weir_store_close(&store);
}

/* As write_on, with room for 3 MB; ends with 10 when the failure is told as it should be, with 11 when
 * a smaller commit after it succeeds. */
static int write_until_full(int to)
{
    struct rlimit limit = {3 << 20, 3 << 20};
    struct weir_store *store;
    struct weir_error error = {0};
    struct weir_store_config config = {.path = path, .sensor = "s", .command = "c"};
    uint64_t next = 0;
    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) || weir_store_open(&config, &store, NULL) != WEIR_OK)
        return 1;
    weir_err code = WEIR_OK;
    for (unsigned k = 0; k < 10000 && code == WEIR_OK; k++) {
        for (unsigned i = 0; i < COMMIT_BATCHES && code == WEIR_OK; i++) {
            sample_batch(&verdicts, &batch, 300, &next);
            code = weir_store_append(store, &verdicts, &error);
        }
        if (code == WEIR_OK && (code = weir_store_commit(store, NULL, &error)) == WEIR_OK && write(to, "x", 1) != 1)
            return 2;
    }
    bool told = code == WEIR_ERR_FULL && strstr(error.text, path) && strstr(error.text, "make room");
    sample_batch(&verdicts, &batch, 300, &next); /* trying again fails again, or works; it does not crash */
    bool again = weir_store_append(store, &verdicts, NULL) == WEIR_OK && weir_store_commit(store, NULL, NULL) == WEIR_OK;
    weir_store_close(&store);
    return told ? 10 + again : 3;
}

static void test_full(void **unused)
{
    int from, status;
    char byte;
    uint64_t told = 0;
    struct weir_error error;
    pid_t child = start(write_until_full, &from);
    while (read(from, &byte, 1) == 1)
        told++;
    close(from);
    waitpid(child, &status, 0);
    assert_true(WIFEXITED(status));
    assert_in_range(WEXITSTATUS(status), 10, 11);
    assert_true(told > 0);
    char *text = sample_query(path, "SELECT count(*) FROM verdicts", &error);
    if (!text)
        fail_msg("%s", error.text);
    assert_int_equal(strtoull(text, NULL, 10), told * COMMIT_ROWS + (WEXITSTATUS(status) == 11 ? 300 : 0));
    free(text);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        /* those that fork come first: DuckDB has no threads yet */
        TEST(test_killed), TEST(test_full), TEST(test_locked),      TEST(test_schema),  TEST(test_round_trip),
        TEST(test_runs),   TEST(test_swap), TEST(test_uncommitted), TEST(test_foreign), TEST(test_half_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
