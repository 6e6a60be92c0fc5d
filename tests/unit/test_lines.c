#include "source/lines.h"

#include <pthread.h>

#include "folder.h"

static void expect(fw_lines *lines, const char *expected) {
    const char *line = NULL;
    assert_ok(fw_lines_next(lines, &line));
    assert_string_equal(line, expected);
}

static void lines_end_in_any_way(void **state) {
    (void)state;
    fw_lines lines;
    const char *line;
    static const char text[] = "a.jpg\n\nb c.jpg\r\n\r\n\xff.png\nlast";
    write_file("list", text, sizeof text - 1);
    assert_ok(fw_lines_open(&lines, "list"));
    for (int pass = 0; pass < 2; pass++) {
        expect(&lines, "a.jpg");
        expect(&lines, "b c.jpg");
        expect(&lines, "\xff.png");
        expect(&lines, "last");
        assert_int_equal(fw_lines_next(&lines, &line), FW_END);
        assert_int_equal(fw_lines_next(&lines, &line), FW_END);
        assert_ok(fw_lines_rewind(&lines));
    }
    fw_lines_close(&lines);
    assert_int_equal(fw_lines_open(&lines, "none"), FW_NOT_FOUND);
    assert_non_null(strstr(fw_cause(), "--list none"));
}

static void a_bad_line_is_one_failure(void **state) {
    (void)state;
    static char text[5 * FW_LINE_MAX];
    fw_lines lines;
    const char *line;
    memset(text, 'x', sizeof text);
    text[0] = '\n';
    text[FW_LINE_MAX] = '\n';         /* the longest there can be */
    text[2 * FW_LINE_MAX + 1] = '\n'; /* one more */
    memcpy(text + 4 * FW_LINE_MAX, "\nok\na\0b\nfine\n", 13);
    write_file("list", text, sizeof text);
    assert_ok(fw_lines_open(&lines, "list"));
    assert_ok(fw_lines_next(&lines, &line));
    assert_int_equal(strlen(line), FW_LINE_MAX - 1);
    assert_int_equal(fw_lines_next(&lines, &line), FW_BAD_INPUT);
    assert_int_equal(fw_lines_next(&lines, &line), FW_BAD_INPUT);
    expect(&lines, "ok");
    assert_int_equal(fw_lines_next(&lines, &line), FW_BAD_INPUT);
    assert_non_null(strstr(fw_cause(), "a: not taken: a NUL byte"));
    expect(&lines, "fine");
    assert_int_equal(fw_lines_next(&lines, &line), FW_OK);
    assert_int_equal(fw_lines_next(&lines, &line), FW_END);
    fw_lines_close(&lines);
}

static void *write_slowly(void *arg) {
    int fd = *(int *)arg;
    for (const char *c = "one\ntwo\n"; *c != '\0'; c++)
        if (write(fd, c, 1) != 1)
            return arg;
    return NULL;
}

static void *stop(void *lines) {
    fw_lines_stop(lines);
    return NULL;
}

static void a_pipe_is_waited_for_until_it_is_stopped(void **state) {
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    char path[32];
    snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    fw_lines lines;
    const char *line;
    pthread_t thread;
    void *failed;
    assert_ok(fw_lines_open(&lines, path));
    assert_int_equal(pthread_create(&thread, NULL, write_slowly, &ends[1]), 0);
    expect(&lines, "one");
    expect(&lines, "two");
    assert_int_equal(pthread_join(thread, &failed), 0);
    assert_null(failed);
    assert_int_equal(fw_lines_rewind(&lines), FW_UNSUPPORTED);
    assert_int_equal(pthread_create(&thread, NULL, stop, &lines), 0);
    assert_int_equal(fw_lines_next(&lines, &line), FW_CLOSED);
    assert_int_equal(pthread_join(thread, NULL), 0);
    fw_lines_close(&lines);
    close(ends[0]);
    close(ends[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_end_in_any_way, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(a_bad_line_is_one_failure, folder_make, folder_remove),
        cmocka_unit_test(a_pipe_is_waited_for_until_it_is_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
