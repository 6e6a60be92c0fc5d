#include "check.h"

#include <pthread.h>

#include "delivery/sender.h"
#include "folder.h"
#include "guest.h"

/* As the sender's thread does it after a while without frames. */
static void renew(fw_sender *sender) {
    fw_region old;
    pthread_mutex_lock(&sender->lock);
    fw_pool_renew(sender->pool, &old);
    sender->outputs[0]->kind->tend(sender->outputs[0], fw_now());
    pthread_mutex_unlock(&sender->lock);
    fw_region_close(&old);
}

static void workers_are_given_fresh_memory_before_frames_in_it(void **state) {
    (void)state;
    fw_sender *sender = open_sender(FW_SENDER_OPTIONS(.drain = FW_MS));
    guest worker, other;
    enter_worker(&worker, sender, 1);
    settle_inside(&worker);
    uint64_t first = worker.region;
    send_frame(sender);
    read_frame(&worker, 0);
    answer_inside(&worker);
    settle_inside(&worker);
    renew(sender);
    assert_false(has_packet(&worker)); /* it reads the frame still */
    release(&worker, first);
    settle_inside(&worker);
    renew(sender);
    take_memory(&worker);
    assert_true(worker.region != first);
    enter_worker(&other, sender, 2);
    settle_inside(&other);
    assert_true(other.region == worker.region);
    send_frame(sender);
    send_frame(sender);
    read_frame(&worker, 1);
    read_frame(&other, 2);

    /* A release that names the old region is none. */
    uint64_t unknown = counts_of(sender).unknown;
    answer_inside(&worker);
    release(&worker, first);
    settle_inside(&worker);
    assert_int_equal(counts_of(sender).unknown, unknown + 1);
    answer_inside(&other);
    release(&other, other.region);
    settle_inside(&other);
    renew(sender);
    assert_false(has_packet(&worker) || has_packet(&other));
    release(&worker, worker.region);
    settle_inside(&worker);
    renew(sender);
    assert_true(has_packet(&worker) && has_packet(&other));
    leave(&worker);
    leave(&other);
    fw_sender_close(&sender);
}

static void the_last_frame_waits_for_late_observers_in_fresh_memory_too(void **state) {
    (void)state;
    fw_sender *sender = open_sender(FW_SENDER_OPTIONS(.drain = FW_MS));
    guest worker;
    enter_worker(&worker, sender, 1);
    for (uint64_t seq = 0; seq < 3; seq++) {
        send_frame(sender);
        read_frame(&worker, seq);
        answer_inside(&worker);
        release(&worker, worker.region);
        settle_inside(&worker);
    }
    uint64_t before = worker.region;
    renew(sender);
    take_memory(&worker);
    assert_true(worker.region != before);
    peer late = join(sender, FW_ROLE_OBSERVER, 2, 1);
    hear_frame(&late, 2);
    close_peer(&late);
    leave(&worker);
    fw_sender_close(&sender);
}

static void one_that_does_not_read_is_given_no_more_memory(void **state) {
    (void)state;
    fw_sender *sender = open_sender(FW_SENDER_OPTIONS(.drain = FW_MS));
    const fw_output *output = sender->outputs[0];
    guest worker;
    enter_worker(&worker, sender, 1);
    settle_inside(&worker);
    pthread_mutex_lock(&sender->lock);
    assert_true(output->kind->keeps_up(output));
    pthread_mutex_unlock(&sender->lock);
    renew(sender);
    pthread_mutex_lock(&sender->lock);
    assert_false(output->kind->keeps_up(output));
    pthread_mutex_unlock(&sender->lock);
    take_memory(&worker);
    pthread_mutex_lock(&sender->lock);
    assert_true(output->kind->keeps_up(output));
    pthread_mutex_unlock(&sender->lock);
    leave(&worker);
    fw_sender_close(&sender);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(workers_are_given_fresh_memory_before_frames_in_it),
        cmocka_unit_test(the_last_frame_waits_for_late_observers_in_fresh_memory_too),
        cmocka_unit_test(one_that_does_not_read_is_given_no_more_memory),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
