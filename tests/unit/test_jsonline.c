#include "base/jsonline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void assert_field(const char *line, const char *key, const char *expected) {
    char *text = NULL;
    assert_int_equal(fw_json_text_field(line, key, &text), FW_OK);
    if (expected == NULL)
        assert_null(text);
    else
        assert_string_equal(text, expected);
    free(text);
}

static void a_field_is_found_at_the_top_only(void **state) {
    (void)state;
    assert_field("{\"item\":\"a.jpg\",\"status\":\"done\"}\n", "item", "a.jpg");
    assert_field("{\"value\":{\"item\":\"no\",\"x\":[1,{\"item\":\"no\"}]}, \"item\" : \"yes\"}", "item", "yes");
    assert_field("{\"value\":\"\\\"item\\\":\\\"no\\\"}\",\"n\":1}", "item", NULL);
    assert_field("{\"item\":7}", "item", NULL);
    assert_field("{}", "item", NULL);
}

static void escapes_are_undone(void **state) {
    (void)state;
    assert_field("{\"item\":\"a\\\\b\\/c\\n\\u00e9\\ud83d\\ude00\"}", "item", "a\\b/c\n\xc3\xa9\xf0\x9f\x98\x80");
    assert_field("{\"item\":\"\\uzzzz\"}", "item", "\xef\xbf\xbdzzzz");
}

static void what_is_no_whole_object_is_refused(void **state) {
    (void)state;
    const char *bad[] = { "",           "[]",        "{",     "{\"item\"",        "{\"item\":",   "{\"item\":\"a",
                          "{\"a\":1,}", "{\"a\" 1}", "{a:1}", "{\"a\":{\"b\":1}", "{\"a\":[1,2}", "{\"item\":\"a\\" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char *text = NULL;
        if (fw_json_text_field(bad[i], "item", &text) != FW_BAD_INPUT)
            fail_msg("taken: %s", bad[i]);
        assert_null(text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_field_is_found_at_the_top_only),
        cmocka_unit_test(escapes_are_undone),
        cmocka_unit_test(what_is_no_whole_object_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
