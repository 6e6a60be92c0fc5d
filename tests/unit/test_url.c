#include "check.h"

#include <stdio.h>

#include "base/url.h"

static void a_prefix_says_the_pattern(void **state) {
    (void)state;
    static const struct {
        const char *text;
        fw_pattern pattern;
        const char *endpoint;
        bool ipc;
        int side;
    } cases[] = {
        { "tcp://127.0.0.1:5555", FW_LEASED, "tcp://127.0.0.1:5555", false, FW_DEFAULT_SIDE },
        { "push+tcp://*:0", FW_PUSH, "tcp://*:0", false, FW_DEFAULT_SIDE },
        { "push+tcp://*:*", FW_PUSH, "tcp://*:0", false, FW_DEFAULT_SIDE },
        { "pub+tcp://cam-host.example:65535?bind", FW_PUB, "tcp://cam-host.example:65535", false, FW_BIND },
        { "pub+tcp://[::1]:007?connect", FW_PUB, "tcp://[::1]:7", false, FW_CONNECT },
        { "tcp://eth0:5555", FW_LEASED, "tcp://eth0:5555", false, FW_DEFAULT_SIDE },
        { "ipc:///run/x.sock", FW_LEASED, "ipc:///run/x.sock", true, FW_DEFAULT_SIDE },
        { "push+ipc://relative", FW_PUSH, "ipc://relative", true, FW_DEFAULT_SIDE },
        { "pub+ipc:///tmp/a b?connect", FW_PUB, "ipc:///tmp/a b", true, FW_CONNECT },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fw_url url;
        assert_ok(fw_url_parse(cases[i].text, &url));
        assert_int_equal(url.pattern, cases[i].pattern);
        assert_string_equal(url.endpoint, cases[i].endpoint);
        assert_int_equal(url.ipc, cases[i].ipc);
        assert_int_equal(url.side, cases[i].side);
    }
}

static void what_is_wrong_with_a_url_is_said(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        { "", "starts with" },
        { "cam:5555", "starts with" },
        { "udp://cam:5555", "push+tcp://" },
        { "push+udp://cam:5555", "starts with" },
        { "TCP://cam:5555", "starts with" },
        { "xtcp://cam:5555", "starts with" },
        { "pull+tcp://cam:5555", "push+tcp://cam:5555" },
        { "sub+ipc:///x", "pub+ipc:///x" },
        { "tcp://cam", "port is missing" },
        { "tcp://[::1]", "port is missing" },
        { "tcp://", "port is missing" },
        { "tcp://:5555", "host is missing" },
        { "tcp://cam:", "0 to 65535" },
        { "tcp://cam:65536", "0 to 65535" },
        { "tcp://cam:-1", "0 to 65535" },
        { "tcp://cam:5555/", "0 to 65535" },
        { "tcp://cam:99999999999999999999", "0 to 65535" },
        { "tcp://::1:5555", "brackets" },
        { "tcp://[::1:5555", "brackets" },
        { "tcp://[]:5555", "brackets" },
        { "tcp://cam host:5555", "not the name or address" },
        { "tcp://user@cam:5555", "not the name or address" },
        { "tcp://cam\n:5555", "cam\\x0a" },
        { "tcp://*:5555?connect", "cannot connect to *" },
        { "tcp://cam:0?connect", "port 0" },
        { "tcp://cam:1?bnd", "only ?bind or ?connect" },
        { "tcp://cam:1?", "only ?bind or ?connect" },
        { "tcp://cam:1?bind&connect", "only ?bind or ?connect" },
        { "ipc://", "path of a socket is missing" },
        { "ipc:///run/", "path of a socket is missing" },
        { "ipc://@abstract", "needs a path" },
        { "ipc://*", "needs a path" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fw_url url = { .pattern = FW_PUB };
        assert_fails(fw_url_parse(cases[i][0], &url), FW_INVALID, cases[i][1]);
        assert_int_equal(url.pattern, FW_PUB);
    }
}

static void a_socket_path_is_as_long_as_the_system_takes(void **state) {
    (void)state;
    char text[2000] = "ipc:///";
    memset(text + 7, 'x', 106);
    fw_url url;
    assert_ok(fw_url_parse(text, &url));
    assert_int_equal(strlen(url.endpoint), 6 + 107);
    text[7 + 106] = 'x';
    assert_fails(fw_url_parse(text, &url), FW_INVALID, "has 108");
    memset(text + 7, 'x', 1900);
    assert_fails(fw_url_parse(text, &url), FW_INVALID, "at most");
    memcpy(text, "tcp:", 4);
    snprintf(text + 400, 100, ":5555");
    assert_fails(fw_url_parse(text, &url), FW_INVALID, "a host has at most 255");
}

