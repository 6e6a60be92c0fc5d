#include "net_tools.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/probe.h"

static void *bound(void *context, int type, const char *wanted, char endpoint[128]) {
    void *socket = zmq_socket(context, type);
    size_t size = 128;
    int none = 0;
    zmq_setsockopt(socket, ZMQ_LINGER, &none, sizeof none);
    assert_int_equal(zmq_bind(socket, wanted), 0);
    zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, endpoint, &size);
    return socket;
}

static fw_url url_of(const char *prefix, const char *endpoint) {
    char text[256];
    fw_url url;
    snprintf(text, sizeof text, "%s%s", prefix, endpoint);
    assert_ok(fw_url_parse(text, &url));
    return url;
}

static void the_kind_of_a_socket_is_read(void **state) {
    static const struct {
        int type;
        const char *name;
    } kinds[] = {
        { ZMQ_PUB, "PUB" },       { ZMQ_XPUB, "XPUB" }, { ZMQ_PULL, "PULL" },     { ZMQ_PUSH, "PUSH" },
        { ZMQ_ROUTER, "ROUTER" }, { ZMQ_SUB, "SUB" },   { ZMQ_DEALER, "DEALER" }, { ZMQ_REP, "REP" },
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char endpoint[128], type[16];
        void *socket = bound(*state, kinds[i].type, "tcp://127.0.0.1:*", endpoint);
        fw_url url = url_of("push+", endpoint);
        assert_ok(fw_probe(&url, PATIENCE, type));
        assert_string_equal(type, kinds[i].name);
        zmq_close(socket);
    }
}

