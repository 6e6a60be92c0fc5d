#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "wire/json.h"
#include "wire/meta.h"

static void assert_meta(const fw_meta *meta, const char *json) {
    fw_text text = { 0 };
    uint64_t nulls = 0;
    assert_int_equal(fw_json_meta(&text, (fw_span){ (const char *)meta->packed, meta->size }, meta->count, &nulls),
                     FW_OK);
    assert_string_equal(text.data, json);
    free(text.data);
}

static void set_text(fw_meta *meta, const char *key, const char *text) {
    assert_int_equal(fw_meta_text(meta, key, text, strlen(text)), FW_OK);
}

static void facts_are_kept_in_order(void **state) {
    (void)state;
    fw_meta meta = { 0 };
    assert_meta(&meta, "{}");
    set_text(&meta, "file", "a.jpg");
    assert_int_equal(fw_meta_int(&meta, "least", INT64_MIN), FW_OK);
    assert_int_equal(fw_meta_int(&meta, "most", INT64_MAX), FW_OK);
    assert_int_equal(fw_meta_float(&meta, "exposure", 0.01), FW_OK);
    assert_meta(&meta,
                "{\"file\":\"a.jpg\",\"least\":-9223372036854775808,\"most\":9223372036854775807,\"exposure\":0.01}");
    fw_meta_free(&meta);
    assert_int_equal(meta.count, 0);
}

static void a_key_keeps_its_last_value(void **state) {
    (void)state;
    fw_meta meta = { 0 };
    set_text(&meta, "a", "first");
    set_text(&meta, "b", "stays");
    assert_int_equal(fw_meta_int(&meta, "a", 2), FW_OK);
    assert_meta(&meta, "{\"b\":\"stays\",\"a\":2}");
    set_text(&meta, "a", "the third is longer than those before");
    set_text(&meta, "b", "");
    assert_meta(&meta, "{\"a\":\"the third is longer than those before\",\"b\":\"\"}");
    fw_meta_free(&meta);
}

static void bytes_that_are_not_utf8_are_percent_encoded(void **state) {
    (void)state;
    fw_meta meta = { 0 };
    set_text(&meta, "h\xf6he", "a\xff.jpg");
    assert_meta(&meta, "{\"h%F6he\":\"a%FF.jpg\"}");
    fw_meta_free(&meta);
}

static void too_much_is_refused_and_changes_nothing(void **state) {
    (void)state;
    fw_meta meta = { 0 };
    set_text(&meta, "a", "kept");
    char *text = malloc(FW_META_MAX + 1);
    assert_non_null(text);
    memset(text, 'x', FW_META_MAX + 1);
    assert_int_equal(fw_meta_text(&meta, "b", text, FW_META_MAX + 1), FW_TOO_LARGE);
    assert_int_equal(fw_meta_text(&meta, "b", text, FW_META_MAX - meta.size - 4), FW_TOO_LARGE);
    assert_meta(&meta, "{\"a\":\"kept\"}");
    assert_int_equal(fw_meta_text(&meta, "b", text, FW_META_MAX - meta.size - 5), FW_OK);
    assert_int_equal(meta.size, FW_META_MAX);
    assert_int_equal(fw_meta_int(&meta, "c", 1), FW_TOO_LARGE);
    assert_int_equal(fw_meta_int(&meta, "b", 1), FW_OK);
    assert_meta(&meta, "{\"a\":\"kept\",\"b\":1}");
    free(text);
    fw_meta_free(&meta);
}

static void joined_maps_are_as_if_set_one_by_one(void **state) {
    (void)state;
    fw_meta meta = { 0 }, other = { 0 };
    assert_int_equal(fw_meta_join(&meta, &other), FW_OK);
    set_text(&other, "a", "other's");
    assert_int_equal(fw_meta_float(&other, "c", 1.5), FW_OK);
    assert_int_equal(fw_meta_join(&meta, &other), FW_OK);
    assert_meta(&meta, "{\"a\":\"other's\",\"c\":1.5}");
    set_text(&meta, "a", "own");
    assert_int_equal(fw_meta_join(&meta, &other), FW_OK);
    assert_meta(&meta, "{\"a\":\"other's\",\"c\":1.5}");

    char *text = calloc(1, FW_META_MAX / 2);
    assert_non_null(text);
    assert_int_equal(fw_meta_text(&meta, "x", text, FW_META_MAX / 2), FW_OK);
    assert_int_equal(fw_meta_text(&other, "y", text, FW_META_MAX / 2), FW_OK);
    assert_int_equal(fw_meta_join(&meta, &other), FW_TOO_LARGE);
    assert_int_equal(meta.count, 3);
    free(text);
    fw_meta_free(&meta);
    fw_meta_free(&other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_are_kept_in_order),
        cmocka_unit_test(a_key_keeps_its_last_value),
        cmocka_unit_test(bytes_that_are_not_utf8_are_percent_encoded),
        cmocka_unit_test(too_much_is_refused_and_changes_nothing),
        cmocka_unit_test(joined_maps_are_as_if_set_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
