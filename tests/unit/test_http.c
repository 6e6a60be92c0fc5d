#include "check.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "net/http.h"

static void metrics(void *arg, fw_text *text) {
    fw_text_format(text, "framewire_frames_total %d\n", *(int *)arg);
}

static bool health(void *arg, fw_text *text) {
    bool well = *(int *)arg > 0;
    fw_text_format(text, "{\"ok\":%s}\n", well ? "true" : "false");
    return well;
}

static void serve(int *frames, char bound[128], fw_http **http) {
    assert_ok(fw_http_open("127.0.0.1:0", &(fw_http_pages){ metrics, health, frames }, bound, http));
}

static int dial(const char *bound) {
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    address.sin_port = htons((uint16_t)atoi(strrchr(bound, ':') + 1));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct timeval patience = { .tv_sec = 10 };
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

/* One request, and all that comes back until the server closes. */
static void ask(const char *bound, const char *request, size_t size, char *answer, size_t room) {
    int fd = dial(bound);
    ssize_t got;
    size_t have = 0;
    assert_int_equal(send(fd, request, size, MSG_NOSIGNAL), (ssize_t)size);
    shutdown(fd, SHUT_WR);
    while (have < room - 1 && (got = recv(fd, answer + have, room - 1 - have, 0)) > 0)
        have += (size_t)got;
    answer[have] = '\0';
    close(fd);
}

static void get(const char *bound, const char *method, const char *path, char *answer, size_t room) {
    char request[256];
    int size =
        snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", method, path);
    ask(bound, request, (size_t)size, answer, room);
}

static void assert_has(const char *answer, const char *part) {
    if (strstr(answer, part) == NULL)
        fail_msg("\"%s\" lacks \"%s\"", answer, part);
}

static void metrics_are_served(void **state) {
    (void)state;
    char bound[128], answer[1024];
    int frames = 42;
    fw_http *http;
    serve(&frames, bound, &http);
    get(bound, "GET", "/metrics", answer, sizeof answer);
    assert_has(answer, "HTTP/1.1 200 OK\r\n");
    assert_has(answer, "Content-Type: text/plain; version=0.0.4");
    assert_has(answer, "\r\n\r\nframewire_frames_total 42\n");
    get(bound, "HEAD", "/metrics", answer, sizeof answer);
    assert_has(answer, "HTTP/1.1 200 OK\r\n");
    assert_null(strstr(answer, "framewire_frames_total"));
    fw_http_close(&http);
    assert_null(http);
    fw_http_close(&http);
}

static void health_is_served_and_its_lack_is_503(void **state) {
    (void)state;
    char bound[128], answer[1024];
    int frames = 1;
    fw_http *http;
    serve(&frames, bound, &http);
    get(bound, "GET", "/health", answer, sizeof answer);
    assert_has(answer, "HTTP/1.1 200 OK\r\n");
    assert_has(answer, "Content-Type: application/json");
    assert_has(answer, "{\"ok\":true}");
    frames = 0;
    get(bound, "GET", "/health?verbose", answer, sizeof answer);
    assert_has(answer, "HTTP/1.1 503 ");
    assert_has(answer, "{\"ok\":false}");
    fw_http_close(&http);
}

static void other_paths_and_methods_are_refused(void **state) {
    (void)state;
    char bound[128], answer[1024];
    int frames = 1;
    fw_http *http;
    serve(&frames, bound, &http);
    get(bound, "GET", "/../etc/passwd", answer, sizeof answer);
    assert_has(answer, "HTTP/1.1 404 ");
    assert_has(answer, "There is /metrics");
    get(bound, "DELETE", "/metrics", answer, sizeof answer);
    assert_has(answer, "HTTP/1.1 405 ");
    assert_has(answer, "Allow: GET, HEAD");
    static const char post[] =
        "POST /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody";
    ask(bound, post, sizeof post - 1, answer, sizeof answer);
    assert_has(answer, "HTTP/1.1 405 ");
    fw_http_close(&http);
}

static void random_bytes_change_nothing(void **state) {
    (void)state;
    char bound[128], answer[1024];
    int frames = 7;
    fw_http *http;
    serve(&frames, bound, &http);
    unsigned seed = 1;
    for (int i = 0; i < 50; i++) {
        char bytes[512];
        for (size_t n = 0; n < sizeof bytes; n++)
            bytes[n] = (char)(rand_r(&seed) >> 3);
        int fd = dial(bound);
        assert_true(send(fd, bytes, sizeof bytes, MSG_NOSIGNAL) > 0);
        close(fd);
    }
    get(bound, "GET", "/metrics", answer, sizeof answer);
    assert_has(answer, "framewire_frames_total 7\n");
    fw_http_close(&http);
}

static void silent_connections_are_bounded_and_let_go_at_close(void **state) {
    (void)state;
    char bound[128];
    int frames = 7, fds[100];
    fw_http *http;
    serve(&frames, bound, &http);
    for (size_t i = 0; i < 100; i++)
        fds[i] = dial(bound);
    fw_http_close(&http);
    for (size_t i = 0; i < 100; i++)
        close(fds[i]);
}

static void a_taken_port_is_said(void **state) {
    (void)state;
    char bound[128], again[128];
    int frames = 7;
    fw_http *http, *second;
    serve(&frames, bound, &http);
    assert_fails(fw_http_open(bound, &(fw_http_pages){ metrics, health, &frames }, again, &second), FW_IN_USE,
                 "choose another port, or 127.0.0.1:0 for any that is free");
    assert_null(second);
    fw_http_close(&http);
    serve(&frames, bound, &http);
    fw_http_close(&http);
}

static void what_is_no_address_is_said(void **state) {
    (void)state;
    static const char *const wrong[] = { "",        "9100",      ":9100", "localhost", "localhost:", "::1:9100",
                                         "a:70000", "[::1:9100", "a:-1",  "a:1x",      "[]:1" };
    char bound[128];
    int frames = 7;
    fw_http *http;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_fails(fw_http_open(wrong[i], &(fw_http_pages){ metrics, health, &frames }, bound, &http), FW_INVALID,
                     "ADDR:PORT");
    assert_fails(fw_http_open("no.such.host.invalid:0", &(fw_http_pages){ metrics, health, &frames }, bound, &http),
                 FW_NOT_FOUND, "no.such.host.invalid");
    assert_fails(fw_http_open("192.0.2.1:0", &(fw_http_pages){ metrics, health, &frames }, bound, &http), FW_NOT_FOUND,
                 "no such address");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metrics_are_served),
        cmocka_unit_test(health_is_served_and_its_lack_is_503),
        cmocka_unit_test(other_paths_and_methods_are_refused),
        cmocka_unit_test(random_bytes_change_nothing),
        cmocka_unit_test(silent_connections_are_bounded_and_let_go_at_close),
        cmocka_unit_test(a_taken_port_is_said),
        cmocka_unit_test(what_is_no_address_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
