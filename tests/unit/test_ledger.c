#include "check.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "delivery/ledger.h"

/* ---- A hub in short: workers A, B, C and O (an observer), frames by their seq in stream 0 ---- */

enum { A, B, C, O, WORKERS };

#define EPOCH    0xc0ffee
#define DEADLINE (30 * FW_SECOND)
#define GRACE    (5 * FW_SECOND)

static struct {
    fw_ledger *ledger;
    fw_time now;
    uint64_t next;
    fw_worker workers[WORKERS];
    fw_action actions[64];
    int count, read;
    char frames[64];
} hub;

static void drain(void) {
    hub.count = hub.read = 0;
    while (fw_ledger_next(hub.ledger, hub.now, &hub.actions[hub.count]))
        assert_true(++hub.count < 64);
}

static void open_with(fw_ledger_options options) {
    memset(&hub, 0, sizeof hub);
    hub.now = FW_SECOND;
    uint32_t stream;
    assert_ok(fw_ledger_open(&options, &hub.ledger));
    assert_ok(fw_ledger_add_stream(hub.ledger, EPOCH, &stream));
    assert_int_equal(stream, 0);
}

static int shut(void **state) {
    (void)state;
    fw_ledger_close(&hub.ledger);
    return 0;
}

static fw_key key(uint64_t seq) {
    return (fw_key){ EPOCH, seq };
}

static void hello(int who, uint32_t credit, const fw_hello *more) {
    fw_hello words = more != NULL ? *more : (fw_hello){ 0 };
    words.instance = 1000 + (uint64_t)who;
    words.observer = who == O;
    hub.workers[who] = fw_ledger_on_hello(hub.ledger, hub.now, &words);
    assert_int_not_equal(hub.workers[who], 0);
    if (credit > 0)
        fw_ledger_on_credit(hub.ledger, hub.now, hub.workers[who], credit);
    drain();
}

static void capture(int count) {
    for (; count > 0; count--, hub.next++) {
        fw_capture frame = { .seq = hub.next,
                             .frame = &hub.frames[hub.next % 64],
                             .slot = (uint32_t)(hub.next % 64),
                             .gen = 7 + hub.next,
                             .size = 1 };
        assert_ok(fw_ledger_on_frame(hub.ledger, hub.now, 0, &frame));
    }
    drain();
}

#define SAYS(what)                                                            \
    static void what##s(int who, uint64_t seq) {                              \
        fw_ledger_on_##what(hub.ledger, hub.now, hub.workers[who], key(seq)); \
        drain();                                                              \
    }
SAYS(start)
SAYS(return )

static void progresses(int who, uint64_t seq) {
    fw_ledger_on_progress(hub.ledger, hub.now, hub.workers[who], key(seq));
    drain();
}

static fw_reception answers(int who, uint64_t seq) {
    fw_reception would = fw_ledger_would_accept(hub.ledger, hub.workers[who], key(seq));
    fw_reception reception = fw_ledger_on_result(hub.ledger, hub.now, hub.workers[who], key(seq), false);
    assert_int_equal(would, reception);
    drain();
    return reception;
}

static void releases(int who, uint64_t seq) {
    fw_ledger_on_release(hub.ledger, hub.now, hub.workers[who], (uint32_t)(seq % 64), 7 + seq);
    drain();
}

static void loses_connection(int who) {
    fw_ledger_on_gone(hub.ledger, hub.now, hub.workers[who], FW_GONE_CONNECTION);
    drain();
}

static void dies(int who) {
    fw_ledger_on_gone(hub.ledger, hub.now, hub.workers[who], FW_GONE_PROCESS);
    drain();
}

static void leaves(int who) {
    fw_ledger_on_bye(hub.ledger, hub.now, hub.workers[who]);
    drain();
}

static void shares(int who) {
    fw_ledger_on_door(hub.ledger, hub.now, hub.workers[who]);
    fw_ledger_set_proof(hub.ledger, hub.workers[who], true);
    drain();
}

static void passes(fw_time time) {
    hub.now += time;
    drain();
}

static const fw_action *next(void) {
    return hub.read < hub.count ? &hub.actions[hub.read++] : NULL;
}

