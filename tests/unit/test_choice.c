#include "memory/choice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* So many turns, whose ways take so long; how often the second was taken. */
static unsigned turns(fw_choice *choice, unsigned count, fw_time first, fw_time second) {
    unsigned seconds = 0;
    for (unsigned i = 0; i < count; i++) {
        unsigned way = fw_choice_next(choice);
        assert_in_range(way, 0, FW_WAYS - 1);
        seconds += way;
        fw_choice_took(choice, way, way == 0 ? first : second);
    }
    return seconds;
}

static void both_are_tried_and_the_faster_is_taken(void **state) {
    (void)state;
    fw_choice one = { 0 }, other = { 0 };
    assert_int_equal(turns(&one, 16, 100, 90), 8);
    assert_in_range(turns(&one, 320, 100, 90), 313, 316);
    assert_int_equal(turns(&other, 16, 90, 100), 8);
    assert_in_range(turns(&other, 320, 90, 100), 4, 7);
}

static void it_changes_with_the_machine(void **state) {
    (void)state;
    fw_choice choice = { 0 };
    turns(&choice, 100, 100, 120);
    assert_in_range(turns(&choice, 1000, 100, 60), 700, 990);
    assert_in_range(turns(&choice, 1000, 100, 200), 20, 300);
}

static void a_turn_that_was_held_up_changes_nothing(void **state) {
    (void)state;
    fw_choice choice = { 0 };
    turns(&choice, 100, 100, 120);
    fw_choice_took(&choice, 0, 1000000);
    assert_in_range(turns(&choice, 320, 100, 120), 4, 6);
}

static void a_first_turn_that_was_held_up_is_made_up_for(void **state) {
    (void)state;
    fw_choice choice = { 0 };
    fw_choice_took(&choice, fw_choice_next(&choice), 5000); /* as where pages are touched for the first time */
    turns(&choice, 200, 100, 120);
    assert_in_range(turns(&choice, 320, 100, 120), 4, 6);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_are_tried_and_the_faster_is_taken),
        cmocka_unit_test(it_changes_with_the_machine),
        cmocka_unit_test(a_turn_that_was_held_up_changes_nothing),
        cmocka_unit_test(a_first_turn_that_was_held_up_is_made_up_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
