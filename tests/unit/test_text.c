#include "check.h"

#include <stdlib.h>

#include "base/text.h"

static bool valid(const char *text) {
    return fw_utf8_valid(text, strlen(text));
}

static void utf8_is_checked_as_unicode_says(void **state) {
    (void)state;
    assert_true(valid(""));
    assert_true(valid("plain"));
    assert_true(valid("\xC2\x80 \xDF\xBF \xE0\xA0\x80 \xED\x9F\xBF \xEE\x80\x80 \xEF\xBF\xBF"));
    assert_true(valid("\xF0\x90\x80\x80 \xF4\x8F\xBF\xBF"));
    assert_true(fw_utf8_valid("a\0b", 3));
    static const char *const bad[] = {
        "\x80",
        "\xBF",
        "\xC0\x80",
        "\xC1\xBF",
        "\xC2",
        "\xC2"
        "a",
        "\xE0\x9F\xBF",
        "\xE1\x80",
        "\xE1\x80"
        "a",
        "\xED\xA0\x80",
        "\xED\xBF\xBF",
        "\xF0\x8F\xBF\xBF",
        "\xF4\x90\x80\x80",
        "\xF5\x80\x80\x80",
        "\xF1\x80\x80",
        "\xF1\x80\x80"
        "a",
        "\xFE",
        "\xFF",
        "ok\xE2\x82",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (valid(bad[i]))
            fail_msg("bad[%zu] passed", i);
}

static void stream_names_have_a_length_and_no_control_characters(void **state) {
    (void)state;
    char longest[129];
    memset(longest, 'x', sizeof longest);
    assert_true(fw_stream_name_valid("cam 1/ü", strlen("cam 1/ü")));
    assert_true(fw_stream_name_valid(longest, 128));
    assert_false(fw_stream_name_valid(longest, 129));
    assert_false(fw_stream_name_valid("", 0));
    assert_false(fw_stream_name_valid("a\0b", 3));
    assert_false(fw_stream_name_valid("a\n", 2));
    assert_false(fw_stream_name_valid("a\x7f", 2));
    assert_false(fw_stream_name_valid("a\xC2\x85", 3));
    assert_true(fw_stream_name_valid("a\xC2\xA0", 3));
    assert_false(fw_stream_name_valid("a\xFF", 2));
}

static void escapes_make_text_safe_for_terminals(void **state) {
    (void)state;
    char out[64];
    assert_int_equal(fw_escape(out, sizeof out, "gr\xC3\xBC\xC3\x9F\x1B[0m\xFF", 11), 17);
    assert_string_equal(out, "gr\xC3\xBC\xC3\x9F\\x1b[0m\\xff");
    fw_escape(out, sizeof out, "a\0b", 3);
    assert_string_equal(out, "a\\x00b");
    fw_escape(out, sizeof out, "\\x1b stays", 10);
    assert_string_equal(out, "\\x1b stays");
}

static void what_does_not_fit_ends_in_dots(void **state) {
    (void)state;
    char out[16];
    assert_int_equal(fw_escape(out, 8, "1234567", 7), 7);
    assert_string_equal(out, "1234567");
    assert_int_equal(fw_escape(out, 8, "12345678", 8), 7);
    assert_string_equal(out, "1234...");
    fw_escape(out, 8, "123\xC3\xBC\xC3\xBC\xC3\xBC", 9); /* never half a character */
    assert_string_equal(out, "123...");
    fw_escape(out, 8, "1\n2345", 6);
    assert_string_equal(out, "1...");
    for (size_t room = 0; room < 6; room++) {
        memset(out, '#', sizeof out);
        size_t used = fw_escape(out, room, "\n\n\n\n", 4);
        assert_int_equal(out[room], '#');
        assert_true(room ? used < room && out[used] == '\0' : used == 0);
    }
}

static void file_names_stay_below_their_folder(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        { "cam1.png", "cam1.png" },
        { "../etc/passwd", "%2E.%2Fetc%2Fpasswd" },
        { ".", "%2E" },
        { "..", "%2E." },
        { "a b", "a%20b" },
        { "100%", "100%25" },
        { "\xC3\xBC", "%C3%BC" },
        { "a\\b:c", "a%5Cb%3Ac" },
        { "", "" },
    };
    char out[201];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fw_file_name(out, cases[i][0], strlen(cases[i][0]));
        assert_string_equal(out, cases[i][1]);
    }
    fw_file_name(out, "a\0b", 3);
    assert_string_equal(out, "a%00b");
    char name[300];
    memset(name, '/', sizeof name);
    fw_file_name(out, name, sizeof name);
    assert_int_equal(strlen(out), 198);
    memset(name, 'x', sizeof name);
    fw_file_name(out, name, sizeof name);
    assert_int_equal(strlen(out), 200);
}

static void items_become_utf8_without_losing_bytes(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        { "sub/a.tif#3", "sub/a.tif#3" },
        { "gr\xFC\xDF", "gr%FC%DF" },
        { "\xC3\xBC", "\xC3\xBC" },
        { "a%20b", "a%2520b" },
        { "100%", "100%" },
        { "5%x", "5%x" },
        { "", "" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *out = fw_percent_utf8(cases[i][0], strlen(cases[i][0]));
        assert_string_equal(out, cases[i][1]);
        free(out);
    }
    assert_null(fw_percent_utf8("", SIZE_MAX / 2));
}

static void a_text_grows_as_it_is_written(void **state) {
    (void)state;
    fw_text text = { 0 };
    for (int i = 0; i < 1000; i++)
        fw_text_format(&text, "%d,", i % 10);
    fw_text_add(&text, "end", 3);
    assert_false(text.failed);
    assert_int_equal(text.size, 2003);
    assert_string_equal(text.data + 1996, "8,9,end");
    fw_text_add(&text, NULL, 0);
    assert_int_equal(text.size, 2003);
    fw_text_add(&text, "x", SIZE_MAX - 5);
    assert_true(text.failed);
    fw_text_add(&text, "x", 1);
    assert_int_equal(text.size, 2003);
    free(text.data);
}

static void json_strings_are_whole_json(void **state) {
    (void)state;
    fw_text text = { 0 };
    fw_text_json(&text, "a\"b\\c\n\t\r\x01\x7F\xC2\x85\xC3\xBC\xFFz", 16);
    assert_string_equal(text.data, "\"a\\\"b\\\\c\\n\\t\\r\\u0001\\u007f\\u0085\xC3\xBC\xEF\xBF\xBDz\"");
    text.size = 0;
    fw_text_json(&text, "", 0);
    assert_string_equal(text.data, "\"\"");
    text.size = 0;
    fw_text_json(&text, "\0", 1);
    assert_string_equal(text.data, "\"\\u0000\"");
    free(text.data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_is_checked_as_unicode_says),
        cmocka_unit_test(stream_names_have_a_length_and_no_control_characters),
        cmocka_unit_test(escapes_make_text_safe_for_terminals),
        cmocka_unit_test(what_does_not_fit_ends_in_dots),
        cmocka_unit_test(file_names_stay_below_their_folder),
        cmocka_unit_test(items_become_utf8_without_losing_bytes),
        cmocka_unit_test(a_text_grows_as_it_is_written),
        cmocka_unit_test(json_strings_are_whole_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
