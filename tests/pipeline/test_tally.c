/* The tally says after a kill, between whichever two steps, what had been counted before it; and nothing when it is not to be
 * trusted. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "pipeline/tally.h"

static const uint8_t sensor[16] = "this one", other[16] = "another one";
static char folder[64];

static int make_folder(void **unused)
{
    strcpy(folder, "/tmp/weir-test-tally-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **unused)
{
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static struct weir_tally *open_good(uint64_t boot)
{
    struct weir_tally *tally;
    struct weir_error error = {0};
    if (weir_tally_open(folder, sensor, boot, &tally, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    return tally;
}

/* The life of a sensor in steps: frame n has n + 1 rows and is of lane n % 3. */
static void live(unsigned steps)
{
    struct weir_tally *tally = open_good(1);
    for (unsigned step = 0; step < steps; step++) {
        unsigned n = step / 3;
        struct weir_tally_lane *lane = weir_tally_lane(tally, n % 3);
        switch (step % 3) {
        case 0:
            atomic_fetch_add(&lane->rows, n + 1);
            atomic_store(&lane->flows, n);
            break;
        case 1:
            weir_tally_begin(tally, n % 3, n, (uint16_t)(n + 1));
            if (n % 4 == 0) /* there was no room */
                weir_tally_begin(tally, n % 3, n, (uint16_t)(n + 1));
            break;
        case 2:
            weir_tally_done(tally);
            break;
        }
    }
    kill(getpid(), SIGKILL);
}

static void test_killed_at_each_step(void **unused)
{
    for (unsigned steps = 0; steps < 40; steps++) {
        pid_t child = fork();
        int status;
        if (!child)
            live(steps);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(WTERMSIG(status), SIGKILL);
        uint64_t rows = 0, accepted = 0, flows[3] = {0};
        for (unsigned n = 0; n <= steps / 3; n++) {
            rows += steps > 3 * n ? n + 1 : 0;
            accepted += steps > 3 * n + 2 ? n + 1 : 0;
            if (steps > 3 * n)
                flows[n % 3] = n;
        }
        struct weir_tally_left left;
        assert_true(weir_tally_read(folder, sensor, 1, &left));
        assert_int_equal(left.rows, rows);
        assert_int_equal(left.accepted, accepted);
        assert_int_equal(left.flows, flows[0] + flows[1] + flows[2]);
        if (steps % 3 == 2) {
            unsigned n = steps / 3;
            assert_int_equal(left.doubt_rows, n + 1);
            assert_int_equal(left.doubt_lane, n % 3);
            assert_int_equal(left.doubt_seq, n);
        } else {
            assert_int_equal(left.doubt_rows, 0);
        }
    }
}

static void test_not_trusted(void **unused)
{
    struct weir_tally_left left;
    char path[128];
    struct weir_tally *tally = open_good(7);
    atomic_store(&weir_tally_lane(tally, 63)->rows, 5);
    assert_null(weir_tally_lane(tally, 64));
    weir_tally_close(&tally, false);
    assert_true(weir_tally_read(folder, sensor, 7, &left));
    assert_int_equal(left.rows, 5);
    assert_false(weir_tally_read(folder, other, 7, &left));
    assert_false(weir_tally_read(folder, sensor, 6, &left));
    snprintf(path, sizeof path, "%s/tally.7", folder);
    int fd = open(path, O_RDWR);
    assert_int_equal(pwrite(fd, "0", 1, 10), 1); /* another boot of the machine: the file may lack what was counted last */
    close(fd);
    assert_false(weir_tally_read(folder, sensor, 7, &left));
    tally = open_good(7); /* and its own once more */
    weir_tally_close(&tally, false);
    assert_true(weir_tally_read(folder, sensor, 7, &left));
    assert_int_equal(left.rows, 0);
    assert_int_equal(truncate(path, 100), 0);
    assert_false(weir_tally_read(folder, sensor, 7, &left));
    weir_tally_remove(folder, 7);
    assert_int_not_equal(access(path, F_OK), 0);
    tally = open_good(8);
    weir_tally_close(&tally, true);
    assert_false(weir_tally_read(folder, sensor, 8, &left));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_killed_at_each_step, make_folder, remove_folder),
                                       cmocka_unit_test_setup_teardown(test_not_trusted, make_folder, remove_folder)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
