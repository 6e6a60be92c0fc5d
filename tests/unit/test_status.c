#include "check.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/status.h"

static void every_status_has_a_text(void **state) {
    (void)state;
    for (int i = 0; i < FW_STATUS_COUNT; i++) {
        const char *text = fw_status_text((fw_status)i);
        assert_non_null(text);
        assert_true(*text);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(text, fw_status_text((fw_status)j));
    }
    assert_string_equal(fw_status_text((fw_status)-1), "unknown status");
    assert_string_equal(fw_status_text(FW_STATUS_COUNT), "unknown status");
}

static void a_failure_keeps_its_sentence(void **state) {
    (void)state;
    assert_int_equal(fw_fail(FW_TOO_LARGE, "%d is too many", 7), FW_TOO_LARGE);
    assert_string_equal(fw_cause(), "7 is too many");
    fw_fail(FW_BAD_INPUT, "photos/a.jpg: %s", fw_cause());
    assert_string_equal(fw_cause(), "photos/a.jpg: 7 is too many");
}

static void a_cause_is_safe_to_print(void **state) {
    (void)state;
    fw_fail(FW_INVALID, "%s", "a\033[2Jb\n\xff\xc2\x9b");
    assert_string_equal(fw_cause(), "a\\x1b[2Jb\\x0a\\xff\\xc2\\x9b");
}

static void a_long_cause_is_cut(void **state) {
    (void)state;
    char text[9000];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    fw_fail(FW_INVALID, "%s", text);
    assert_int_equal(strlen(fw_cause()), 1023);
    assert_string_equal(fw_cause() + 1019, "x...");
}

static void an_errno_becomes_a_status_and_its_text(void **state) {
    (void)state;
    assert_int_equal(fw_fail_errno(EACCES, "%s/%d", "photos", 1), FW_DENIED);
    assert_string_equal(fw_cause(), "photos/1: Permission denied");
    assert_int_equal(fw_fail_errno(ENOENT, "x"), FW_NOT_FOUND);
    assert_int_equal(fw_fail_errno(EADDRINUSE, "x"), FW_IN_USE);
    assert_int_equal(fw_fail_errno(ENOMEM, "x"), FW_NO_MEMORY);
    assert_int_equal(fw_fail_errno(ENOSPC, "x"), FW_IO);
    assert_string_equal(fw_cause(), "x: No space left on device");
}

static void *cause_of_another_thread(void *before) {
    snprintf(before, 8, "%s", fw_cause());
    fw_fail(FW_INVALID, "another");
    return NULL;
}

static void each_thread_has_its_own_cause(void **state) {
    (void)state;
    fw_fail(FW_INVALID, "mine");
    char before[8] = "unset";
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, cause_of_another_thread, before), 0);
    pthread_join(thread, NULL);
    assert_string_equal(before, "");
    assert_string_equal(fw_cause(), "mine");
}

static void deadlines_never_overflow(void **state) {
    (void)state;
    assert_int_equal(fw_after(100, 50), 150);
    assert_true(fw_after(100, FW_FOREVER) == FW_FOREVER);
    assert_true(fw_after(FW_FOREVER, 1) == FW_FOREVER);
    assert_int_equal(fw_poll_ms(FW_FOREVER), -1);
    assert_int_equal(fw_poll_ms(fw_now()), 0);
    assert_int_equal(fw_poll_ms(0), 0);
    int rounded = 0;
    for (int i = 0; i < 1000 && !rounded; i++) /* past already, if this thread was held up */
        rounded = fw_poll_ms(fw_after(fw_now(), FW_MS / 2));
    assert_int_equal(rounded, 1);
    assert_int_equal(fw_poll_ms(FW_FOREVER - 1), INT32_MAX);
    int left = fw_poll_ms(fw_after(fw_now(), 3600 * FW_SECOND));
    assert_in_range(left, 3590000, 3600000);
    assert_true(fw_unix_now() > 1700000000 * FW_SECOND);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_a_text),
        cmocka_unit_test(a_failure_keeps_its_sentence),
        cmocka_unit_test(a_cause_is_safe_to_print),
        cmocka_unit_test(a_long_cause_is_cut),
        cmocka_unit_test(an_errno_becomes_a_status_and_its_text),
        cmocka_unit_test(each_thread_has_its_own_cause),
        cmocka_unit_test(deadlines_never_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
