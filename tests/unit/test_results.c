#include "check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <signal.h>
#include <unistd.h>

#include "delivery/results.h"
#include "folder.h"

#define PATH   "results.jsonl"
#define ARRAYS "arrays"

/* The last line that the callback was told. */
static char told[1024];

static void keep_told(void *arg, const fw_result *result) {
    (void)arg;
    snprintf(told, sizeof told, "%s", result->json);
}

static fw_results *open_results(bool resume, bool retry_errors) {
    fw_results_options options = {
        .path = PATH, .arrays = ARRAYS, .resume = resume, .retry_errors = retry_errors, .on_result = keep_told
    };
    fw_results *results = NULL;
    assert_ok(fw_results_open(&options, &results));
    return results;
}

static fw_status add(fw_results *results, uint64_t seq, const char *item, fw_verdict verdict) {
    static const uint8_t value[] = { 0x81, 0xa1, 'n', 7 }; /* {"n": 7} */
    fw_header answer = {
        .kind = FW_KIND_RESULT, .epoch = 1, .seq = seq, .verdict = verdict, .worker = { "here/1", 6 }
    };
    if (verdict == FW_ERROR)
        answer.error = (fw_span){ "ValueError: \x1b[31m", 17 };
    fw_line line = { .stream = "cam", .epoch = 1, .seq = seq, .item = item, .about = "\"time\":5,\"meta\":{}" };
    fw_part parts[] = { { "cam", 3 }, { "", 0 }, { value, sizeof value } };
    return fw_results_add(results, &line, &answer, parts);
}

