#include "check.h"

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "memory/pool.h"

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)

static fw_pool *pool_of(size_t budget) {
    fw_pool *pool = NULL;
    assert_ok(fw_pool_open(budget, false, &pool));
    return pool;
}

static fw_slot *loan(fw_pool *pool, size_t size) {
    fw_slot *slot = NULL;
    assert_ok(fw_pool_loan(pool, size, 0, &slot));
    return slot;
}

static void a_slot_is_aligned_writable_memory(void **state) {
    (void)state;
    fw_pool *pool = pool_of(MIB);
    fw_slot *slot = loan(pool, 100000);
    assert_int_equal((uintptr_t)slot->data % 64, 0);
    assert_int_equal(slot->room, 128 * KIB);
    memset(slot->data, 1, slot->room);
    size_t slots;
    assert_int_equal(fw_pool_used(pool, &slots), 128 * KIB);
    assert_int_equal(slots, 1);
    fw_slot_release(slot);
    assert_int_equal(fw_pool_used(pool, &slots), 0);
    assert_int_equal(slots, 0);
    fw_pool_close(&pool);
    assert_null(pool);
    fw_pool_close(&pool);
}

static void what_can_never_fit_is_refused_at_once(void **state) {
    (void)state;
    fw_pool *pool = pool_of(3 * MIB + 5000);
    assert_int_equal(fw_pool_largest(pool), 2 * MIB);
    fw_slot *slot = (void *)1;
    assert_fails(fw_pool_loan(pool, 2 * MIB + 1, FW_FOREVER, &slot), FW_TOO_LARGE, "2097152 bytes");
    assert_null(slot);
    assert_fails(fw_pool_loan(pool, SIZE_MAX, FW_FOREVER, &slot), FW_TOO_LARGE, "larger");
    fw_pool_close(&pool);
    assert_fails(fw_pool_open(64 * KIB - 1, false, &pool), FW_INVALID, "64KiB");
    assert_null(pool);
    assert_int_equal(fw_pool_open(SIZE_MAX, false, &pool), FW_NO_MEMORY);
    assert_null(pool);
}

static void a_used_up_budget_is_full_or_times_out(void **state) {
    (void)state;
    fw_pool *pool = pool_of(MIB + 512 * KIB);
    fw_slot *large = loan(pool, MIB), *small = loan(pool, 512 * KIB), *none = NULL;
    assert_fails(fw_pool_loan(pool, 1, 0, &none), FW_FULL, "1572864 bytes in 2 frames");
    assert_fails(fw_pool_loan(pool, 1, fw_after(fw_now(), 20 * FW_MS), &none), FW_TIMEOUT, "in time");
    assert_null(none);
    fw_slot_release(small);
    fw_slot_release(large);
    fw_slot_release(loan(pool, 1));
    fw_pool_close(&pool);
}

static void the_slot_let_go_last_comes_first_and_remembers(void **state) {
    (void)state;
    fw_pool *pool = pool_of(4 * MIB);
    fw_slot *a = loan(pool, MIB), *b = loan(pool, MIB);
    assert_int_not_equal(a->index, b->index);
    assert_int_equal(a->left_by, 0);
    a->left_by = 7;
    a->left_seq = 70;
    uint32_t gen = a->gen;
    fw_slot_release(b);
    fw_slot_release(a);
    fw_slot *again = loan(pool, 900 * KIB); /* the same order */
    assert_ptr_equal(again, a);
    assert_int_equal(again->gen, gen + 1);
    assert_int_equal(again->left_by, 7);
    assert_int_equal(again->left_seq, 70);
    fw_slot_release(again);
    fw_pool_close(&pool);
}

static void free_slots_of_one_size_make_room_for_another(void **state) {
    (void)state;
    fw_pool *pool = pool_of(2 * MIB);
    fw_slot *small[8];
    for (size_t i = 0; i < 8; i++) {
        small[i] = loan(pool, 256 * KIB);
        small[i]->left_by = 1;
    }
    for (size_t i = 0; i < 8; i++)
        fw_slot_release(small[i]);
    fw_slot *whole = loan(pool, 2 * MIB);
    assert_int_equal(whole->room, 2 * MIB);
    assert_int_equal(whole->left_by, 0); /* another slot now */
    assert_true(whole->gen > 1);         /* but never the same gen twice under one index */
    assert_in_range(whole->index, 0, 7);
    fw_slot_release(whole);
    fw_pool_close(&pool);
}