static const fw_action *expect(fw_action_kind kind, int who, uint64_t seq) {
    const fw_action *action = next();
    if (action == NULL)
        fail_msg("nothing is done; expected action %d for frame %d", kind, (int)seq);
    else if (action->kind != kind || action->key.seq != seq || (who >= 0 && action->worker != hub.workers[who]))
        fail_msg("action %d for frame %d and worker %d; expected %d for %d and %d", action->kind, (int)action->key.seq,
                 (int)(uint32_t)action->worker, kind, (int)seq, who);
    return action;
}

static void expect_nothing(void) {
    const fw_action *action = next();
    if (action != NULL)
        fail_msg("action %d for frame %d is too much", action->kind, (int)action->key.seq);
}

static fw_account account(void) {
    fw_account is;
    fw_ledger_count(hub.ledger, 0, &is);
    assert_int_equal(is.captured, is.done + is.dead + is.dropped + is.in_flight);
    assert_int_equal(is.in_flight, is.ready + is.leased + is.started);
    return is;
}

/* ---- The way of a frame ---- */

static void a_frame_is_leased_started_done_and_let_go(void **state) {
    (void)state;
    open_with((fw_ledger_options){ 0 });
    hello(A, 2, NULL);
    capture(1);
    const fw_action *lease = expect(FW_ACTION_LEASE, A, 0);
    assert_ptr_equal(lease->frame, &hub.frames[0]);
    assert_int_equal(lease->attempt, 1);
    assert_false(lease->guarded || lease->hold || lease->copy);
    assert_int_equal(account().leased, 1);
    starts(A, 0);
    assert_int_equal(account().started, 1);
    assert_int_equal(answers(A, 0), FW_ACCEPTED);
    assert_ptr_equal(expect(FW_ACTION_LET_GO, -1, 0)->frame, &hub.frames[0]);
    expect_nothing();
    assert_int_equal(account().done, 1);
    assert_int_equal(account().in_flight, 0);
}

static void no_frame_goes_out_before_the_first_credit(void **state) {
    (void)state;
    open_with((fw_ledger_options){ 0 });
    hello(A, 0, NULL);
    capture(1);
    expect_nothing();
    fw_ledger_on_credit(hub.ledger, hub.now, hub.workers[A], 1);
    drain();
    expect(FW_ACTION_LEASE, A, 0);
}

static void a_worker_gets_no_more_than_its_credit_and_the_cap(void **state) {
    (void)state;
    open_with((fw_ledger_options){ .credit = 3 });
    hello(A, 2, NULL);
    capture(9);
    assert_int_equal(hub.count, 2);
    fw_ledger_on_credit(hub.ledger, hub.now, hub.workers[A], 50);
    drain();
    assert_int_equal(hub.count, 1);
    answers(A, 0);
    expect(FW_ACTION_LET_GO, -1, 0);
    expect(FW_ACTION_LEASE, A, 3);
    expect_nothing();
}

static void a_frame_goes_to_the_worker_with_the_fewest_then_to_the_longest_idle(void **state) {
    (void)state;
    open_with((fw_ledger_options){ 0 });
    hello(B, 2, NULL);
    hello(A, 3, NULL);
    hello(C, 2, NULL);
    capture(6);
    for (uint64_t i = 0; i < 6; i++)
        expect(FW_ACTION_LEASE, (int[]){ B, A, C, B, A, C }[i], i);
    answers(C, 2);
    answers(B, 0);
    capture(2);
    expect(FW_ACTION_LEASE, C, 6);
    expect(FW_ACTION_LEASE, B, 7);
}

static void streams_take_turns(void **state) {
    (void)state;
    open_with((fw_ledger_options){ 0 });
    uint32_t other;
    assert_ok(fw_ledger_add_stream(hub.ledger, 2, &other));
    capture(3);
    for (uint64_t i = 0; i < 3; i++)
        assert_ok(fw_ledger_on_frame(hub.ledger, hub.now, other,
                                     &(fw_capture){ .seq = i, .frame = hub.frames, .slot = FW_NO_SLOT }));
    hello(A, 6, NULL);
    for (uint64_t i = 0; i < 6; i++)
        assert_int_equal(expect(FW_ACTION_LEASE, A, i / 2)->stream, i % 2);
    assert_fails(fw_ledger_add_stream(hub.ledger, 2, &other), FW_INVALID, "epoch");
}

