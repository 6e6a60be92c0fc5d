#include "source/stamp.h"

#include "check.h"

#include <stdlib.h>

#include "../helpers/stamp.h"

static void every_size_is_stamped_from_first_to_last_byte(void **state) {
    (void)state;
    static const size_t sizes[] = { 1,      7,      8,      9,      15,     16,     17,     31,    32,
                                    33,     65535,  65536,  65537,  65551,  65552,  65553,  65567, 65568,
                                    131071, 131072, 131087, 131088, 131104, 131105, 1000000 };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t size = sizes[i];
        uint8_t *data = malloc(size + 1);
        memset(data, 0xAA, size + 1);
        fw_stamp_write(data, size, 0x0123456789abcdef);
        assert_int_equal(data[size], 0xAA);
        assert_true(stamp_whole(data, size, 0x0123456789abcdef));
        assert_false(stamp_whole(data, size, 0x0123456789abcdee));
        if (size >= 16)
            assert_true(stamp_number(data) == 0x0123456789abcdef);
        size_t beyond = size % 65536; /* the last bytes are a stamp, unless it would overlap the one before */
        data[size >= 32 && (beyond <= 16 || beyond >= 32) ? size - 1 : 0] ^= 1;
        assert_false(stamp_whole(data, size, 0x0123456789abcdef));
        free(data);
    }
}

static void a_frame_of_two_halves_is_found(void **state) {
    (void)state;
    enum { SIZE = 640 * 480 * 3 };
    uint8_t *data = calloc(1, SIZE);
    for (size_t cut = 1; cut < SIZE; cut += 65536) {
        fw_stamp_write(data, SIZE, 7);
        fw_stamp_write(data, cut < 16 ? 16 : cut, 8);
        assert_false(stamp_whole(data, SIZE, 7));
        assert_false(stamp_whole(data, SIZE, 8));
    }
    free(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_size_is_stamped_from_first_to_last_byte),
        cmocka_unit_test(a_frame_of_two_halves_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
