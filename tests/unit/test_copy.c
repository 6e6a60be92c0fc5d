#include "folder.h"

#include "memory/copy.h"

#define MARGIN  128
#define NOTHING 0xee

/* Bytes of which no two lines or pages near each other are the same. */
static void fill(uint8_t *bytes, size_t size) {
    static uint8_t block[65521]; /* a prime */
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = (uint8_t)(i * 131 >> 3 ^ i);
    for (size_t at = 0; at < size; at += sizeof block)
        memcpy(bytes + at, block, size - at < sizeof block ? size - at : sizeof block);
}

/* Rows from so far into a line to so far into another one, each byte compared, and what is around them. */
static void check_copy(size_t from, size_t to, size_t row, size_t rows, size_t stride) {
    size_t there = rows > 0 ? (rows - 1) * stride + row : 0, size = row * rows;
    uint8_t *source = aligned_alloc(4096, (there + from + 2 * 4096) / 4096 * 4096);
    uint8_t *target = aligned_alloc(4096, (size + to + 2 * MARGIN + 2 * 4096) / 4096 * 4096);
    assert_non_null(source);
    assert_non_null(target);
    fill(source + from, there);
    memset(target, NOTHING, size + to + 2 * MARGIN);
    fw_copy_rows(target + MARGIN + to, source + from, row, rows, stride);
    for (size_t i = 0; i < MARGIN + to; i++)
        assert_int_equal(target[i], NOTHING);
    for (size_t y = 0; y < rows; y++)
        if (memcmp(target + MARGIN + to + y * row, source + from + y * stride, row) != 0)
            fail_msg("row %zu (%zu bytes, %zu apart, from %zu to %zu)", y, row, stride, from, to);
    for (size_t i = 0; i < MARGIN; i++)
        assert_int_equal(target[MARGIN + to + size + i], NOTHING);
    free(source);
    free(target);
}

static void every_byte_is_copied_and_no_other(void **state) {
    (void)state;
    static const size_t sizes[] = { 0, 1, 63, 64, 65, 4095, 4096, 4097, 100003 };
    static const size_t places[] = { 0, 1, 63, 64, 4095 };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t from = 0; from < sizeof places / sizeof *places; from++)
            for (size_t to = 0; to < sizeof places / sizeof *places; to++)
                check_copy(places[from], places[to], sizes[i], 1, sizes[i]);
}

static void rows_become_one_run(void **state) {
    (void)state;
    check_copy(0, 0, 96, 7, 96);
    check_copy(5, 0, 99, 7, 128);
    check_copy(0, 3, 5000, 9, 8192);
    check_copy(0, 0, 0, 9, 16);
    check_copy(0, 0, 16, 0, 32);
}

/* Each of the ways that are tried in turn. */
static void every_way_copies_the_same(void **state) {
    (void)state;
    size_t size = (size_t)1 << 20;
    for (size_t i = 0; i < 8; i++) {
        check_copy(0, 0, size, 1, size);
        check_copy(i, 63, size + i, 1, size + i);
        check_copy(i, 0, 4999, size / 4999 + 1, 5003);
    }
}

/* As above, of frames that are larger than the cache. */
static void what_goes_past_the_cache_is_whole(void **state) {
    (void)state;
    size_t size = fw_copy_cache("") / 3 + 10000; /* a hundred megabytes on some machines */
    check_copy(0, 0, size, 1, size);
    check_copy(17, 33, size + 7, 1, size + 7);
    check_copy(0, 0, 5000, size / 5000, 5003);
    check_copy(1, 0, 40, size / 40, 48); /* rows that are shorter than a line */
}

static void the_largest_cache_counts(void **state) {
    (void)state;
    assert_int_equal(fw_copy_cache("."), 32 << 20); /* what is usual */
    write_below("sys/devices/system/cpu/cpu0/cache/index0/size", "48K\n");
    write_below("sys/devices/system/cpu/cpu0/cache/index1/size", "2048K\n");
    write_below("sys/devices/system/cpu/cpu0/cache/index2/size", "nothing to be read\n");
    assert_int_equal(fw_copy_cache("."), 2 << 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_is_copied_and_no_other),
        cmocka_unit_test(rows_become_one_run),
        cmocka_unit_test(every_way_copies_the_same),
        cmocka_unit_test(what_goes_past_the_cache_is_whole),
        cmocka_unit_test_setup_teardown(the_largest_cache_counts, folder_make, folder_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