static void a_worker_gets_only_the_streams_that_it_takes(void **state) {
    (void)state;
    open_with((fw_ledger_options){ 0 });
    uint32_t other;
    assert_ok(fw_ledger_add_stream(hub.ledger, 2, &other));
    hello(A, 4, &(fw_hello){ .streams = &other, .stream_count = 1 });
    hello(B, 1, &(fw_hello){ .streams = &other, .stream_count = 0 });
    capture(2);
    expect_nothing();
    assert_ok(fw_ledger_on_frame(hub.ledger, hub.now, other,
                                 &(fw_capture){ .seq = 0, .frame = hub.frames, .slot = FW_NO_SLOT }));
    drain();
    assert_int_equal(expect(FW_ACTION_LEASE, A, 0)->stream, other);
    expect_nothing();
    hello(C, 1, NULL);
    assert_int_equal(expect(FW_ACTION_LEASE, C, 0)->stream, 0);
    /* A is free for nothing that C has: it keeps its frame, however long it takes. */
    fw_ledger_on_result(hub.ledger, hub.now, hub.workers[A], (fw_key){ 2, 0 }, false);
    drain();
    passes(2 * DEADLINE);
    fw_ledger_frame look;
    assert_true(fw_ledger_look_frame(hub.ledger, key(0), &look));
    assert_int_equal(look.state, FW_FRAME_LEASED);
    assert_int_equal(fw_ledger_wakes(hub.ledger), FW_FOREVER);
}

static void the_end_is_said_once_every_frame_is_settled(void **state) {
    (void)state;
    open_with((fw_ledger_options){ 0 });
    hello(A, 2, NULL);
    capture(2);
    fw_ledger_on_end(hub.ledger, hub.now, 0);
    drain();
    expect_nothing();
    answers(A, 1);
    expect(FW_ACTION_LET_GO, -1, 1);
    expect_nothing();
    answers(A, 0);
    expect(FW_ACTION_LET_GO, -1, 0);
    assert_int_equal(next()->kind, FW_ACTION_END);
    expect_nothing();
    assert_fails(fw_ledger_on_frame(hub.ledger, hub.now, 0, &(fw_capture){ .seq = 9, .slot = FW_NO_SLOT }), FW_CLOSED,
                 "ended");
}

static void drop_oldest_takes_the_oldest_that_is_ready(void **state) {
    (void)state;
    open_with((fw_ledger_options){ 0 });
    hello(A, 1, NULL);
    capture(3);
    assert_true(fw_ledger_drop_oldest(hub.ledger, hub.now, 0));
    drain();
    expect(FW_ACTION_LET_GO, -1, 1);
    returns(A, 0);
    expect(FW_ACTION_LEASE, A, 0);
    assert_true(fw_ledger_drop_oldest(hub.ledger, hub.now, 0));
    assert_false(fw_ledger_drop_oldest(hub.ledger, hub.now, 0));
    fw_ledger_drop_newest(hub.ledger, 0);
    fw_account is = account();
    assert_int_equal(is.captured, 4);
    assert_int_equal(is.dropped_oldest, 2);
    assert_int_equal(is.dropped_newest, 1);
    assert_int_equal(is.in_flight, 1);
}

/* ---- Results ---- */

static void a_result_of_a_former_holder_is_accepted_while_the_frame_is_open(void **state) {
    (void)state;
    open_with((fw_ledger_options){ 0 });
    hello(A, 1, NULL);
    capture(1);
    starts(A, 0);
    hello(B, 1, NULL);
    passes(DEADLINE);
    expect(FW_ACTION_LATE, A, 0);
    assert_true(expect(FW_ACTION_LEASE, B, 0)->guarded);
    assert_int_equal(answers(A, 0), FW_ACCEPTED);
    expect(FW_ACTION_LET_GO, -1, 0);
    expect(FW_ACTION_RECALL, B, 0);
    assert_int_equal(answers(B, 0), FW_DUPLICATE);
    fw_account is = account();
    assert_int_equal(is.done, 1);
    assert_int_equal(is.duplicates, 1);
    assert_int_equal(is.redelivered, 1);
    assert_int_equal(is.by_deadline, 1);
}

static void a_result_of_who_never_had_the_frame_is_unknown(void **state) {
    (void)state;
    open_with((fw_ledger_options){ 0 });
    hello(A, 1, NULL);
    hello(B, 1, NULL);
    capture(1);
    assert_int_equal(answers(B, 0), FW_UNKNOWN);
    assert_int_equal(answers(A, 1), FW_UNKNOWN);
    starts(B, 0);
    returns(B, 0);
    fw_ledger_totals totals;
    fw_ledger_total(hub.ledger, &totals);
    assert_int_equal(totals.unknown, 4);
    assert_int_equal(account().leased, 1);
    assert_int_equal(answers(A, 0), FW_ACCEPTED);
    assert_int_equal(answers(A, 0), FW_DUPLICATE);
    assert_int_equal(fw_ledger_on_result(hub.ledger, hub.now, 12345, key(0), false), FW_UNKNOWN);
}