static char *read_file(const char *path) {
    static char text[8192];
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

static void append(const char *path, const char *text) {
    FILE *file = fopen(path, "a");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void a_line_says_all(void **state) {
    (void)state;
    fw_results *results = open_results(false, false);
    assert_ok(add(results, 3, "a \"b\".jpg", FW_DONE));
    assert_ok(add(results, 4, NULL, FW_ERROR));
    assert_ok(fw_results_close(&results));
    assert_string_equal(
        read_file(PATH),
        "{\"stream\":\"cam\",\"epoch\":\"0000000000000001\",\"seq\":3,\"item\":\"a \\\"b\\\".jpg\",\"status\":\"done\","
        "\"attempts\":1,\"worker\":\"here/1\",\"value\":{\"n\":7},\"time\":5,\"meta\":{}}\n"
        "{\"stream\":\"cam\",\"epoch\":\"0000000000000001\",\"seq\":4,\"status\":\"error\",\"attempts\":1,"
        "\"worker\":\"here/1\",\"error\":\"ValueError: \\u001b[31m\",\"value\":{\"n\":7},\"time\":5,\"meta\":{}}\n");
}

static void a_file_that_is_not_empty_wants_resume(void **state) {
    (void)state;
    append(PATH, "{\"item\":\"a\",\"status\":\"done\"}\n");
    fw_results_options options = { .path = PATH };
    fw_results *results = NULL;
    assert_fails(fw_results_open(&options, &results), FW_IN_USE, "say --resume");
    assert_null(results);
}

static void another_sender_is_refused(void **state) {
    (void)state;
    fw_results *results = open_results(false, false), *second = NULL;
    fw_results_options options = { .path = PATH };
    assert_fails(fw_results_open(&options, &second), FW_IN_USE, "another sender");
    assert_ok(fw_results_close(&results));
}

static void resume_cuts_a_torn_line_and_knows_the_rest(void **state) {
    (void)state;
    fw_results *results = open_results(false, false);
    assert_ok(add(results, 0, "a", FW_DONE));
    assert_ok(add(results, 1, "b", FW_ERROR));
    assert_ok(add(results, 2, "c", FW_DEAD));
    assert_ok(fw_results_close(&results));
    append(PATH, "{\"stream\":\"cam\",\"epoch\":\"00");

    results = open_results(true, false);
    assert_true(fw_results_knows(results, "a", NULL) && fw_results_knows(results, "b", NULL) &&
                fw_results_knows(results, "c", NULL));
    assert_false(fw_results_knows(results, "d", NULL));
    assert_ok(add(results, 0, "d", FW_DONE));
    assert_ok(fw_results_close(&results));

    results = open_results(true, true);
    assert_false(fw_results_knows(results, "b", NULL));
    assert_true(fw_results_knows(results, "c", NULL) && fw_results_knows(results, "d", NULL));
    assert_ok(add(results, 0, "b", FW_DONE));
    assert_ok(fw_results_close(&results));

    results = open_results(true, true);
    assert_true(fw_results_knows(results, "b", NULL));
    assert_ok(fw_results_close(&results));
    assert_null(strstr(read_file(PATH), "\"epoch\":\"00{"));
}

static void a_line_tells_of_its_file(void **state) {
    (void)state;
    append(PATH, "{\"item\":\"a\",\"status\":\"done\",\"meta\":{\"file\":\"x\",\"size\":41,\"mtime\":-7}}\n"
                 "{\"item\":\"b\",\"status\":\"done\",\"meta\":{\"size\":\"41\"}}\n");
    fw_results *results = open_results(true, false);
    fw_known_file file;
    assert_true(fw_results_knows(results, "a", &file));
    assert_int_equal(file.size, 41);
    assert_int_equal(file.mtime, -7);
    assert_true(fw_results_knows(results, "b", &file));
    assert_int_equal(file.size, -1);
    assert_ok(fw_results_close(&results));
}

static void a_torn_line_longer_than_a_block_is_cut_whole(void **state) {
    (void)state;
    append(PATH, "{\"item\":\"a\",\"status\":\"done\"}\n");
    static char torn[10000];
    memset(torn, 'x', sizeof torn - 1);
    append(PATH, torn);
    fw_results *results = open_results(true, false);
    assert_true(fw_results_knows(results, "a", NULL));
    assert_ok(fw_results_close(&results));
    assert_string_equal(read_file(PATH), "{\"item\":\"a\",\"status\":\"done\"}\n");
}

static void a_file_of_others_is_refused(void **state) {
    (void)state;
    append(PATH, "{\"item\":\"a\",\"status\":\"done\"}\nhello\n");
    fw_results_options options = { .path = PATH, .resume = true };
    fw_results *results = NULL;
    assert_fails(fw_results_open(&options, &results), FW_BAD_INPUT, "line 2 is not a result line");
}

/* A disk that is full in the middle of a line, made with the limit on file sizes. */
static void a_full_disk_leaves_whole_lines(void **state) {
    (void)state;
    fw_results *results = open_results(false, false);
    assert_ok(add(results, 0, "a", FW_DONE));
    struct stat info;
    assert_int_equal(stat(PATH, &info), 0);
    struct rlimit before, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = (rlim_t)info.st_size + 20;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    fw_status status = add(results, 1, "b", FW_DONE);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, handler);
    assert_int_equal(status, FW_IO);
    assert_non_null(strstr(fw_cause(), "results.jsonl"));
    assert_ok(fw_results_close(&results));
    struct stat after;
    assert_int_equal(stat(PATH, &after), 0);
    assert_int_equal(after.st_size, info.st_size);
}

static fw_status add_array(fw_results *results, const char *name) {
    static const uint8_t value[] = { 0xc0 };
    static const uint16_t pixels[] = { 1, 2, 3, 4, 5, 6 };
    fw_array array = { .name = { name, strlen(name) }, .format = { .dtype = FW_U16, .ndim = 2, .shape = { 2, 3 } } };
    uint8_t packed[256];
    size_t size;
    assert_ok(fw_array_pack(&array, packed, sizeof packed, &size));
    fw_header answer = { .kind = FW_KIND_RESULT,
                         .epoch = 1,
                         .verdict = FW_DONE,
                         .array_count = 1,
                         .arrays = { (const char *)packed, size } };
    fw_line line = { .stream = "../cam", .epoch = 1, .about = "\"meta\":{}" };
    fw_part parts[] = { { "../cam", 6 }, { "", 0 }, { value, sizeof value }, { pixels, sizeof pixels } };
    return fw_results_add(results, &line, &answer, parts);
}

static void arrays_become_files_with_safe_names(void **state) {
    (void)state;
    fw_results *results = open_results(false, false);
    assert_ok(add_array(results, "../../mask"));
    char path[400];
    snprintf(path, sizeof path, "%s/%%2E.%%2Fcam-0000000000000001-0-%%2E.%%2F..%%2Fmask.npy", ARRAYS);
    assert_non_null(strstr(told, path));
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char bytes[256];
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    assert_int_equal(size, 128 + 12);
    assert_memory_equal(bytes, "\x93NUMPY\x01\x00\x76\x00{'descr': '<u2', 'fortran_order': False, 'shape': (2, 3,), }",
                        66);
    assert_memory_equal(bytes + 128, "\1\0\2\0\3\0\4\0\5\0\6\0", 12);

    assert_ok(add_array(results, "../../mask")); /* never over a file that is there */
    assert_non_null(strstr(told, ".1.npy"));
    assert_ok(fw_results_close(&results));
}

static void arrays_without_a_folder_are_counted(void **state) {
    (void)state;
    fw_results_options options = { .path = PATH, .on_result = keep_told };
    fw_results *results = NULL;
    assert_ok(fw_results_open(&options, &results));
    assert_ok(add_array(results, "mask"));
    assert_null(strstr(told, "arrays"));
    assert_int_equal(fw_results_arrays_not_kept(results), 1);
    assert_ok(fw_results_close(&results));
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, folder_make, folder_remove)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(a_line_says_all),
        WITH_FOLDER(a_file_that_is_not_empty_wants_resume),
        WITH_FOLDER(another_sender_is_refused),
        WITH_FOLDER(resume_cuts_a_torn_line_and_knows_the_rest),
        WITH_FOLDER(a_line_tells_of_its_file),
        WITH_FOLDER(a_torn_line_longer_than_a_block_is_cut_whole),
        WITH_FOLDER(a_file_of_others_is_refused),
        WITH_FOLDER(a_full_disk_leaves_whole_lines),
        WITH_FOLDER(arrays_become_files_with_safe_names),
        WITH_FOLDER(arrays_without_a_folder_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
