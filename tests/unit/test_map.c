#include "base/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void what_is_put_is_found_until_it_is_taken(void **state) {
    (void)state;
    fw_map map = { 0 };
    int values[3];
    assert_null(fw_map_get(&map, 7));
    assert_null(fw_map_take(&map, 7));
    assert_int_equal(fw_map_put(&map, 0, &values[0]), FW_OK);
    assert_int_equal(fw_map_put(&map, UINT64_MAX, &values[1]), FW_OK);
    assert_int_equal(fw_map_put(&map, 0, &values[2]), FW_OK);
    assert_int_equal(map.count, 2);
    assert_ptr_equal(fw_map_get(&map, 0), &values[2]);
    assert_ptr_equal(fw_map_take(&map, UINT64_MAX), &values[1]);
    assert_null(fw_map_get(&map, UINT64_MAX));
    assert_int_equal(map.count, 1);
    fw_map_free(&map, NULL);
}

/* Against a plain array: a window of keys that moves on, as frames do, with some that stay behind for ever. */
static void a_moving_window_with_stragglers_matches_a_plain_array(void **state) {
    (void)state;
    enum { KEYS = 20000, WINDOW = 300 };
    static char there[KEYS];
    fw_map map = { 0 };
    unsigned random = 12345;
    for (unsigned key = 0; key < KEYS; key++) {
        assert_int_equal(fw_map_put(&map, key, &there[key]), FW_OK);
        there[key] = 1;
        random = random * 1103515245 + 12345;
        unsigned gone = key > WINDOW ? key - (random >> 16) % WINDOW : key;
        if (random % 50 != 0 && there[gone]) {
            assert_ptr_equal(fw_map_take(&map, gone), &there[gone]);
            there[gone] = 0;
        }
    }
    size_t count = 0;
    for (unsigned key = 0; key < KEYS; key++) {
        assert_ptr_equal(fw_map_get(&map, key), there[key] ? &there[key] : NULL);
        count += (size_t)there[key];
    }
    assert_int_equal(map.count, count);
    fw_map_free(&map, NULL);
}

static void freeing_drops_each_value_once(void **state) {
    (void)state;
    fw_map map = { 0 };
    for (uint64_t key = 0; key < 100; key++)
        assert_int_equal(fw_map_put(&map, key * 1024, malloc(1)), FW_OK);
    fw_map_free(&map, free);
    assert_null(map.entries);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_is_found_until_it_is_taken),
        cmocka_unit_test(a_moving_window_with_stragglers_matches_a_plain_array),
        cmocka_unit_test(freeing_drops_each_value_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