static void an_error_is_done_all_the_same(void **state) {
    (void)state;
    open_with((fw_ledger_options){ 0 });
    hello(A, 1, NULL);
    capture(1);
    fw_ledger_on_result(hub.ledger, hub.now, hub.workers[A], key(0), true);
    assert_int_equal(account().done, 1);
    assert_int_equal(account().errors, 1);
}

/* ---- Deadlines, recalls ---- */

static void progress_extends_the_deadline(void **state) {
    (void)state;
    open_with((fw_ledger_options){ 0 });
    hello(A, 1, NULL);
    capture(1);
    starts(A, 0);
    hello(B, 1, NULL);
    passes(DEADLINE - 1);
    progresses(A, 0);
    passes(DEADLINE - 1);
    expect_nothing();
    assert_int_equal(fw_ledger_wakes(hub.ledger), hub.now + 1);
    passes(1);
    expect(FW_ACTION_LATE, A, 0);
    expect(FW_ACTION_LEASE, B, 0);
}

static void a_missed_deadline_takes_back_what_is_not_started_unblamed(void **state) {
    (void)state;
    open_with((fw_ledger_options){ .patience = FW_FOREVER });
    hello(A, 2, NULL);
    capture(2);
    starts(A, 0);
    hello(B, 2, NULL);
    passes(DEADLINE);
    expect(FW_ACTION_LATE, A, 0);
    expect(FW_ACTION_RECALL, A, 1);
    assert_true(expect(FW_ACTION_LEASE, B, 0)->guarded); /* alone: frame 1 waits */
    expect_nothing();
    hello(C, 2, NULL);
    assert_false(expect(FW_ACTION_LEASE, C, 1)->guarded);
    fw_ledger_worker look;
    assert_true(fw_ledger_look(hub.ledger, hub.workers[A], &look));
    assert_true(look.late);
    capture(2);
    expect(FW_ACTION_LEASE, C, 2);
    expect_nothing(); /* none for A */
    returns(A, 1);
    expect_nothing();
    answers(A, 0);
    assert_int_equal(next()->kind, FW_ACTION_LET_GO);
    expect(FW_ACTION_RECALL, B, 0);
    expect(FW_ACTION_LEASE, A, 3);
}

static void a_waiting_frame_is_recalled_for_an_idle_worker(void **state) {
    (void)state;
    open_with((fw_ledger_options){ 0 });
    hello(A, 2, NULL);
    capture(2);
    starts(A, 0);
    hello(B, 2, NULL);
    expect_nothing();
    passes(fw_ledger_wakes(hub.ledger) - hub.now);
    expect(FW_ACTION_RECALL, A, 1);
    expect_nothing(); /* leased again only on its return */
    returns(A, 1);
    expect(FW_ACTION_LEASE, B, 1);
    assert_int_equal(account().recalled, 1);
    assert_int_equal(account().redelivered, 0);
}

static void a_recall_is_void_once_the_frame_is_started(void **state) {
    (void)state;
    open_with((fw_ledger_options){ 0 });
    hello(A, 2, NULL);
    capture(2);
    starts(A, 0);
    hello(B, 2, NULL);
    passes(FW_SECOND);
    expect(FW_ACTION_RECALL, A, 1);
    answers(A, 0);
    starts(A, 1);
    expect_nothing();
    assert_int_equal(answers(A, 1), FW_ACCEPTED);
    assert_int_equal(account().recalled, 0);
}

static void who_does_not_hear_a_recall_is_no_bar_to_others(void **state) {
    (void)state;
    open_with((fw_ledger_options){ 0 });
    hello(A, 2, NULL);
    hello(B, 2, NULL);
    capture(4); /* 0 and 2 to A, 1 and 3 to B */
    starts(A, 0);
    starts(B, 1);
    hello(C, 1, NULL);
    passes(FW_SECOND);
    expect(FW_ACTION_RECALL, A, 2);
    expect_nothing(); /* there is one idle worker */
    passes(fw_ledger_wakes(hub.ledger) - hub.now);
    expect(FW_ACTION_RECALL, B, 3);
    returns(B, 3);
    expect(FW_ACTION_LEASE, C, 3);
}

