#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/reader.h"
#include "wire/writer.h"

static uint8_t bytes[64];

/* What the writer wrote, as tokens. */
static fw_token written(const fw_writer *writer) {
    fw_reader reader = { writer->out, writer->out + writer->size };
    fw_token token;
    assert_true(fw_read(&reader, &token));
    assert_true(reader.at == reader.end);
    return token;
}

static void integers_of_every_width_read_back(void **state) {
    (void)state;
    for (unsigned shift = 0; shift < 64; shift++) {
        for (int step = -1; step <= 1; step++) {
            uint64_t value = (UINT64_C(1) << shift) + (uint64_t)(int64_t)step;
            fw_writer writer = { .out = bytes, .room = sizeof bytes };
            fw_write_uint(&writer, value);
            fw_token token = written(&writer);
            assert_int_equal(token.kind, FW_TOKEN_UINT);
            assert_true(token.uint == value);

            int64_t negative = (int64_t)~value;
            if (negative >= 0)
                continue;
            writer = (fw_writer){ .out = bytes, .room = sizeof bytes };
            fw_write_int(&writer, negative);
            token = written(&writer);
            assert_int_equal(token.kind, FW_TOKEN_INT);
            assert_true(token.sint == negative);
        }
    }
}

static void signed_widths_of_positive_numbers_are_unsigned(void **state) {
    (void)state;
    static const uint8_t packed[] = "\xd0\x7f\xd1\x01\0\xd2\0\0\0\1\xd3\0\0\0\0\0\0\0\2\xd0\x80";
    const uint64_t values[] = { 127, 256, 1, 2 };
    fw_reader reader = { packed, packed + sizeof packed - 1 };
    fw_token token;
    for (size_t i = 0; i < 4; i++) {
        assert_true(fw_read(&reader, &token));
        assert_int_equal(token.kind, FW_TOKEN_UINT);
        assert_true(token.uint == values[i]);
    }
    assert_true(fw_read(&reader, &token));
    assert_int_equal(token.kind, FW_TOKEN_INT);
    assert_int_equal(token.sint, -128);
}

static void a_full_writer_stays_full(void **state) {
    (void)state;
    fw_writer writer = { .out = bytes, .room = 3 };
    fw_write_text(&writer, "abc", 3);
    assert_true(writer.full);
    size_t size = writer.size;
    fw_write_uint(&writer, 1);
    assert_int_equal(writer.size, size);
}

static void counts_are_checked_against_the_bytes_left(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        bool whole;
    } cases[] = {
        { "\xdd\0\0\0\2\1\1", 7, true },
        { "\xdd\0\0\0\3\1\1", 7, false },
        { "\xdf\0\0\0\1\1\1", 7, true },
        { "\xdf\0\0\0\2\1\1", 7, false },
        { "\xc6\0\0\0\1x", 6, true },
        { "\xc6\0\0\0\2x", 6, false },
        { "\xdb\xff\xff\xff\xffx", 6, false },
        { "\xc9\xff\xff\xff\xff\1", 6, false },
        { "\xcf\0\0\0\0\0\0\0", 8, false },
        { "\xca\0\0\0", 4, false },
        { "\xd9", 1, false },
        { "\xc1", 1, false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fw_reader reader = { (const uint8_t *)cases[i].bytes, (const uint8_t *)cases[i].bytes + cases[i].size };
        fw_token token;
        if (fw_read(&reader, &token) != cases[i].whole)
            fail_msg("case %zu", i);
    }
}

static bool skips(const char *packed, size_t size, unsigned depth, fw_rules rules) {
    fw_reader reader = { (const uint8_t *)packed, (const uint8_t *)packed + size };
    return fw_skip(&reader, depth, rules) && reader.at == reader.end;
}

static void rules_differ_for_headers_and_values(void **state) {
    (void)state;
    assert_true(skips("\x91\x90", 2, 2, FW_HEADER_RULES));
    assert_false(skips("\x91\x90", 2, 1, FW_HEADER_RULES));
    assert_false(skips("\x81\x01\x01", 3, 1, FW_HEADER_RULES));
    assert_true(skips("\x81\x01\x01", 3, 1, FW_VALUE_RULES));
    assert_false(skips("\xa1\xff", 2, 1, FW_HEADER_RULES));
    assert_true(skips("\xa1\xff", 2, 1, FW_VALUE_RULES));
    assert_false(skips("\xd4\x05\0", 3, 1, FW_HEADER_RULES));
    assert_true(skips("\xd4\x05\0", 3, 1, FW_VALUE_RULES));
    assert_false(skips("\xd4\xff\0", 3, 1, FW_VALUE_RULES));
    assert_false(skips("\x81\x90\x01", 3, 2, FW_VALUE_RULES));
}

static void a_bad_byte_is_found_wherever_it_stands(void **state) {
    (void)state;
    for (size_t size = 1; size < 20; size++) {
        char text[21] = { (char)(0xa0 | size) };
        memset(text + 1, 'a', size);
        assert_true(skips(text, 1 + size, 0, FW_HEADER_RULES));
        for (size_t at = 1; at <= size; at++) {
            text[at] = (char)0x80;
            assert_false(skips(text, 1 + size, 0, FW_HEADER_RULES));
            text[at] = 'a';
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_of_every_width_read_back),
        cmocka_unit_test(signed_widths_of_positive_numbers_are_unsigned),
        cmocka_unit_test(a_full_writer_stays_full),
        cmocka_unit_test(counts_are_checked_against_the_bytes_left),
        cmocka_unit_test(rules_differ_for_headers_and_values),
        cmocka_unit_test(a_bad_byte_is_found_wherever_it_stands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
