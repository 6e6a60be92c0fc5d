#include "check.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"

typedef struct heard {
    int lines;
    fw_log_level level;
    char text[4096];
} heard;

static void hear(void *arg, fw_log_level level, const char *text) {
    heard *self = arg;
    self->lines++;
    self->level = level;
    snprintf(self->text, sizeof self->text, "%s", text);
}

static int back_to_stderr(void **state) {
    (void)state;
    fw_log_to(NULL, NULL);
    fw_log_up_to(FW_LOG_INFO);
    return 0;
}

static void a_handler_gets_each_message_with_its_level(void **state) {
    (void)state;
    heard got = { 0 };
    fw_log_to(hear, &got);
    fw_error("%d frames", 3);
    assert_string_equal(got.text, "3 frames");
    assert_int_equal(got.level, FW_LOG_ERROR);
    fw_warn("w");
    assert_int_equal(got.level, FW_LOG_WARNING);
    fw_info("i");
    assert_int_equal(got.level, FW_LOG_INFO);
    assert_int_equal(got.lines, 3);
}

static void messages_above_the_level_are_not_made(void **state) {
    (void)state;
    heard got = { 0 };
    fw_log_to(hear, &got);
    fw_debug("quiet by default");
    fw_log_up_to(FW_LOG_ERROR);
    fw_warn("quiet");
    assert_int_equal(got.lines, 0);
    fw_log_up_to(FW_LOG_DEBUG);
    fw_debug("loud");
    assert_int_equal(got.lines, 1);
}

static void messages_are_escaped_and_cut(void **state) {
    (void)state;
    heard got = { 0 };
    fw_log_to(hear, &got);
    fw_info("%s", "two\nlines\033[31m");
    assert_string_equal(got.text, "two\\x0alines\\x1b[31m");
    fw_info("%*s", 9000, "far");
    assert_true(strlen(got.text) < 2048);
    assert_string_equal(got.text + strlen(got.text) - 3, "...");
}

static void without_a_handler_a_line_goes_to_stderr(void **state) {
    (void)state;
    FILE *file = tmpfile();
    assert_non_null(file);
    fflush(stderr);
    int saved = dup(STDERR_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    fw_warn("no peers at %s", "tcp://cam:5555");
    dup2(saved, STDERR_FILENO);
    close(saved);
    char line[100] = "";
    rewind(file);
    assert_non_null(fgets(line, sizeof line, file));
    fclose(file);
    assert_string_equal(line, "framewire: no peers at tcp://cam:5555\n");
}

static void *say_many(void *arg) {
    (void)arg;
    for (int i = 0; i < 500; i++)
        fw_info("line %d", i);
    return NULL;
}

static void calls_come_one_at_a_time(void **state) {
    (void)state;
    heard got = { 0 };
    fw_log_to(hear, &got);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, say_many, NULL), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(got.lines, 2000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_handler_gets_each_message_with_its_level, back_to_stderr),
        cmocka_unit_test_teardown(messages_above_the_level_are_not_made, back_to_stderr),
        cmocka_unit_test_teardown(messages_are_escaped_and_cut, back_to_stderr),
        cmocka_unit_test_teardown(without_a_handler_a_line_goes_to_stderr, back_to_stderr),
        cmocka_unit_test_teardown(calls_come_one_at_a_time, back_to_stderr),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