static void who_starts_nothing_loses_its_frames_once_another_is_free(void **state) {
    (void)state;
    open_with((fw_ledger_options){ 0 });
    hello(A, 2, NULL);
    capture(2);
    passes(2 * DEADLINE);
    expect_nothing(); /* nobody else */
    assert_int_equal(fw_ledger_wakes(hub.ledger), FW_FOREVER);
    hello(B, 1, NULL);
    expect(FW_ACTION_RECALL, A, 0);
    expect(FW_ACTION_RECALL, A, 1);
    assert_false(expect(FW_ACTION_LEASE, B, 0)->guarded);
    starts(A, 1); /* they come at last: it may go on with what nobody else has */
    assert_int_equal(account().started, 1);
    answers(B, 0);
    assert_int_equal(answers(A, 1), FW_ACCEPTED);
    assert_int_equal(account().by_loss, 1);
}

/* ---- Connections and deaths ---- */

static void an_instance_that_is_back_in_time_goes_on(void **state) {
    (void)state;
    open_with((fw_ledger_options){ 0 });
    hello(A, 2, NULL);
    capture(1);
    starts(A, 0);
    hello(B, 2, NULL);
    loses_connection(A);
    passes(GRACE - 1);
    expect_nothing();
    hello(A, 2, &(fw_hello){ .held = &(fw_held){ key(0), true }, .held_count = 1 });
    passes(GRACE);
    expect_nothing();
    assert_int_equal(answers(A, 0), FW_ACCEPTED);
    assert_int_equal(account().redelivered, 0);
}

static void what_a_hello_does_not_name_is_ready_again(void **state) {
    (void)state;
    open_with((fw_ledger_options){ 0 });
    hello(A, 2, NULL);
    shares(A);
    capture(2);
    loses_connection(A);
    /* The frame it did not get never came, a `start` was lost, and so was a release. */
    hello(A, 2, &(fw_hello){ .held = &(fw_held){ key(1), true }, .held_count = 1 });
    const fw_action *lease = expect(FW_ACTION_LEASE, A, 0);
    assert_false(lease->guarded);
    assert_int_equal(account().started, 1);
    answers(A, 1);
    expect(FW_ACTION_LET_GO, -1, 1);
}

static void without_proof_silence_counts_as_death_until_the_next_hello(void **state) {
    (void)state;
    open_with((fw_ledger_options){ 0 });
    hello(A, 1, NULL);
    capture(1);
    starts(A, 0);
    loses_connection(A);
    passes(GRACE);
    fw_ledger_frame look;
    fw_ledger_totals totals;
    fw_ledger_total(hub.ledger, &totals);
    assert_int_equal(totals.deaths, 1);
    assert_true(fw_ledger_look_frame(hub.ledger, key(0), &look));
    assert_true(look.suspect);
    hello(A, 1, &(fw_hello){ .held = &(fw_held){ key(0), true }, .held_count = 1 });
    fw_ledger_total(hub.ledger, &totals);
    assert_int_equal(totals.deaths, 0);
    assert_true(fw_ledger_look_frame(hub.ledger, key(0), &look));
    assert_false(look.suspect);
    assert_int_equal(look.state, FW_FRAME_STARTED);
}

static void with_proof_to_come_silence_is_no_blame(void **state) {
    (void)state;
    open_with((fw_ledger_options){ 0 });
    hello(A, 1, NULL);
    fw_ledger_set_proof(hub.ledger, hub.workers[A], true);
    capture(1);
    starts(A, 0);
    loses_connection(A);
    hello(B, 1, NULL);
    passes(GRACE);
    const fw_action *silent = expect(FW_ACTION_DIED, A, 0);
    assert_false(silent->proven || silent->blamed);
    assert_false(expect(FW_ACTION_LEASE, B, 0)->guarded);
    dies(A);
    const fw_action *died = expect(FW_ACTION_DIED, A, 0);
    assert_true(died->proven && died->blamed);
}

/* A worker that runs a suspect to its death. */
static void runs_and_dies(int who, uint64_t seq, uint32_t attempt) {
    hello(who, 2, NULL);
    const fw_action *lease = expect(FW_ACTION_LEASE, who, seq);
    assert_true(lease->guarded);
    assert_int_equal(lease->attempt, attempt);
    expect_nothing();
    starts(who, seq);
    expect(FW_ACTION_GO, who, seq);
    dies(who);
}