static void the_last_reference_lets_a_slot_go(void **state) {
    (void)state;
    fw_pool *pool = pool_of(64 * KIB);
    fw_slot *slot = loan(pool, 64 * KIB), *none;
    fw_slot_retain(slot);
    fw_slot_release(slot);
    assert_int_equal(fw_pool_loan(pool, 1, 0, &none), FW_FULL);
    fw_slot_release(slot);
    fw_slot_release(loan(pool, 1));
    fw_pool_close(&pool);
}

static void memory_outlives_the_pool_that_is_closed(void **state) {
    (void)state;
    fw_pool *pool = pool_of(MIB);
    fw_slot *first = loan(pool, 8 * KIB), *second = loan(pool, 16 * KIB);
    fw_pool_close(&pool);
    fw_slot_release(first);
    memset(second->data, 3, 16 * KIB);
    fw_slot_release(second);
}

static size_t pages_taken(const fw_pool *pool) {
    struct stat facts;
    assert_int_equal(fstat(fw_pool_region(pool)->fd, &facts), 0);
    return (size_t)facts.st_blocks * 512;
}

static void pages_are_taken_for_what_is_used(void **state) {
    (void)state;
    fw_pool *pool = pool_of(16 * MIB);
    fw_slot *a = loan(pool, 4 * MIB + 1), *b = loan(pool, 4 * MIB + 1);
    assert_int_equal(pages_taken(pool), 12 * MIB); /* three chunks of four in each block */
    fw_slot_release(b);
    fw_slot_release(a);
    fw_slot *c = loan(pool, 2 * MIB), *d = loan(pool, 4 * MIB); /* blocks anew, of what was a's */
    assert_int_equal(d->offset, 4 * MIB);
    assert_int_equal(pages_taken(pool), 14 * MIB);
    fw_slot_release(c);
    fw_slot_release(d);
    fw_pool_close(&pool);
}

/* As a sender does it. true: there is a fresh region. */
static bool renews(fw_pool *pool, fw_time now) {
    fw_region old = { .fd = -1 };
    uint64_t before = fw_pool_region(pool)->number;
    if (fw_pool_is_idle(pool, now))
        fw_pool_renew(pool, &old);
    fw_region_close(&old);
    return fw_pool_region(pool)->number != before;
}

static void an_idle_pool_gives_its_pages_back(void **state) {
    (void)state;
    fw_pool *pool = pool_of(64 * MIB);
    fw_slot *slot = loan(pool, 20 * MIB);
    memset(slot->data, 7, 20 * MIB);
    uint32_t gen = slot->gen, index = slot->index;
    const uint8_t *reader = mmap(NULL, 64 * MIB, PROT_READ, MAP_SHARED, fw_pool_region(pool)->fd, 0);
    assert_ptr_not_equal(reader, MAP_FAILED);
    size_t offset = slot->offset;
    assert_false(renews(pool, FW_SECOND));
    assert_false(renews(pool, FW_SECOND + FW_POOL_IDLE)); /* the slot is out */
    fw_slot_release(slot);
    assert_false(renews(pool, 2 * FW_POOL_IDLE));
    assert_true(renews(pool, FW_SECOND + 2 * FW_POOL_IDLE));
    assert_int_equal(pages_taken(pool), 0);
    assert_int_equal(reader[offset], 7); /* who had mapped it keeps it */
    assert_int_equal(reader[offset + 20 * MIB - 1], 7);
    munmap((void *)reader, 64 * MIB);

    slot = loan(pool, 20 * MIB);
    assert_int_equal(slot->index, index);
    assert_int_equal(slot->gen, gen + 1);
    assert_int_equal(pages_taken(pool), 20 * MIB);
    memset(slot->data, 8, 20 * MIB);
    fw_slot_release(slot);
    assert_false(renews(pool, 100 * FW_POOL_IDLE)); /* something was loaned */
    assert_true(renews(pool, 101 * FW_POOL_IDLE));
    fw_pool_close(&pool);
}

