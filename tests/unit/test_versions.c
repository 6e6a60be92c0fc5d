#include "check.h"

#include <ctype.h>
#include <stdio.h>

#include <framewire/version.h>

static void each_library_is_named_with_a_number(void **state) {
    (void)state;
    static const char *const names[] = { "libzmq ",  "CZMQ ",    "msgpack-c ",    "libjpeg-turbo ",
                                         "libspng ", "libtiff ", "libmicrohttpd " };
    const char *versions = fw_versions();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *at = strstr(versions, names[i]);
        if (!at || !isdigit((unsigned char)at[strlen(names[i])]))
            fail_msg("%sis not in \"%s\"", names[i], versions);
    }
    assert_null(strchr(versions, '\n'));
    assert_string_equal(fw_versions(), versions);
}

static void the_version_is_that_of_the_headers(void **state) {
    (void)state;
    assert_string_equal(fw_version(), FW_VERSION);
    char numbers[32];
    snprintf(numbers, sizeof numbers, "%d.%d.%d", FW_VERSION_MAJOR, FW_VERSION_MINOR, FW_VERSION_PATCH);
    assert_string_equal(fw_version(), numbers);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_library_is_named_with_a_number),
        cmocka_unit_test(the_version_is_that_of_the_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