static void the_third_proven_death_is_the_last(void **state) {
    (void)state;
    open_with((fw_ledger_options){ 0 });
    hello(A, 2, NULL);
    capture(2);
    dies(A); /* its start died with it: the oldest is the suspect */
    assert_true(expect(FW_ACTION_DIED, A, 0)->blamed);
    runs_and_dies(B, 0, 2);
    runs_and_dies(C, 0, 3);
    assert_int_equal(account().dead, 0);
    runs_and_dies(B, 0, 4);
    const fw_action *dead = expect(FW_ACTION_DEAD, B, 0);
    assert_int_equal(dead->attempt, 4);
    assert_false(dead->deadline);
    expect(FW_ACTION_LET_GO, -1, 0);
    expect(FW_ACTION_DIED, B, 0);
    hello(A, 2, NULL);
    assert_false(expect(FW_ACTION_LEASE, A, 1)->guarded); /* the innocent one */
    assert_int_equal(account().dead_by_death, 1);
}

static void a_death_before_go_proves_nothing(void **state) {
    (void)state;
    open_with((fw_ledger_options){ .attempts = 1 });
    hello(A, 1, NULL);
    capture(1);
    starts(A, 0);
    dies(A);
    for (int i = 0; i < 5; i++) {
        hello(B, 1, NULL);
        expect(FW_ACTION_LEASE, B, 0);
        dies(B); /* it never asked */
    }
    assert_int_equal(account().dead, 0);
    runs_and_dies(B, 0, 7);
    assert_int_equal(account().dead, 1);
}

static void one_worker_is_kept_from_new_frames_for_a_suspect(void **state) {
    (void)state;
    open_with((fw_ledger_options){ .patience = FW_FOREVER });
    hello(A, 1, NULL);
    capture(1);
    starts(A, 0);
    hello(B, 2, NULL);
    hello(C, 2, NULL);
    capture(6); /* 1 and 3 to B, 2 and 4 to C */
    dies(A);
    expect(FW_ACTION_DIED, A, 0);
    expect_nothing();
    answers(B, 1);
    expect(FW_ACTION_LET_GO, -1, 1);
    expect_nothing(); /* B is kept */
    answers(C, 2);
    expect(FW_ACTION_LET_GO, -1, 2);
    expect(FW_ACTION_LEASE, C, 5);
    answers(B, 3);
    expect(FW_ACTION_LET_GO, -1, 3);
    assert_true(expect(FW_ACTION_LEASE, B, 0)->guarded);
    expect_nothing();
}

static void a_clean_leave_blames_nobody(void **state) {
    (void)state;
    open_with((fw_ledger_options){ 0 });
    hello(A, 2, NULL);
    capture(2);
    starts(A, 0);
    assert_int_equal(fw_ledger_find(hub.ledger, 1000 + A), hub.workers[A]);
    leaves(A);
    assert_int_equal(fw_ledger_find(hub.ledger, 1000 + B), 0);
    hello(B, 2, NULL);
    assert_false(expect(FW_ACTION_LEASE, B, 0)->guarded);
    expect(FW_ACTION_LEASE, B, 1);
    dies(A);
    expect_nothing();
    assert_int_equal(account().by_return, 2);
}

/* ---- Memory ---- */

static void memory_is_kept_until_its_holder_releases_it(void **state) {
    (void)state;
    open_with((fw_ledger_options){ 0 });
    hello(A, 1, NULL);
    shares(A);
    capture(1);
    assert_true(expect(FW_ACTION_LEASE, A, 0)->hold);
    answers(A, 0);
    expect_nothing();
    assert_int_equal(account().held, 1);
    loses_connection(A);
    passes(2 * GRACE);
    assert_int_equal(next()->kind, FW_ACTION_DIED);
    expect_nothing(); /* it may read on */
    fw_ledger_on_release(hub.ledger, hub.now, hub.workers[A], 0, 6);
    fw_ledger_on_release(hub.ledger, hub.now, hub.workers[B], 0, 7);
    fw_ledger_on_release(hub.ledger, hub.now, hub.workers[A], 1, 7);
    drain();
    expect_nothing();
    fw_ledger_totals totals;
    fw_ledger_total(hub.ledger, &totals);
    assert_int_equal(totals.stale, 3);
    assert_int_equal(totals.pinned, 1);
    releases(A, 0);
    expect(FW_ACTION_LET_GO, -1, 0);
    assert_int_equal(account().held, 0);
}