static void few_pages_are_kept(void **state) {
    (void)state;
    fw_pool *pool = pool_of(64 * MIB);
    fw_slot_release(loan(pool, FW_POOL_WORTH - 2 * MIB));
    for (fw_time now = FW_SECOND; now < 10 * FW_POOL_IDLE; now += FW_SECOND)
        assert_false(renews(pool, now));
    fw_pool_close(&pool);
}

static void what_waits_is_copied(void **state) {
    (void)state;
    fw_pool *pool = pool_of(128 * MIB);
    fw_slot *other = loan(pool, 30 * MIB), *slot = loan(pool, 20 * MIB);
    memset(slot->data, 7, 20 * MIB);
    slot->movable = true;
    fw_slot_release(other);
    assert_false(renews(pool, FW_SECOND));
    fw_slot_retain(slot); /* whoever this is may read it where it is */
    assert_false(renews(pool, FW_SECOND + FW_POOL_IDLE));
    fw_slot_release(slot);
    size_t offset = slot->offset;
    assert_true(renews(pool, FW_SECOND + 2 * FW_POOL_IDLE));
    assert_int_equal(pages_taken(pool), 20 * MIB);
    assert_int_equal(slot->offset, offset);
    assert_ptr_equal(slot->data, fw_pool_region(pool)->base + offset);
    for (size_t i = 0; i < 20 * MIB; i += 4095)
        assert_int_equal(slot->data[i], 7);
    /* There is no more to be given back; and what is loaned lies elsewhere. */
    assert_false(renews(pool, 100 * FW_POOL_IDLE));
    other = loan(pool, 20 * MIB);
    memset(other->data, 8, 20 * MIB);
    assert_int_equal(slot->data[0] | slot->data[20 * MIB - 1], 7);
    fw_slot_release(other);
    slot->movable = false;
    fw_slot_release(slot);
    fw_pool_close(&pool);
}

static void a_stopped_pool_lends_no_more(void **state) {
    (void)state;
    fw_pool *pool = pool_of(MIB);
    fw_pool_stop(pool);
    fw_slot *none;
    assert_fails(fw_pool_loan(pool, 1, FW_FOREVER, &none), FW_CLOSED, "stopped");
    fw_pool_close(&pool);
}

#define UNIT  ((size_t)4096)
#define UNITS ((size_t)301)

/* Is an aligned run of so many units free? */
static bool has_room(const uint8_t *map, size_t units) {
    for (size_t at = 0; at + units <= UNITS; at += units)
        if (!memchr(map + at, 1, units))
            return true;
    return false;
}

