#include "check.h"

#include <framewire/units.h>

static void times_have_units(void **state) {
    (void)state;
    static const struct {
        const char *text;
        fw_time value;
    } cases[] = {
        { "0", 0 },
        { "0s", 0 },
        { "7ns", 7 },
        { "3us", 3000 },
        { "200ms", 200 * FW_MS },
        { "5s", 5 * FW_SECOND },
        { "1.5s", 1500 * FW_MS },
        { "0.1s", 100 * FW_MS },
        { "2min", 120 * FW_SECOND },
        { "1h", 3600 * FW_SECOND },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fw_time value = -1;
        assert_ok(fw_parse_time(cases[i].text, &value));
        assert_int_equal(value, cases[i].value);
    }
}

static void sizes_have_units(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint64_t value;
    } cases[] = {
        { "0", 0 },           { "4096", 4096 },   { "12B", 12 },          { "1kB", 1000 },
        { "1KB", 1000 },      { "2MB", 2000000 }, { "64MiB", 64u << 20 }, { "1GB", 1000000000 },
        { "1GiB", 1u << 30 }, { "1.5KiB", 1536 }, { "4TiB", 4ull << 40 }, { "9007199254740991", 9007199254740991ull },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t value = 1;
        assert_ok(fw_parse_bytes(cases[i].text, &value));
        assert_int_equal(value, cases[i].value);
    }
}

static void rates_have_units(void **state) {
    (void)state;
    double value = 0;
    assert_ok(fw_parse_rate("30fps", &value));
    assert_true(value == 30);
    assert_ok(fw_parse_rate("29.97Hz", &value));
    assert_true(value == 29.97);
    assert_ok(fw_parse_rate("0.5fps", &value));
    assert_true(value == 0.5);
}

static void counts_and_sizes_of_pictures_are_whole(void **state) {
    (void)state;
    uint64_t count = 1;
    assert_ok(fw_parse_count("18446744073709551615", &count));
    assert_int_equal(count, UINT64_MAX);
    assert_ok(fw_parse_count("0", &count));
    assert_int_equal(count, 0);
    uint32_t width = 0, height = 0;
    assert_ok(fw_parse_size("640x480", &width, &height));
    assert_int_equal(width, 640);
    assert_int_equal(height, 480);
    assert_ok(fw_parse_size("4294967295x1", &width, &height));
    assert_int_equal(width, UINT32_MAX);
}

#define REFUSES(parse, text, cause)                           \
    do {                                                      \
        assert_fails(parse(text, &value), FW_INVALID, cause); \
        assert_true(value == 42);                             \
    } while (0)

static void what_is_not_a_value_is_refused_with_an_example(void **state) {
    (void)state;
    {
        static const char *const bad[] = { "",    "5",   "s",    "-1s",  "+1s",  " 1s",  "1 s",    "1s ",
                                           "1.s", ".5s", "1e3s", "0x1s", "nans", "1,5s", "1.2.3s", "1d" };
        fw_time value = 42;
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
            REFUSES(fw_parse_time, bad[i], "like 30s");
        REFUSES(fw_parse_time, "9999999999h", "285 years");
        REFUSES(fw_parse_time, "11111111111111111111111111111111s", "like 30s");
    }
    {
        static const char *const bad[] = { "", "MiB", "-1", "64 MiB", "64Mi", "64M", "0x10", "1/2" };
        uint64_t value = 42;
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
            REFUSES(fw_parse_bytes, bad[i], "like 64MiB");
        REFUSES(fw_parse_bytes, "9007199254740994", "8192TiB");
        static const char *const no_counts[] = { "", "-1", "+1", "1.0", "1k", " 1", "18446744073709551616", "all" };
        for (size_t i = 0; i < sizeof no_counts / sizeof *no_counts; i++)
            REFUSES(fw_parse_count, no_counts[i], "like 100");
    }
    {
        double value = 42;
        REFUSES(fw_parse_rate, "fast", "like 30fps");
        REFUSES(fw_parse_rate, "30", "like 30fps");
        REFUSES(fw_parse_rate, "0fps", "more than 0");
        REFUSES(fw_parse_rate, "1e9999fps", "like 30fps");
    }
    {
        static const char *const bad[] = { "",      "640",       "640x",    "x480", "640X480",      "0x480",
                                           "640x0", "640x480x3", "640*480", "-1x5", "4294967296x1", "640 x 480" };
        uint32_t value = 42, height = 42;
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
            assert_fails(fw_parse_size(bad[i], &value, &height), FW_INVALID, "like 640x480");
            assert_true(value == 42 && height == 42);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_have_units),
        cmocka_unit_test(sizes_have_units),
        cmocka_unit_test(rates_have_units),
        cmocka_unit_test(counts_and_sizes_of_pictures_are_whole),
        cmocka_unit_test(what_is_not_a_value_is_refused_with_an_example),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