static void a_proven_death_ends_all_holds(void **state) {
    (void)state;
    open_with((fw_ledger_options){ 0 });
    hello(A, 2, NULL);
    shares(A);
    capture(2);
    answers(A, 0);
    dies(A);
    expect(FW_ACTION_DIED, A, 1);
    expect(FW_ACTION_LET_GO, -1, 0);
    expect_nothing();
}

static void a_late_holder_keeps_its_slot_in_quarantine(void **state) {
    (void)state;
    open_with((fw_ledger_options){ 0 });
    hello(A, 1, NULL);
    shares(A);
    capture(1);
    starts(A, 0);
    hello(B, 1, NULL);
    passes(DEADLINE);
    answers(B, 0);
    expect_nothing();
    assert_int_equal(account().done, 1);
    assert_int_equal(account().held, 1);
    assert_fails(fw_ledger_on_frame(hub.ledger, hub.now, 0, &(fw_capture){ .seq = 1, .slot = 0 }), FW_INVALID,
                 "slot 0");
    assert_int_equal(answers(A, 0), FW_DUPLICATE);
    releases(A, 0);
    expect(FW_ACTION_LET_GO, -1, 0);
}

static void a_quarter_of_the_memory_is_never_pinned(void **state) {
    (void)state;
    open_with((fw_ledger_options){ .memory = 8 });
    hello(A, 10, NULL);
    shares(A);
    capture(8);
    for (uint64_t i = 0; i < 8; i++) {
        const fw_action *lease = expect(FW_ACTION_LEASE, A, i);
        assert_true(lease->hold);
        assert_int_equal(lease->copy, i >= 6);
    }
}

static void one_slot_is_never_pinned(void **state) {
    (void)state;
    open_with((fw_ledger_options){ .memory = 2 });
    hello(A, 10, NULL);
    shares(A);
    capture(2);
    assert_false(expect(FW_ACTION_LEASE, A, 0)->copy);
    assert_true(expect(FW_ACTION_LEASE, A, 1)->copy);
}

static void who_keeps_more_than_its_credit_and_two_gets_copies(void **state) {
    (void)state;
    open_with((fw_ledger_options){ 0 });
    hello(A, 1, NULL);
    shares(A);
    for (uint64_t i = 0; i < 5; i++) {
        capture(1);
        assert_int_equal(expect(FW_ACTION_LEASE, A, i)->copy, i >= 3);
        answers(A, i);
    }
    releases(A, 0);
    capture(1);
    assert_false(expect(FW_ACTION_LEASE, A, 5)->copy);
}

static void observers_hold_a_quarter_at_most_and_make_nothing_done(void **state) {
    (void)state;
    open_with((fw_ledger_options){ .memory = 8 });
    hello(O, 1, NULL);
    capture(3);
    expect_nothing();
    assert_true(fw_ledger_hold(hub.ledger, hub.now, hub.workers[O], key(0)));
    assert_true(fw_ledger_hold(hub.ledger, hub.now, hub.workers[O], key(1)));
    assert_false(fw_ledger_hold(hub.ledger, hub.now, hub.workers[O], key(2)));
    assert_int_equal(answers(O, 0), FW_UNKNOWN);
    assert_int_equal(account().ready, 3);
    hello(A, 1, NULL);
    expect(FW_ACTION_LEASE, A, 0);
    answers(A, 0);
    expect(FW_ACTION_LEASE, A, 1); /* frame 0 is held still */
    releases(O, 0);
    expect(FW_ACTION_LET_GO, -1, 0);
    assert_false(fw_ledger_hold(hub.ledger, hub.now, hub.workers[O], key(0)));
}

static void observers_hold_one_frame_in_any_case(void **state) {
    (void)state;
    open_with((fw_ledger_options){ .memory = 3 });
    hello(O, 1, NULL);
    capture(2);
    expect_nothing();
    assert_true(fw_ledger_hold(hub.ledger, hub.now, hub.workers[O], key(0)));
    assert_false(fw_ledger_hold(hub.ledger, hub.now, hub.workers[O], key(1)));
    assert_true(fw_ledger_hold(hub.ledger, hub.now, hub.workers[O], key(0)));
}

