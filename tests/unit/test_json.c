#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <locale.h>

#include "wire/json.h"

static void assert_json(const char *value, size_t size, const char *json, uint64_t nulls_wanted) {
    fw_text text = { 0 };
    uint64_t nulls = 0;
    assert_int_equal(fw_json_value(&text, (const uint8_t *)value, size, &nulls), FW_OK);
    assert_string_equal(text.data, json);
    assert_int_equal(nulls, nulls_wanted);
    free(text.data);
}

#define ASSERT_JSON(value, json) assert_json(value, sizeof value - 1, json, 0)

static void assert_real(double value, const char *json) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    char packed[9] = { (char)0xcb };
    for (int i = 0; i < 8; i++)
        packed[1 + i] = (char)(bits >> (56 - 8 * i));
    assert_json(packed, sizeof packed, json, 0);
}

static void values_become_json(void **state) {
    (void)state;
    ASSERT_JSON("\xc0", "null");
    ASSERT_JSON("\x93\xc2\xc3\x7f", "[false,true,127]");
    ASSERT_JSON("\x92\xe0\xd3\x80\0\0\0\0\0\0\0", "[-32,-9223372036854775808]");
    ASSERT_JSON("\xcf\xff\xff\xff\xff\xff\xff\xff\xff", "18446744073709551615");
    ASSERT_JSON("\x82\xa1"
                "a\x90\xa1\"\x80",
                "{\"a\":[],\"\\\"\":{}}");
    ASSERT_JSON("\xa3"
                "a\n\x01",
                "\"a\\n\\u0001\"");
}

static void bytes_and_ext_become_base64(void **state) {
    (void)state;
    ASSERT_JSON("\x94\xc4\0\xc4\1a\xc4\2ab\xc4\3abc",
                "[{\"$base64\":\"\"},{\"$base64\":\"YQ==\"},{\"$base64\":\"YWI=\"},{\"$base64\":\"YWJj\"}]");
    ASSERT_JSON("\xd5\x05\xfb\xff", "{\"$ext\":5,\"$base64\":\"+/8=\"}");
    char many[2 + 255] = "\xc4\xff";
    char wanted[512] = "{\"$base64\":\"";
    for (int i = 0; i < 85; i++)
        strcat(wanted, "AAAA");
    assert_json(many, sizeof many, strcat(wanted, "\"}"), 0);
    static char more[3 + 3000] = "\xc5\x0b\xb8"; /* longer than what is encoded at once */
    static char encoded[4100] = "{\"$base64\":\"";
    memset(encoded + strlen(encoded), 'A', 4000);
    assert_json(more, sizeof more, strcat(encoded, "\"}"), 0);
}

static void keys_become_text(void **state) {
    (void)state;
    ASSERT_JSON("\x87\x01\x01\xff\x02\xc3\x03\xc0\x04\xcb\x3f\xe0\0\0\0\0\0\0\x05\xca\x7f\x80\0\0\x06\xc4\1a\x07",
                "{\"1\":1,\"-1\":2,\"true\":3,\"null\":4,\"0.5\":5,\"Infinity\":6,\"YQ==\":7}");
}

static void numbers_are_as_short_as_they_can_be(void **state) {
    (void)state;
    assert_real(0.1, "0.1");
    assert_real(3.0, "3.0");
    assert_real(-0.0, "-0.0");
    assert_real(1e300, "1e+300");
    assert_real(5e-324, "4.94065645841247e-324");
    assert_real(0.1 + 0.2, "0.30000000000000004");
    assert_real(1763800000.123456, "1763800000.123456");
}

static void what_json_cannot_say_is_null_and_counted(void **state) {
    (void)state;
    static const char value[] = "\x93\xca\x7f\xc0\0\0\xca\xff\x80\0\0\x01";
    assert_json(value, sizeof value - 1, "[null,null,1]", 2);
}

/* With a decimal comma where such a locale is installed, else in the one there is. */
static void numbers_do_not_follow_the_locale(void **state) {
    (void)state;
    char *kept = strdup(setlocale(LC_NUMERIC, NULL));
    static const char *const names[] = { "de_DE.UTF-8", "fr_FR.UTF-8", "" };
    for (size_t i = 0; i < 3 && !setlocale(LC_NUMERIC, names[i]); i++)
        ;
    assert_real(0.5, "0.5");
    assert_real(2.0, "2.0");
    setlocale(LC_NUMERIC, kept);
    free(kept);
}

static void what_is_no_value_appends_nothing(void **state) {
    (void)state;
    fw_text text = { 0 };
    uint64_t nulls = 0;
    const struct {
        const char *bytes;
        size_t size;
    } bad[] = {
        { "", 0 }, { "\xc0\xc0", 2 }, { "\xc1", 1 }, { "\xa2x", 2 }, { "\x81\x90\xc0", 3 }, { "\xd4\xff\0", 3 }
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(fw_json_value(&text, (const uint8_t *)bad[i].bytes, bad[i].size, &nulls), FW_BAD_MESSAGE);
    assert_int_equal(text.size, 0);
    assert_int_equal(fw_json_meta(&text,
                                  (fw_span){ "\xa1"
                                             "a",
                                             2 },
                                  1, &nulls),
                     FW_BAD_MESSAGE);
    assert_int_equal(text.size, 0);
    free(text.data);
}

static void sixty_four_levels_and_no_more(void **state) {
    (void)state;
    uint8_t value[65];
    memset(value, 0x91, sizeof value);
    value[64] = 0x90;
    fw_text text = { 0 };
    uint64_t nulls = 0;
    assert_int_equal(fw_json_value(&text, value, 65, &nulls), FW_BAD_MESSAGE);
    assert_int_equal(fw_json_value(&text, value + 1, 64, &nulls), FW_OK);
    assert_int_equal(text.size, 128);
    free(text.data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_become_json),
        cmocka_unit_test(bytes_and_ext_become_base64),
        cmocka_unit_test(keys_become_text),
        cmocka_unit_test(numbers_are_as_short_as_they_can_be),
        cmocka_unit_test(what_json_cannot_say_is_null_and_counted),
        cmocka_unit_test(numbers_do_not_follow_the_locale),
        cmocka_unit_test(what_is_no_value_appends_nothing),
        cmocka_unit_test(sixty_four_levels_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
