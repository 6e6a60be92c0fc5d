#include "pipeline/window.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static void what_is_finished_out_of_order_is_delivered_in_order(void **state) {
    (void)state;
    fw_window window;
    int things[4] = { 0, 1, 2, 3 };
    assert_int_equal(fw_window_open(&window, 4), FW_OK);
    assert_null(fw_window_finish(&window, 2, &things[2]));
    assert_null(fw_window_finish(&window, 1, &things[1]));
    assert_ptr_equal(fw_window_finish(&window, 0, &things[0]), &things[0]);
    assert_ptr_equal(fw_window_delivered(&window), &things[1]);
    assert_null(fw_window_finish(&window, 3, &things[3])); /* somebody is at it */
    assert_ptr_equal(fw_window_delivered(&window), &things[2]);
    assert_ptr_equal(fw_window_delivered(&window), &things[3]);
    assert_null(fw_window_delivered(&window));
    assert_ptr_equal(fw_window_finish(&window, 4, &things[0]), &things[0]);
    assert_null(fw_window_delivered(&window));
    fw_window_close(&window);
}

enum { THREADS = 4, WIDTH = 8, TICKETS = 4000 };

typedef struct crowd {
    fw_window window;
    atomic_uint_fast64_t taken;
    uint64_t delivered; /* by who delivers: no lock of its own */
    atomic_uint_fast64_t settled;
    atomic_bool broken;
} crowd;

static void *work(void *arg) {
    crowd *self = arg;
    unsigned seed = (unsigned)(uintptr_t)&seed;
    for (uint64_t ticket; (ticket = atomic_fetch_add(&self->taken, 1)) < TICKETS;) {
        fw_window_enter(&self->window, ticket);
        if (ticket >= atomic_load(&self->settled) + WIDTH)
            self->broken = true; /* beyond the window */
        if (rand_r(&seed) % 64 == 0)
            usleep(200);
        uint64_t *thing = malloc(sizeof *thing);
        *thing = ticket;
        for (thing = fw_window_finish(&self->window, ticket, thing); thing != NULL;) {
            if (*thing != self->delivered++)
                self->broken = true;
            free(thing);
            atomic_fetch_add(&self->settled, 1);
            thing = fw_window_delivered(&self->window);
        }
    }
    return NULL;
}

static void many_threads_deliver_all_in_order_within_the_window(void **state) {
    (void)state;
    crowd all = { .taken = 0 };
    assert_int_equal(fw_window_open(&all.window, WIDTH), FW_OK);
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, &all), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_false(all.broken);
    assert_int_equal(all.delivered, TICKETS);
    fw_window_close(&all.window);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_finished_out_of_order_is_delivered_in_order),
        cmocka_unit_test(many_threads_deliver_all_in_order_within_the_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