static void the_kind_of_an_ipc_socket_is_read(void **state) {
    char folder[] = "/tmp/framewire-test-XXXXXX", wanted[64], endpoint[128], type[16];
    assert_non_null(mkdtemp(folder));
    snprintf(wanted, sizeof wanted, "ipc://%s/socket", folder);
    fw_url url = url_of("push+", wanted);
    assert_fails(fw_probe(&url, PATIENCE, type), FW_NOT_FOUND, "nobody listens there");
    void *socket = bound(*state, ZMQ_PUSH, wanted, endpoint);
    assert_ok(fw_probe(&url, PATIENCE, type));
    assert_string_equal(type, "PUSH");
    zmq_close(socket);
    assert_int_equal(unlink(wanted + strlen("ipc://")), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void the_right_url_is_named(void **state) {
    static const struct {
        int theirs;
        const char *prefix;
        int ours;
        fw_status status;
        const char *right;
    } cases[] = {
        { ZMQ_PUB, "push+", ZMQ_PULL, FW_INVALID, "is a PUB socket; say pub+tcp://" },
        { ZMQ_XPUB, "", ZMQ_DEALER, FW_INVALID, "is an XPUB socket; say pub+tcp://" },
        { ZMQ_PUSH, "pub+", ZMQ_SUB, FW_INVALID, "is a PUSH socket; say push+tcp://" },
        { ZMQ_ROUTER, "push+", ZMQ_PULL, FW_INVALID, "is a ROUTER socket; say tcp://" },
        { ZMQ_SUB, "push+", ZMQ_PUSH, FW_INVALID, "is a SUB socket; say pub+tcp://" },
        { ZMQ_PULL, "push+", ZMQ_PULL, FW_INVALID, "takes frames as this side does" },
        { ZMQ_PUSH, "push+", ZMQ_PUSH, FW_INVALID, "sends frames as this side does" },
        { ZMQ_REP, "push+", ZMQ_PULL, FW_INVALID, "is a REP socket, which is not one for frames" },
        { ZMQ_PUSH, "push+", ZMQ_PULL, FW_OK, "" },
        { ZMQ_XPUB, "pub+", ZMQ_SUB, FW_OK, "" },
        { ZMQ_SUB, "pub+", ZMQ_XPUB, FW_OK, "" },
        { ZMQ_ROUTER, "", ZMQ_DEALER, FW_OK, "" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char endpoint[128];
        void *socket = bound(*state, cases[i].theirs, "tcp://127.0.0.1:*", endpoint);
        fw_url url = url_of(cases[i].prefix, endpoint);
        if (cases[i].status == FW_OK)
            assert_ok(fw_probe_explain(&url, cases[i].ours, false, PATIENCE));
        else
            assert_fails(fw_probe_explain(&url, cases[i].ours, false, PATIENCE), cases[i].status, cases[i].right);
        zmq_close(socket);
    }
}

/* A server of one connection that says this, and waits for the end of it. */
typedef struct raw_server {
    int listener;
    const char *says;
    bool hangs_up;
    pthread_t thread;
    char endpoint[64];
} raw_server;

static void *serve(void *arg) {
    raw_server *self = arg;
    int fd = accept(self->listener, NULL, NULL);
    char bytes[256];
    if (self->says != NULL)
        send(fd, self->says, strlen(self->says), MSG_NOSIGNAL);
    while (!self->hangs_up && recv(fd, bytes, sizeof bytes, 0) > 0)
        continue;
    close(fd);
    return NULL;
}

static void serve_on(raw_server *self, const char *says, bool hangs_up) {
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    self->says = says;
    self->hangs_up = hangs_up;
    self->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(self->listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(self->listener, 1), 0);
    assert_int_equal(getsockname(self->listener, (struct sockaddr *)&address, &size), 0);
    snprintf(self->endpoint, sizeof self->endpoint, "tcp://127.0.0.1:%u", ntohs(address.sin_port));
    assert_int_equal(pthread_create(&self->thread, NULL, serve, self), 0);
}

static void end_server(raw_server *self) {
    pthread_join(self->thread, NULL);
    close(self->listener);
}

static void what_is_not_zeromq_is_said(void **state) {
    (void)state;
    static const struct {
        const char *says;
        bool hangs_up;
    } cases[] = {
        { "220 mail.example ESMTP\r\n", false },
        { "\xff", true },
        { "\xff-------\x01\x7f\x03-NULL                                                    \x04\x03zzz", false },
        { NULL, true },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        raw_server server;
        char type[16];
        serve_on(&server, cases[i].says, cases[i].hangs_up);
        fw_url url = url_of("push+", server.endpoint);
        fw_status status = fw_probe(&url, PATIENCE, type);
        if (i == 2)
            assert_int_equal(status, FW_DENIED); /* a mechanism nobody knows */
        else
            assert_int_equal(status, FW_BAD_MESSAGE);
        end_server(&server);
    }
}

static void a_silent_server_is_given_up_on(void **state) {
    (void)state;
    raw_server server;
    char type[16];
    serve_on(&server, NULL, false);
    fw_url url = url_of("push+", server.endpoint);
    fw_time start = fw_now();
    assert_fails(fw_probe(&url, 50 * FW_MS, type), FW_TIMEOUT, "no answer");
    assert_true(fw_now() - start >= 50 * FW_MS);
    end_server(&server);
}

static void nobody_is_said(void **state) {
    (void)state;
    raw_server server;
    char type[16];
    serve_on(&server, "", true);
    fw_url url = url_of("push+", server.endpoint);
    fw_probe(&url, PATIENCE, type);
    end_server(&server);
    assert_fails(fw_probe(&url, PATIENCE, type), FW_NOT_FOUND, "nobody listens there");
    fw_url unknown = url_of("push+", "tcp://no.such.host.invalid:5555");
    assert_fails(fw_probe(&unknown, PATIENCE, type), FW_NOT_FOUND, "no host no.such.host.invalid is known");
}

static void a_server_that_asks_for_keys_is_said(void **state) {
    char endpoint[128], public_key[41], secret_key[41], type[16];
    void *socket = zmq_socket(*state, ZMQ_PUSH);
    int yes = 1;
    size_t size = sizeof endpoint;
    zmq_curve_keypair(public_key, secret_key);
    zmq_setsockopt(socket, ZMQ_CURVE_SERVER, &yes, sizeof yes);
    zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, secret_key, 41);
    assert_int_equal(zmq_bind(socket, "tcp://127.0.0.1:*"), 0);
    zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, endpoint, &size);
    fw_url url = url_of("push+", endpoint);
    assert_fails(fw_probe(&url, PATIENCE, type), FW_DENIED, "--keys");
    assert_ok(fw_probe_explain(&url, ZMQ_PULL, true, PATIENCE));
    zmq_close(socket);
}

static void a_probe_is_given_no_frames(void **state) {
    fw_socket *push;
    char type[16];
    assert_ok(open_socket(*state, ZMQ_PUSH, "push+tcp://127.0.0.1:0", true, NULL, &push));
    fw_url url = url_of("", push->bound);
    assert_ok(fw_probe(&url, PATIENCE, type));
    assert_string_equal(type, "PUSH");
    fw_event event;
    assert_true(wait_event(push, FW_EVENT_WRONG_PEER, &event));
    assert_int_equal(push->peers, 0);
    assert_int_equal(zmq_send(push->zmq, "x", 1, ZMQ_DONTWAIT), -1);
    fw_socket_close(&push, 0);
}

int main(void) {
#define net_test(name) cmocka_unit_test_setup_teardown(name, with_context, end_context)
    const struct CMUnitTest tests[] = {
        net_test(the_kind_of_a_socket_is_read),
        net_test(the_kind_of_an_ipc_socket_is_read),
        net_test(the_right_url_is_named),
        net_test(what_is_not_zeromq_is_said),
        net_test(a_silent_server_is_given_up_on),
        net_test(nobody_is_said),
        net_test(a_server_that_asks_for_keys_is_said),
        net_test(a_probe_is_given_no_frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
