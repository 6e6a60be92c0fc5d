#include "check.h"

#include <stdlib.h>

#include "memory/buddy.h"

#define UNIT FW_BUDDY_UNIT

static void orders_are_the_smallest_that_fit(void **state) {
    (void)state;
    assert_int_equal(fw_buddy_order(0), 0);
    assert_int_equal(fw_buddy_order(UNIT), 0);
    assert_int_equal(fw_buddy_order(UNIT + 1), 1);
    assert_int_equal(fw_buddy_order(2 * UNIT), 1);
    assert_int_equal(fw_buddy_order(2 * UNIT + 1), 2);
    assert_int_equal(fw_buddy_order(1920 * 1080 * 3), fw_buddy_order(8 << 20));
    assert_int_equal(fw_buddy_order(SIZE_MAX), 52);
}

static void any_size_is_used_to_its_last_unit(void **state) {
    (void)state;
    for (size_t units = 1; units < 40; units++) {
        fw_buddy buddy;
        assert_ok(fw_buddy_open(&buddy, units * UNIT + UNIT - 1));
        uint64_t seen = 0;
        size_t offset;
        for (size_t i = 0; i < units; i++) {
            assert_true(fw_buddy_take(&buddy, 0, &offset));
            assert_true(offset / UNIT < units && !(seen >> offset / UNIT & 1));
            seen |= 1ull << offset / UNIT;
        }
        assert_false(fw_buddy_take(&buddy, 0, &offset));
        for (size_t i = units; i-- > 0;)
            fw_buddy_give(&buddy, i * UNIT, 0);
        assert_int_equal(buddy.orders, units); /* one block for each one-bit again */
        fw_buddy_close(&buddy);
    }
}

static void the_block_freed_last_is_taken_first(void **state) {
    (void)state;
    fw_buddy buddy;
    assert_ok(fw_buddy_open(&buddy, 16 * UNIT));
    size_t a = 0, b = 0, c = 0, again = 0;
    assert_true(fw_buddy_take(&buddy, 1, &a) && fw_buddy_take(&buddy, 1, &b) && fw_buddy_take(&buddy, 1, &c));
    fw_buddy_give(&buddy, a, 1);
    fw_buddy_give(&buddy, c, 1); /* merges with its free neighbour */
    assert_true(fw_buddy_take(&buddy, 1, &again));
    assert_int_equal(again, a);
    fw_buddy_close(&buddy);
}

static void sizes_beyond_the_account_are_refused(void **state) {
    (void)state;
    fw_buddy buddy;
    assert_int_equal(fw_buddy_open(&buddy, UNIT - 1), FW_NO_MEMORY);
    assert_int_equal(fw_buddy_open(&buddy, SIZE_MAX), FW_NO_MEMORY);
    assert_ok(fw_buddy_open(&buddy, UNIT));
    size_t offset;
    assert_false(fw_buddy_take(&buddy, 1, &offset));
    assert_false(fw_buddy_take(&buddy, 52, &offset));
    fw_buddy_close(&buddy);
}

#define UNITS 733 /* 512 + 128 + 64 + 16 + 8 + 4 + 1 */

typedef struct taken {
    size_t offset;
    unsigned order;
} taken;

/* Random loans and returns against a map of units. SEED in the environment replays a run. */
static void blocks_never_overlap_and_merge_back_whole(void **state) {
    (void)state;
    const char *given = getenv("SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : 20260101;
    print_message("# seed %u\n", seed);
    fw_buddy buddy;
    assert_ok(fw_buddy_open(&buddy, UNITS * UNIT));
    static uint8_t map[UNITS];
    static taken out[UNITS];
    size_t count = 0, used = 0;
    for (int step = 0; step < 200000; step++) {
        bool growing = (step / 5000) % 2 == 0;
        if (rand_r(&seed) % 8 < (growing ? 5 : 3)) {
            taken new = { .order = (unsigned)rand_r(&seed) % (rand_r(&seed) % 10 + 1u) };
            size_t units = (size_t)1 << new.order;
            if (!fw_buddy_take(&buddy, new.order, &new.offset)) {
                for (size_t at = 0; at + units <= UNITS; at += units) /* truly none? */
                    if (!memchr(map + at, 1, units))
                        fail_msg("step %d: order %u is free at %zu and was not given", step, new.order, at);
                continue;
            }
            assert_int_equal(new.offset % (units * UNIT), 0);
            size_t first = new.offset / UNIT;
            assert_true(first + units <= UNITS);
            assert_null(memchr(map + first, 1, units));
            memset(map + first, 1, units);
            out[count++] = new;
            used += units;
            assert_true(used <= UNITS);
        } else if (count) {
            size_t which = (size_t)rand_r(&seed) % count;
            taken old = out[which];
            out[which] = out[--count];
            memset(map + old.offset / UNIT, 0, (size_t)1 << old.order);
            used -= (size_t)1 << old.order;
            fw_buddy_give(&buddy, old.offset, old.order);
        }
    }
    while (count) {
        count--;
        fw_buddy_give(&buddy, out[count].offset, out[count].order);
    }
    assert_int_equal(buddy.orders, UNITS);
    fw_buddy_close(&buddy);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_are_the_smallest_that_fit),
        cmocka_unit_test(any_size_is_used_to_its_last_unit),
        cmocka_unit_test(the_block_freed_last_is_taken_first),
        cmocka_unit_test(sizes_beyond_the_account_are_refused),
        cmocka_unit_test(blocks_never_overlap_and_merge_back_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