static void an_endpoint_gets_its_pattern_back(void **state) {
    (void)state;
    char out[FW_ENDPOINT_MAX];
    fw_url_format(out, FW_PUSH, "tcp://127.0.0.1:40123");
    assert_string_equal(out, "push+tcp://127.0.0.1:40123");
    fw_url_format(out, FW_PUB, "ipc:///x");
    assert_string_equal(out, "pub+ipc:///x");
    fw_url_format(out, FW_LEASED, "tcp://[::1]:1");
    assert_string_equal(out, "tcp://[::1]:1");
}

static void only_loopback_is_closed(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool open;
    } cases[] = {
        { "tcp://*:0", true },
        { "tcp://0.0.0.0:1", true },
        { "tcp://192.168.1.4:1", true },
        { "tcp://[::]:1", true },
        { "tcp://eth0:1", true },
        { "tcp://127.evil.example:1", true },
        { "tcp://[fe80::1]:1", true },
        { "tcp://127.0.0.1:1", false },
        { "tcp://127.9.9.9:1", false },
        { "tcp://[::1]:1", false },
        { "tcp://localhost:1", false },
        { "tcp://lo:1", false },
        { "ipc:///x", false },
        { "tcp://[::ffff:127.0.0.1]:1", false },
        { "tcp://[::ffff:10.0.0.1]:1", true },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fw_url url;
        assert_ok(fw_url_parse(cases[i].text, &url));
        if (fw_url_is_open(&url) != cases[i].open)
            fail_msg("%s", cases[i].text);
    }
}

static void a_spec_has_a_scheme_a_rest_and_parameters(void **state) {
    (void)state;
    fw_spec spec;
    assert_ok(fw_spec_parse("test:bars?size=64x48&format=rgb8&note=a%20%26%3D%25b+c&none=", &spec));
    assert_string_equal(spec.scheme, "test");
    assert_string_equal(spec.rest, "bars");
    assert_int_equal(spec.count, 4);
    assert_string_equal(spec.queries[0].key, "size");
    assert_string_equal(spec.queries[0].value, "64x48");
    assert_string_equal(spec.queries[2].value, "a &=%b+c");
    assert_string_equal(spec.queries[3].value, "");
    fw_spec_free(&spec);
    assert_ok(fw_spec_parse("v4l2:/dev/video0", &spec));
    assert_string_equal(spec.scheme, "v4l2");
    assert_string_equal(spec.rest, "/dev/video0");
    assert_int_equal(spec.count, 0);
    fw_spec_free(&spec);
    assert_ok(fw_spec_parse("pipe:-?a=b?c=d", &spec));
    assert_string_equal(spec.queries[0].value, "b?c=d");
    fw_spec_free(&spec);
    fw_spec_free(&spec);
}

static void a_bad_spec_is_refused_and_left_empty(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        { "photos/", "SCHEME:" },
        { "c:/photos", "SCHEME:" },
        { "", "SCHEME:" },
        { "2x:y", "SCHEME:" },
        { "-", "SCHEME:" },
        { "test:bars?", "name=value" },
        { "test:bars?size", "not \"size\"" },
        { "test:bars?=5", "name=value" },
        { "test:bars?a=1&&b=2", "name=value" },
        { "test:bars?a=1&", "name=value" },
        { "test:bars?a=%", "two hex digits" },
        { "test:bars?a=%4", "two hex digits" },
        { "test:bars?a=%zz", "two hex digits" },
        { "test:bars?a=%00", "two hex digits" },
        { "test:bars?a=1&a=2", "a is given twice" },
        { "test:bars?a=1&%61=2", "a is given twice" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fw_spec spec;
        assert_fails(fw_spec_parse(cases[i][0], &spec), FW_INVALID, cases[i][1]);
        assert_null(spec.scheme);
        assert_null(spec.queries);
        assert_int_equal(spec.count, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_prefix_says_the_pattern),
        cmocka_unit_test(what_is_wrong_with_a_url_is_said),
        cmocka_unit_test(a_socket_path_is_as_long_as_the_system_takes),
        cmocka_unit_test(an_endpoint_gets_its_pattern_back),
        cmocka_unit_test(only_loopback_is_closed),
        cmocka_unit_test(a_spec_has_a_scheme_a_rest_and_parameters),
        cmocka_unit_test(a_bad_spec_is_refused_and_left_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