static void wrong_options_and_frames_are_refused(void **state) {
    (void)state;
    fw_ledger *none;
    assert_fails(fw_ledger_open(&(fw_ledger_options){ .credit = 65 }, &none), FW_INVALID, "64");
    assert_fails(fw_ledger_open(&(fw_ledger_options){ .grace = -1 }, &none), FW_INVALID, "below 0");
    assert_null(none);
    fw_ledger_close(&none);
    open_with((fw_ledger_options){ 0 });
    capture(2);
    assert_fails(fw_ledger_on_frame(hub.ledger, hub.now, 0, &(fw_capture){ .seq = 1, .slot = FW_NO_SLOT }), FW_INVALID,
                 "frame 1 comes where 2");
    assert_fails(fw_ledger_on_frame(hub.ledger, hub.now, 4, &(fw_capture){ .seq = 1 }), FW_INVALID, "no stream 4");
    assert_fails(fw_ledger_on_frame(hub.ledger, hub.now, 0, &(fw_capture){ .seq = 2, .slot = FW_SLOT_MAX }), FW_INVALID,
                 "slot");
    assert_int_equal(account().captured, 2);
    assert_int_equal(fw_ledger_status(hub.ledger), FW_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_frame_is_leased_started_done_and_let_go, shut),
        cmocka_unit_test_teardown(no_frame_goes_out_before_the_first_credit, shut),
        cmocka_unit_test_teardown(a_worker_gets_no_more_than_its_credit_and_the_cap, shut),
        cmocka_unit_test_teardown(a_frame_goes_to_the_worker_with_the_fewest_then_to_the_longest_idle, shut),
        cmocka_unit_test_teardown(streams_take_turns, shut),
        cmocka_unit_test_teardown(a_worker_gets_only_the_streams_that_it_takes, shut),
        cmocka_unit_test_teardown(the_end_is_said_once_every_frame_is_settled, shut),
        cmocka_unit_test_teardown(drop_oldest_takes_the_oldest_that_is_ready, shut),
        cmocka_unit_test_teardown(a_result_of_a_former_holder_is_accepted_while_the_frame_is_open, shut),
        cmocka_unit_test_teardown(a_result_of_who_never_had_the_frame_is_unknown, shut),
        cmocka_unit_test_teardown(an_error_is_done_all_the_same, shut),
        cmocka_unit_test_teardown(progress_extends_the_deadline, shut),
        cmocka_unit_test_teardown(a_missed_deadline_takes_back_what_is_not_started_unblamed, shut),
        cmocka_unit_test_teardown(a_waiting_frame_is_recalled_for_an_idle_worker, shut),
        cmocka_unit_test_teardown(a_recall_is_void_once_the_frame_is_started, shut),
        cmocka_unit_test_teardown(who_does_not_hear_a_recall_is_no_bar_to_others, shut),
        cmocka_unit_test_teardown(who_starts_nothing_loses_its_frames_once_another_is_free, shut),
        cmocka_unit_test_teardown(an_instance_that_is_back_in_time_goes_on, shut),
        cmocka_unit_test_teardown(what_a_hello_does_not_name_is_ready_again, shut),
        cmocka_unit_test_teardown(without_proof_silence_counts_as_death_until_the_next_hello, shut),
        cmocka_unit_test_teardown(with_proof_to_come_silence_is_no_blame, shut),
        cmocka_unit_test_teardown(the_third_proven_death_is_the_last, shut),
        cmocka_unit_test_teardown(a_death_before_go_proves_nothing, shut),
        cmocka_unit_test_teardown(one_worker_is_kept_from_new_frames_for_a_suspect, shut),
        cmocka_unit_test_teardown(a_clean_leave_blames_nobody, shut),
        cmocka_unit_test_teardown(memory_is_kept_until_its_holder_releases_it, shut),
        cmocka_unit_test_teardown(a_proven_death_ends_all_holds, shut),
        cmocka_unit_test_teardown(a_late_holder_keeps_its_slot_in_quarantine, shut),
        cmocka_unit_test_teardown(a_quarter_of_the_memory_is_never_pinned, shut),
        cmocka_unit_test_teardown(one_slot_is_never_pinned, shut),
        cmocka_unit_test_teardown(who_keeps_more_than_its_credit_and_two_gets_copies, shut),
        cmocka_unit_test_teardown(observers_hold_a_quarter_at_most_and_make_nothing_done, shut),
        cmocka_unit_test_teardown(observers_hold_one_frame_in_any_case, shut),
        cmocka_unit_test_teardown(wrong_options_and_frames_are_refused, shut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