/* Against a map of 4 KiB units. SEED in the environment replays a run. */
static void slots_never_overlap_nor_pass_the_budget(void **state) {
    (void)state;
    const char *given = getenv("SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : 20260101;
    print_message("# seed %u\n", seed);
    fw_pool *pool = pool_of(UNITS * UNIT + 1000);
    static uint8_t map[UNITS];
    fw_slot *out[UNITS];
    size_t count = 0, used = 0;
    for (int step = 0; step < 50000; step++) {
        bool growing = step / 500 % 2 == 0;
        if (rand_r(&seed) % 8 < (growing ? 5 : 3)) {
            size_t size = (size_t)rand_r(&seed) % (UNIT << rand_r(&seed) % 9) + 1, units = 1;
            while (units * UNIT < size)
                units *= 2;
            fw_slot *slot = NULL;
            fw_status status = fw_pool_loan(pool, size, 0, &slot);
            assert_int_equal(status, has_room(map, units) ? FW_OK : FW_FULL);
            if (!slot)
                continue;
            assert_int_equal(slot->room, units * UNIT);
            assert_int_equal(slot->offset % slot->room, 0);
            assert_true(slot->offset + slot->room <= UNITS * UNIT);
            assert_null(memchr(map + slot->offset / UNIT, 1, units));
            memset(map + slot->offset / UNIT, 1, units);
            for (size_t i = 0; i < count; i++)
                assert_int_not_equal(out[i]->index, slot->index);
            out[count++] = slot;
            used += slot->room;
        } else if (count) {
            size_t which = (size_t)rand_r(&seed) % count;
            fw_slot *slot = out[which];
            out[which] = out[--count];
            memset(map + slot->offset / UNIT, 0, slot->room / UNIT);
            used -= slot->room;
            fw_slot_release(slot);
        }
        size_t slots;
        assert_int_equal(fw_pool_used(pool, &slots), used);
        assert_int_equal(slots, count);
    }
    while (count)
        fw_slot_release(out[--count]);
    fw_slot_release(loan(pool, fw_pool_largest(pool)));
    fw_pool_close(&pool);
}

/* A thread that loans, and waits. */
typedef struct borrower {
    pthread_t thread;
    fw_pool *pool;
    size_t size;
    fw_time patience;
    fw_status status;
    fw_slot *slot;
    atomic_bool back;
} borrower;

static void *borrow(void *arg) {
    borrower *self = arg;
    self->status = fw_pool_loan(self->pool, self->size, fw_after(fw_now(), self->patience), &self->slot);
    atomic_store(&self->back, true);
    return NULL;
}

/* Returns when so many wait, or when it is back already. */
static void start(borrower *self, fw_pool *pool, size_t size, fw_time patience, unsigned waiters) {
    *self = (borrower){ .pool = pool, .size = size, .patience = patience };
    assert_int_equal(pthread_create(&self->thread, NULL, borrow, self), 0);
    while (fw_pool_waiting(pool) != waiters && !atomic_load(&self->back))
        sched_yield();
}

static void waiters_are_served_in_order_of_arrival(void **state) {
    (void)state;
    fw_pool *pool = pool_of(MIB);
    fw_slot *quarter[4];
    for (size_t i = 0; i < 4; i++)
        quarter[i] = loan(pool, 256 * KIB);
    borrower large, small;
    start(&large, pool, MIB, FW_FOREVER, 1);
    start(&small, pool, 4 * KIB, FW_FOREVER, 2);
    fw_slot *none;
    for (size_t i = 0; i < 3; i++)
        fw_slot_release(quarter[i]);
    assert_false(atomic_load(&small.back)); /* there is room, but the large one was first */
    assert_int_equal(fw_pool_loan(pool, 4 * KIB, 0, &none), FW_FULL);
    fw_slot_release(quarter[3]);
    pthread_join(large.thread, NULL);
    assert_int_equal(large.status, FW_OK);
    assert_false(atomic_load(&small.back));
    fw_slot_release(large.slot);
    pthread_join(small.thread, NULL);
    assert_int_equal(small.status, FW_OK);
    fw_slot_release(small.slot);
    fw_pool_close(&pool);
}

static void a_waiter_that_gives_up_lets_the_next_through(void **state) {
    (void)state;
    fw_pool *pool = pool_of(MIB);
    fw_slot *half = loan(pool, 512 * KIB);
    borrower large, small;
    start(&large, pool, MIB, 200 * FW_MS, 1);
    start(&small, pool, 4 * KIB, FW_FOREVER, 2);
    pthread_join(small.thread, NULL);
    assert_int_equal(small.status, FW_OK);
    pthread_join(large.thread, NULL);
    assert_int_equal(large.status, FW_TIMEOUT);
    fw_slot_release(small.slot);
    fw_slot_release(half);
    fw_pool_close(&pool);
}

static void stopping_wakes_all_who_wait(void **state) {
    (void)state;
    fw_pool *pool = pool_of(MIB);
    fw_slot *all = loan(pool, MIB);
    borrower waiting[3];
    for (unsigned i = 0; i < 3; i++)
        start(&waiting[i], pool, 4 * KIB, i == 1 ? 3600 * FW_SECOND : FW_FOREVER, i + 1);
    fw_pool_stop(pool);
    for (unsigned i = 0; i < 3; i++) {
        pthread_join(waiting[i].thread, NULL);
        assert_int_equal(waiting[i].status, FW_CLOSED);
        assert_null(waiting[i].slot);
    }
    assert_int_equal(fw_pool_waiting(pool), 0);
    fw_slot_release(all);
    fw_pool_close(&pool);
}

typedef struct churner {
    pthread_t thread;
    fw_pool *pool;
    unsigned seed;
    uint8_t mark;
    int overwritten, refused;
} churner;

static void put_back(churner *self, fw_slot *slot) {
    self->overwritten += slot->data[0] != self->mark || slot->data[slot->room - 1] != (uint8_t)slot->gen;
    fw_slot_retain(slot);
    fw_slot_release(slot);
    fw_slot_release(slot);
}

/* Mark each slot at both ends, let go a little later, look whether anyone else wrote there. */
static void *churn(void *arg) {
    churner *self = arg;
    fw_slot *held[4] = { 0 };
    for (int i = 0; i < 3000; i++) {
        fw_slot **at = &held[i % 4];
        if (*at)
            put_back(self, *at);
        size_t size = (size_t)4096 << rand_r(&self->seed) % 5;
        fw_status status = fw_pool_loan(self->pool, size, i % 3 ? fw_after(fw_now(), FW_MS) : 0, at);
        if (status == FW_OK) {
            (*at)->data[0] = self->mark;
            (*at)->data[(*at)->room - 1] = (uint8_t)(*at)->gen;
        } else {
            self->refused += status != FW_FULL && status != FW_TIMEOUT;
        }
    }
    for (size_t i = 0; i < 4; i++)
        if (held[i])
            put_back(self, held[i]);
    return NULL;
}

static void threads_share_a_pool_that_is_too_small(void **state) {
    (void)state;
    fw_pool *pool = pool_of(300 * KIB);
    churner churners[4];
    for (unsigned i = 0; i < 4; i++) {
        churners[i] = (churner){ .pool = pool, .seed = i, .mark = (uint8_t)(i + 1) };
        assert_int_equal(pthread_create(&churners[i].thread, NULL, churn, &churners[i]), 0);
    }
    for (int i = 0; i < 200; i++) { /* now and then nothing is out */
        fw_region old;
        fw_pool_renew(pool, &old);
        fw_region_close(&old);
        sched_yield();
    }
    for (unsigned i = 0; i < 4; i++) {
        pthread_join(churners[i].thread, NULL);
        assert_int_equal(churners[i].overwritten, 0);
        assert_int_equal(churners[i].refused, 0);
    }
    size_t slots;
    assert_int_equal(fw_pool_used(pool, &slots), 0);
    assert_int_equal(slots, 0);
    fw_slot_release(loan(pool, fw_pool_largest(pool))); /* all has merged */
    fw_pool_close(&pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slot_is_aligned_writable_memory),
        cmocka_unit_test(what_can_never_fit_is_refused_at_once),
        cmocka_unit_test(a_used_up_budget_is_full_or_times_out),
        cmocka_unit_test(the_slot_let_go_last_comes_first_and_remembers),
        cmocka_unit_test(free_slots_of_one_size_make_room_for_another),
        cmocka_unit_test(the_last_reference_lets_a_slot_go),
        cmocka_unit_test(memory_outlives_the_pool_that_is_closed),
        cmocka_unit_test(pages_are_taken_for_what_is_used),
        cmocka_unit_test(an_idle_pool_gives_its_pages_back),
        cmocka_unit_test(few_pages_are_kept),
        cmocka_unit_test(what_waits_is_copied),
        cmocka_unit_test(a_stopped_pool_lends_no_more),
        cmocka_unit_test(slots_never_overlap_nor_pass_the_budget),
        cmocka_unit_test(waiters_are_served_in_order_of_arrival),
        cmocka_unit_test(a_waiter_that_gives_up_lets_the_next_through),
        cmocka_unit_test(stopping_wakes_all_who_wait),
        cmocka_unit_test(threads_share_a_pool_that_is_too_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
