#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow/tcp.h"

enum { FIN = WEIR_TCP_FIN, SYN = WEIR_TCP_SYN, RST = WEIR_TCP_RST, PSH = WEIR_TCP_PSH, ACK = WEIR_TCP_ACK };

/* A connection told packet by packet: side 0 sends from 1000, side 1 from 5000. */
struct talk {
    struct weir_tcp tcp;
    struct weir_tcp_effect effect;
    int64_t now_ns;
    uint16_t ip_id[2];
    bool open;
};

static void say(struct talk *talk, unsigned side, unsigned flags, uint32_t seq, uint32_t ack, uint32_t bytes, unsigned window)
{
    struct weir_facts facts = {.ts_ns = talk->now_ns += 1000000, .l4_bytes = 20 + bytes, .payload_bytes = bytes};
    facts.tcp.flags = (uint8_t)flags;
    facts.tcp.seq = seq;
    facts.tcp.ack = ack;
    facts.tcp.window = (uint16_t)window;
    facts.tcp.wscale = -1;
    if (talk->open)
        weir_tcp_packet(&talk->tcp, &facts, side, ++talk->ip_id[side], &talk->effect);
    else
        weir_tcp_open(&talk->tcp, &facts, side, &talk->effect);
    talk->open = true;
}

static void shake_hands(struct talk *talk)
{
    say(talk, 0, SYN, 1000, 0, 0, 500);
    say(talk, 1, SYN | ACK, 5000, 1001, 0, 500);
    say(talk, 0, ACK, 1001, 5001, 0, 500);
}

static void a_handshake_is_timed(void **state)
{
    (void)state;
    struct talk talk = {0};
    shake_hands(&talk);
    assert_int_equal(talk.tcp.seen, WEIR_TCP_SAW_SYN | WEIR_TCP_SAW_SYNACK | WEIR_TCP_SAW_DATA);
    assert_int_equal(talk.tcp.state, WEIR_TCP_ESTABLISHED);
    assert_int_equal(talk.tcp.synack_us, 1000);
    assert_int_equal(talk.tcp.ackdat_us, 1000);
    assert_int_equal(talk.tcp.side[0].base, 1000);
    assert_int_equal(talk.tcp.side[1].base, 5000);
}

static void either_end_may_be_side_one(void **state)
{
    (void)state;
    struct talk talk = {0};
    say(&talk, 1, SYN, 1000, 0, 0, 500);
    say(&talk, 0, SYN | ACK, 5000, 1001, 0, 500);
    say(&talk, 1, ACK, 1001, 5001, 0, 500);
    assert_int_equal(talk.tcp.state, WEIR_TCP_ESTABLISHED);
    assert_int_equal(talk.tcp.synack_us, 1000);
    assert_int_equal(talk.tcp.side[1].base, 1000);
}

static void a_segment_sent_again_is_lost(void **state)
{
    (void)state;
    struct talk talk = {0};
    shake_hands(&talk);
    say(&talk, 0, PSH | ACK, 1001, 5001, 100, 500);
    assert_int_equal(talk.tcp.side[0].lost, 0);
    say(&talk, 0, PSH | ACK, 1001, 5001, 100, 500);
    assert_int_equal(talk.tcp.side[0].lost, 1);
    assert_true(talk.tcp.side[0].marks & WEIR_TCP_MARK_LOSS);
    weir_tcp_begin(&talk.tcp);
    assert_int_equal(talk.tcp.side[0].lost, 0);
    assert_false(talk.tcp.side[0].marks & WEIR_TCP_MARK_LOSS);
    assert_int_equal(talk.tcp.side[0].base, talk.tcp.side[0].next);
}

static void a_segment_that_is_missing_is_a_gap(void **state)
{
    (void)state;
    struct talk talk = {0};
    shake_hands(&talk);
    say(&talk, 0, PSH | ACK, 1001, 5001, 100, 500);
    assert_int_equal(weir_tcp_gap(&talk.tcp, 0), 0);
    say(&talk, 0, PSH | ACK, 1301, 5001, 100, 500);
    assert_int_equal(weir_tcp_gap(&talk.tcp, 0), 200);
}

static void a_shut_window_is_marked_and_idle(void **state)
{
    (void)state;
    struct talk talk = {0};
    shake_hands(&talk);
    say(&talk, 1, ACK, 5001, 1001, 0, 0);
    assert_true(talk.tcp.side[1].marks & WEIR_TCP_MARK_SHUT);
    assert_int_equal(talk.tcp.side[1].window, 500); /* the last that was open */
    assert_false(talk.effect.active);
}

static void data_behind_unacknowledged_data_is_active(void **state)
{
    (void)state;
    struct talk talk = {0};
    shake_hands(&talk);
    say(&talk, 0, PSH | ACK, 1001, 5001, 100, 500);
    assert_false(talk.effect.active);
    say(&talk, 0, PSH | ACK, 1101, 5001, 100, 500);
    assert_true(talk.effect.active);
    say(&talk, 1, ACK, 5001, 1201, 0, 500);
    assert_false(talk.effect.active);
    say(&talk, 0, PSH | ACK, 1201, 5001, 100, 500);
    assert_false(talk.effect.active);
}

static void a_close_and_a_new_connection(void **state)
{
    (void)state;
    struct talk talk = {0};
    shake_hands(&talk);
    say(&talk, 0, FIN | ACK, 1001, 5001, 0, 500);
    assert_int_equal(talk.tcp.state, WEIR_TCP_FIN_WAIT);
    say(&talk, 0, SYN, 9000, 0, 0, 500);
    assert_true(talk.effect.restart);
    struct talk acknowledged = {0};
    shake_hands(&acknowledged);
    say(&acknowledged, 0, PSH | ACK, 1001, 5001, 100, 500);
    say(&acknowledged, 0, FIN | ACK, 1101, 5001, 0, 500);
    say(&acknowledged, 1, ACK, 5001, 1102, 0, 500);
    assert_int_equal(acknowledged.tcp.state, WEIR_TCP_FIN_ACKED);
    say(&acknowledged, 0, SYN, 9000, 0, 0, 500);
    assert_false(acknowledged.effect.restart);
}

static void a_reset_before_anything_waits_for_a_syn(void **state)
{
    (void)state;
    struct talk talk = {0};
    say(&talk, 0, RST, 1000, 0, 0, 0);
    assert_int_equal(talk.tcp.state, WEIR_TCP_LISTEN);
    say(&talk, 1, ACK, 5000, 1001, 7, 500);
    assert_false(talk.effect.restart);
    assert_int_equal(talk.effect.payload, 27); /* its header too: so Argus counts it */
    say(&talk, 0, SYN, 1000, 0, 0, 500);
    assert_true(talk.effect.restart);
    assert_true(talk.tcp.brief);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handshake_is_timed),
        cmocka_unit_test(either_end_may_be_side_one),
        cmocka_unit_test(a_segment_sent_again_is_lost),
        cmocka_unit_test(a_segment_that_is_missing_is_a_gap),
        cmocka_unit_test(a_shut_window_is_marked_and_idle),
        cmocka_unit_test(data_behind_unacknowledged_data_is_active),
        cmocka_unit_test(a_close_and_a_new_connection),
        cmocka_unit_test(a_reset_before_anything_waits_for_a_syn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
