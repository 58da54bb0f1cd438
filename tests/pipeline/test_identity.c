/* A sensor's identity: the same over boots, never the same in a copy, never two at a time. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/file.h"
#include "pipeline/identity.h"

static char root[64];

static int make_root(void **unused)
{
    strcpy(root, "/tmp/weir-test-identity-XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **unused)
{
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", root);
    return system(command);
}

static const char *in_root(const char *name)
{
    static char path[2][400];
    static unsigned turn;
    char *out = path[turn++ % 2];
    snprintf(out, sizeof path[0], "%s/%s", root, name);
    return out;
}

static struct weir_identity_state *open_good(const char *folder, struct weir_who *who)
{
    struct weir_identity_state *identity;
    struct weir_error error = {0};
    if (weir_identity_open(folder, &identity, who, &error) != WEIR_OK)
        fail_msg("%s", error.text);
    return identity;
}

static void test_boots(void **unused)
{
    struct weir_who first, who;
    struct weir_identity_state *identity = open_good(in_root("a"), &first);
    assert_true(first.fresh);
    assert_false(first.killed);
    assert_int_equal(first.boot, 1);
    assert_int_equal(weir_identity_ended(identity, NULL), WEIR_OK);
    weir_identity_close(&identity);
    for (uint64_t boot = 2; boot < 6; boot++) {
        identity = open_good(in_root("a"), &who);
        assert_int_equal(who.boot, boot);
        assert_false(who.fresh);
        assert_memory_equal(who.sensor, first.sensor, 16);
        assert_int_equal(who.killed, boot == 4);
        assert_int_equal(who.untold, boot == 4 ? 3 : boot);
        assert_true(who.last_alive > 0 && who.last_alive <= weir_clock_wall_ns());
        if (boot != 3) /* that one is killed */
            assert_int_equal(weir_identity_ended(identity, NULL), WEIR_OK);
        weir_identity_close(&identity);
    }
}

/* Boots that are killed before they could tell of those before them. */
static void test_untold(void **unused)
{
    struct weir_who who;
    for (uint64_t boot = 1; boot < 8; boot++) {
        struct weir_identity_state *identity = open_good(in_root("u"), &who);
        assert_int_equal(who.boot, boot);
        assert_int_equal(who.untold, boot <= 5 ? 1 : 5); /* the fifth tells of the four before it */
        if (boot == 5)
            assert_int_equal(weir_identity_told(identity, NULL), WEIR_OK);
        weir_identity_close(&identity);
    }
}

static void test_busy(void **unused)
{
    struct weir_who who, second;
    struct weir_error error = {0};
    struct weir_identity_state *identity = open_good(in_root("b"), &who), *other;
    assert_int_equal(weir_identity_open(in_root("b"), &other, &second, &error), WEIR_ERR_BUSY);
    assert_non_null(strstr(error.text, "--state"));
    assert_null(other);
    weir_identity_close(&identity);
    identity = open_good(in_root("b"), &second);
    assert_int_equal(second.boot, 2);
    weir_identity_close(&identity);
}

/* The copy is another sensor, and does not send what the original has to send. */
static void test_copy(void **unused)
{
    struct weir_who who, copied, again;
    char command[300];
    struct weir_identity_state *identity = open_good(in_root("c"), &who);
    assert_int_equal(weir_file_write(in_root("c/outbox"), "frames", 6, NULL), WEIR_OK);
    weir_identity_close(&identity);
    snprintf(command, sizeof command, "cp -a %s %s", in_root("c"), in_root("d"));
    assert_int_equal(system(command), 0);
    identity = open_good(in_root("d"), &copied);
    assert_true(copied.fresh);
    assert_int_equal(copied.boot, 1);
    assert_false(copied.killed);
    assert_memory_not_equal(copied.sensor, who.sensor, 16);
    assert_memory_equal(copied.set_aside, "outbox.", 7);
    snprintf(command, sizeof command, "d/%s", copied.set_aside);
    assert_int_equal(access(in_root(command), F_OK), 0);
    assert_int_not_equal(access(in_root("d/outbox"), F_OK), 0);
    weir_identity_close(&identity);
    identity = open_good(in_root("d"), &again); /* from now on it is itself */
    assert_memory_equal(again.sensor, copied.sensor, 16);
    assert_int_equal(again.boot, 2);
    weir_identity_close(&identity);
    snprintf(command, sizeof command, "mv %s %s", in_root("c"), in_root("e")); /* moved on its disk: the same */
    assert_int_equal(system(command), 0);
    identity = open_good(in_root("e"), &again);
    assert_memory_equal(again.sensor, who.sensor, 16);
    assert_int_equal(again.boot, 2);
    assert_string_equal(again.set_aside, "");
    weir_identity_close(&identity);
}

static void test_damage(void **unused)
{
    struct weir_who who;
    struct weir_identity_state *identity = open_good(in_root("f"), &who);
    struct weir_error error;
    weir_identity_close(&identity);
    static const char *const bad[] = {"",
                                      "weir identity 2\n",
                                      "weir identity 1\nsensor 12\nboot 1\ntold 0\nplace - 1 0.0\nstate ended\n",
                                      "weir identity 1\nsensor 00112233445566778899aabbccddeeff\nboot x\n",
                                      "weir identity 1\nsensor 00112233445566778899aabbccddeeff\nboot 18446744073709551615\n"
                                      "told 0\nplace - 1 0.0\nstate ended\n",
                                      "weir identity 1\nsensor 00112233445566778899aabbccddeeff\nboot 1\ntold 0\nplace - 1 0.0\n"
                                      "state asleep\n",
                                      "weir identity 1\nsensor 00112233445566778899aabbccddeeff\nboot 1\ntold 0\nplace - 1 0.0\n"
                                      "state ended\nmore\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(weir_file_write(in_root("f/identity"), bad[i], strlen(bad[i]), NULL), WEIR_OK);
        assert_int_equal(weir_identity_open(in_root("f"), &identity, &who, &error), WEIR_ERR_FORMAT);
        assert_non_null(strstr(error.text, "f/identity"));
    }
    assert_int_equal(unlink(in_root("f/identity")), 0);
    identity = open_good(in_root("f"), &who);
    assert_true(who.fresh);
    weir_identity_close(&identity);
    assert_int_equal(weir_identity_open(in_root("no/such/place"), &identity, &who, &error), WEIR_ERR_NOT_FOUND);
}

static void test_none(void **unused)
{
    struct weir_who a, b;
    struct weir_identity_state *identity = open_good(NULL, &a);
    weir_identity_alive(identity);
    assert_int_equal(weir_identity_ended(identity, NULL), WEIR_OK);
    weir_identity_close(&identity);
    identity = open_good(NULL, &b);
    weir_identity_close(&identity);
    assert_memory_not_equal(a.sensor, b.sensor, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_boots), cmocka_unit_test(test_untold), cmocka_unit_test(test_busy),
                                       cmocka_unit_test(test_copy),  cmocka_unit_test(test_damage), cmocka_unit_test(test_none)};
    return cmocka_run_group_tests(tests, make_root, remove_root);
}
