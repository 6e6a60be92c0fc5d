#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/message.h"

/* Large parts are never read, only measured: their memory may be missing. */
static fw_header header;
static fw_reason reason;

static fw_status check_arrays(const size_t *sizes, size_t count) {
    static uint8_t list[FW_HEADER_MAX], packed[FW_HEADER_MAX];
    fw_part parts[FW_PARTS_MAX] = { { "cam0", 4 }, { packed, 0 }, { "\xc0", 1 } };
    size_t list_size = 0, size;
    for (size_t i = 0; i < count; i++) {
        char name[16];
        snprintf(name, sizeof name, "a%zu", i);
        const fw_array array = { .name = { name, strlen(name) },
                                 .format = { .dtype = FW_U8, .ndim = 1, .shape = { sizes[i] } } };
        assert_int_equal(fw_array_pack(&array, list + list_size, sizeof list - list_size, &size), FW_OK);
        list_size += size;
        parts[3 + i] = (fw_part){ NULL, sizes[i] };
    }
    const fw_header result = { .kind = FW_KIND_RESULT,
                               .verdict = FW_DONE,
                               .array_count = (uint32_t)count,
                               .arrays = { (const char *)list, list_size } };
    assert_int_equal(fw_header_pack(&result, packed, sizeof packed, &parts[1].size), FW_OK);
    return fw_message_check(parts, 3 + count, &header, &reason);
}

static void arrays_of_a_result_have_limits(void **state) {
    (void)state;
    const size_t most = FW_RESULT_ARRAY_MAX;
    assert_int_equal(check_arrays((size_t[]){ most, most, most, most - 1 }, 4), FW_OK);
    assert_int_equal(check_arrays((size_t[]){ most + 1 }, 1), FW_BAD_MESSAGE);
    assert_int_equal(reason, FW_REASON_PAYLOAD);
    assert_int_equal(check_arrays((size_t[]){ most, most, most, most }, 4),
                     FW_BAD_MESSAGE); /* the value is a byte more */
    assert_int_equal(reason, FW_REASON_PAYLOAD);
    assert_non_null(strstr(fw_cause(), "268435457 bytes"));
}

static fw_status check_value(size_t size) {
    uint8_t packed[256];
    const fw_header result = { .kind = FW_KIND_RESULT, .verdict = FW_DONE };
    uint8_t *value = calloc(1, size);
    assert_non_null(value);
    value[0] = 0xc6; /* bytes */
    for (int i = 0; i < 4; i++)
        value[1 + i] = (uint8_t)((size - 5) >> (24 - 8 * i));
    fw_part parts[3] = { { "cam0", 4 }, { packed, 0 }, { value, size } };
    assert_int_equal(fw_header_pack(&result, packed, sizeof packed, &parts[1].size), FW_OK);
    fw_status status = fw_message_check(parts, 3, &header, &reason);
    free(value);
    return status;
}

static void a_value_has_at_most_16_mib(void **state) {
    (void)state;
    assert_int_equal(check_value(FW_VALUE_MAX), FW_OK);
    assert_int_equal(check_value(FW_VALUE_MAX + 1), FW_BAD_MESSAGE);
    assert_int_equal(reason, FW_REASON_PAYLOAD);
}

static void an_encoded_payload_says_the_size(void **state) {
    (void)state;
    uint8_t packed[256];
    fw_header frame = { .kind = FW_KIND_FRAME, .format = { .width = 8, .height = 8, .pixels = FW_MONO8 } };
    assert_int_equal(fw_format_complete(&frame.format), FW_OK);
    frame.format.encoding = FW_JPEG;
    fw_part parts[3] = { { "cam0", 4 }, { packed, 0 }, { "jpeg", 4 } };
    assert_int_equal(fw_header_pack(&frame, packed, sizeof packed, &parts[1].size), FW_OK);
    assert_int_equal(fw_message_check(parts, 3, &header, &reason), FW_OK);
    assert_int_equal(header.format.size, 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrays_of_a_result_have_limits),
        cmocka_unit_test(a_value_has_at_most_16_mib),
        cmocka_unit_test(an_encoded_payload_says_the_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
