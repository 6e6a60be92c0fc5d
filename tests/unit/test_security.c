#include "net_tools.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <framewire/keys.h>

#include "net/security.h"

typedef struct site {
    void *context;
    char folder[64], ours[96], theirs[96], other[96], allow[96];
    char our_key[41], their_key[41], other_key[41];
} site;

static void write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static int new_site(void **state) {
    site *self = calloc(1, sizeof *self);
    *state = self;
    strcpy(self->folder, "/tmp/framewire-test-XXXXXX");
    if (mkdtemp(self->folder) == NULL)
        return -1;
    snprintf(self->ours, sizeof self->ours, "%s/ours", self->folder);
    snprintf(self->theirs, sizeof self->theirs, "%s/theirs", self->folder);
    snprintf(self->other, sizeof self->other, "%s/other", self->folder);
    snprintf(self->allow, sizeof self->allow, "%s/allow", self->folder);
    if (fw_keys_make(self->ours, self->our_key) != FW_OK || fw_keys_make(self->theirs, self->their_key) != FW_OK ||
        fw_keys_make(self->other, self->other_key) != FW_OK)
        return -1;
    return fw_context_open(&self->context) == FW_OK ? 0 : -1;
}

static void remove_keys(const char *folder) {
    char path[128];
    snprintf(path, sizeof path, "%s/framewire.key", folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/framewire.key_secret", folder);
    unlink(path);
    rmdir(folder);
}

static int end_site(void **state) {
    site *self = *state;
    end_context(&self->context);
    remove_keys(self->ours);
    remove_keys(self->theirs);
    remove_keys(self->other);
    unlink(self->allow);
    int left = rmdir(self->folder);
    free(self);
    return left;
}

static void a_pair_is_made_once_and_the_secret_is_the_owners_alone(void **state) {
    site *self = *state;
    struct stat file;
    char path[128], again[41];
    mode_t mask = umask(0);
    char folder[96];
    snprintf(folder, sizeof folder, "%s/fresh", self->folder);
    assert_ok(fw_keys_make(folder, again));
    assert_int_equal(umask(mask), 0);
    assert_int_equal(strlen(again), 40);

    assert_int_equal(stat(folder, &file), 0);
    assert_int_equal(file.st_mode & 0777, 0700);
    snprintf(path, sizeof path, "%s/framewire.key_secret", folder);
    assert_int_equal(stat(path, &file), 0);
    assert_int_equal(file.st_mode & 0777, 0600);
    assert_fails(fw_keys_make(folder, again), FW_IN_USE, "is there already");
    assert_string_equal(again, "");

    unlink(path); /* the public half alone is no reason to overwrite it, and nothing new is left */
    assert_fails(fw_keys_make(folder, again), FW_IN_USE, "framewire.key is there already");
    assert_int_equal(access(path, F_OK), -1);
    remove_keys(folder);

    assert_fails(fw_keys_make("/proc/no/keys", again), FW_NOT_FOUND, "cannot be made");
}

static void no_secret_is_in_the_public_file(void **state) {
    site *self = *state;
    char path[128], text[512] = "";
    snprintf(path, sizeof path, "%s/framewire.key", self->ours);
    FILE *file = fopen(path, "r");
    assert_true(fread(text, 1, sizeof text - 1, file) > 0);
    fclose(file);
    assert_non_null(strstr(text, self->our_key));
    assert_null(strstr(text, "secret-key"));
}

static void caught(int number) {
    (void)number;
}

static void signal_handlers_of_the_program_stay(void **state) {
    site *self = *state;
    struct sigaction mine = { .sa_handler = caught }, now;
    sigaction(SIGINT, &mine, NULL);
    sigaction(SIGTERM, &mine, NULL);
    fw_security *security;
    assert_ok(fw_security_open(self->context, self->ours, NULL, self->their_key, &security));
    fw_security_close(&security);
    sigaction(SIGINT, NULL, &now);
    assert_ptr_equal(now.sa_handler, caught);
    sigaction(SIGTERM, NULL, &now);
    assert_ptr_equal(now.sa_handler, caught);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
}

/* A push that listens with our keys, and lets theirs in. */
static fw_socket *listen_with(site *self, fw_security **security, const char *allow) {
    fw_socket *push;
    write_file(self->allow, allow);
    assert_ok(fw_security_open(self->context, self->ours, self->allow, NULL, security));
    assert_ok(open_socket(self->context, ZMQ_PUSH, "push+tcp://127.0.0.1:0", true, *security, &push));
    return push;
}

static void an_allowed_key_is_let_in(void **state) {
    site *self = *state;
    fw_security *server, *client;
    char allow[256];
    snprintf(allow, sizeof allow, "# who may connect\n\n  %s  the other one\n%s\n", self->other_key, self->their_key);
    fw_socket *push = listen_with(self, &server, allow), *pull;
    assert_ok(fw_security_open(self->context, self->theirs, NULL, self->our_key, &client));
    assert_ok(open_socket(self->context, ZMQ_PULL, push->bound, false, client, &pull));
    assert_true(wait_peers(push, 1));
    assert_int_equal(zmq_send(push->zmq, "frame", 5, 0), 5);
    char text[8];
    assert_int_equal(zmq_recv(pull->zmq, text, sizeof text, 0), 5);
    assert_int_equal(fw_security_refused(server), 0);
    fw_socket_close(&pull, 0);
    fw_socket_close(&push, 0);
    fw_security_close(&client);
    fw_security_close(&server);
}

static void a_certificate_says_who_is_let_in_and_who_the_server_is(void **state) {
    site *self = *state;
    fw_security *server, *client;
    char theirs[128], ours[128];
    snprintf(theirs, sizeof theirs, "%s/framewire.key", self->theirs);
    snprintf(ours, sizeof ours, "%s/framewire.key", self->ours);
    fw_socket *push, *pull;
    assert_ok(fw_security_open(self->context, self->ours, theirs, NULL, &server));
    assert_ok(open_socket(self->context, ZMQ_PUSH, "push+tcp://127.0.0.1:0", true, server, &push));
    assert_ok(fw_security_open(self->context, self->theirs, NULL, ours, &client));
    assert_ok(open_socket(self->context, ZMQ_PULL, push->bound, false, client, &pull));
    assert_true(wait_peers(push, 1));
    fw_socket_close(&pull, 0);
    fw_socket_close(&push, 0);
    fw_security_close(&client);
    fw_security_close(&server);
}

static void who_is_not_allowed_is_refused(void **state) {
    site *self = *state;
    fw_security *server, *stranger, *mistaken;
    fw_event event;
    fw_socket *push = listen_with(self, &server, self->their_key), *pull;

    assert_ok(fw_security_open(self->context, self->other, NULL, self->our_key, &stranger));
    assert_ok(open_socket(self->context, ZMQ_PULL, push->bound, false, stranger, &pull));
    assert_true(wait_event(pull, FW_EVENT_WRONG_PEER, &event));
    assert_true(event.denied);
    assert_true(fw_security_refused(server) >= 1);
    fw_socket_close(&pull, 0);

    void *plain = peer(self->context, ZMQ_PULL, push->endpoint);
    assert_true(wait_event(push, FW_EVENT_WRONG_PEER, &event));
    zmq_close(plain);

    assert_ok(fw_security_open(self->context, self->theirs, NULL, self->other_key, &mistaken));
    assert_ok(open_socket(self->context, ZMQ_PULL, push->bound, false, mistaken, &pull));
    assert_true(wait_event(push, FW_EVENT_WRONG_PEER, &event));
    fw_socket_close(&pull, 0);

    assert_int_equal(push->peers, 0);
    assert_int_equal(zmq_send(push->zmq, "frame", 5, ZMQ_DONTWAIT), -1);
    fw_socket_close(&push, 0);
    fw_security_close(&stranger);
    fw_security_close(&mistaken);
    fw_security_close(&server);
}

/* The name by which the other side knows a socket that has connected. */
static void own_name(fw_socket *socket, char name[64]) {
    fw_event event;
    struct sockaddr_in where;
    socklen_t size = sizeof where;
    assert_true(wait_event(socket, FW_EVENT_ACCEPTED, &event));
    assert_int_equal(getsockname(event.fd, (struct sockaddr *)&where, &size), 0);
    snprintf(name, 64, "127.0.0.1:%u", ntohs(where.sin_port));
}

static void who_is_refused_is_not_taken_for_the_peer_beside_it(void **state) {
    site *self = *state;
    fw_security *server, *friend, *stranger;
    fw_event event;
    fw_socket *push = listen_with(self, &server, self->their_key);
    assert_ok(fw_security_open(self->context, self->theirs, NULL, self->our_key, &friend));
    assert_ok(fw_security_open(self->context, self->other, NULL, self->our_key, &stranger));
    for (int round = 0; round < 20; round++) {
        fw_socket *wrong, *right;
        char name[64];
        assert_ok(open_socket(self->context, ZMQ_PULL, push->bound, false, stranger, &wrong));
        assert_ok(open_socket(self->context, ZMQ_PULL, push->bound, false, friend, &right));
        own_name(right, name);
        assert_true(wait_peers(right, 1));
        assert_true(wait_event(wrong, FW_EVENT_WRONG_PEER, &event));
        assert_true(wait_event(push, FW_EVENT_WRONG_PEER, &event));
        fw_socket_close(&wrong, 0);
        assert_true(wait_peers(push, 1));
        fw_socket_close(&right, 0);
        assert_true(wait_event(push, FW_EVENT_DISCONNECTED, &event));
        assert_string_equal(event.peer, name);
        assert_int_equal(push->peers, 0);
    }
    fw_socket_close(&push, 0);
    fw_security_close(&friend);
    fw_security_close(&stranger);
    fw_security_close(&server);
}

static void two_senders_have_each_their_own_list(void **state) {
    site *self = *state;
    fw_security *first, *second, *client;
    void *context;
    char allow[96];
    assert_ok(fw_context_open(&context));
    fw_socket *push = listen_with(self, &first, self->their_key), *pull, *elsewhere;
    snprintf(allow, sizeof allow, "%s/allow", self->folder);
    write_file(allow, self->other_key);
    assert_ok(fw_security_open(context, self->ours, allow, NULL, &second));
    assert_ok(open_socket(context, ZMQ_PUSH, "push+tcp://127.0.0.1:0", true, second, &elsewhere));

    assert_ok(fw_security_open(self->context, self->theirs, NULL, self->our_key, &client));
    assert_ok(open_socket(self->context, ZMQ_PULL, push->bound, false, client, &pull));
    assert_true(wait_peers(push, 1));
    fw_socket_close(&pull, 0);
    fw_event event;
    assert_ok(open_socket(self->context, ZMQ_PULL, elsewhere->bound, false, client, &pull));
    assert_true(wait_event(elsewhere, FW_EVENT_WRONG_PEER, &event));
    assert_true(fw_security_refused(second) >= 1);
    assert_int_equal(fw_security_refused(first), 0);

    fw_socket_close(&pull, 0);
    fw_socket_close(&push, 0);
    fw_socket_close(&elsewhere, 0);
    fw_security_close(&client);
    fw_security_close(&first);
    fw_security_close(&second);
    fw_context_close(&context);
}

static void what_is_wrong_with_keys_is_said(void **state) {
    site *self = *state;
    fw_security *security;
    char text[256], secret[128];

    assert_fails(fw_security_open(self->context, self->ours, NULL, NULL, &security), FW_INVALID, "--allow");
    assert_fails(fw_security_open(self->context, NULL, self->allow, NULL, &security), FW_INVALID, "--keys");
    assert_fails(fw_security_open(self->context, self->folder, self->allow, NULL, &security), FW_NOT_FOUND, "keygen");
    assert_fails(fw_security_open(self->context, self->ours, self->allow, NULL, &security), FW_NOT_FOUND, "allow");
    write_file(self->allow, "# nobody\n");
    assert_fails(fw_security_open(self->context, self->ours, self->allow, NULL, &security), FW_INVALID, "nobody");
    snprintf(text, sizeof text, "%s good\n# comment\n%.39s bad\n", self->their_key, self->their_key);
    write_file(self->allow, text);
    assert_fails(fw_security_open(self->context, self->ours, self->allow, NULL, &security), FW_INVALID,
                 "line 3 is no key");
    write_file(self->allow, "curve\n    public-key = \"short\"\n");
    assert_fails(fw_security_open(self->context, self->ours, self->allow, NULL, &security), FW_INVALID, "certificate");
    assert_fails(fw_security_open(self->context, self->ours, NULL, "no such file", &security), FW_NOT_FOUND,
                 "no such file");

    snprintf(secret, sizeof secret, "%s/framewire.key_secret", self->ours);
    assert_int_equal(chmod(secret, 0640), 0);
    assert_fails(fw_security_open(self->context, self->ours, NULL, self->their_key, &security), FW_DENIED, "chmod 600");
    assert_int_equal(chmod(secret, 0600), 0);
    snprintf(text, sizeof text, "curve\n    public-key = \"%s\"\n    secret-key = \"%s\"\n", self->our_key,
             self->our_key);
    write_file(secret, text);
    assert_fails(fw_security_open(self->context, self->ours, NULL, self->their_key, &security), FW_INVALID, "key pair");
    assert_null(security);
}

static void a_side_that_lacks_the_others_key_does_not_open(void **state) {
    site *self = *state;
    fw_security *client, *server;
    fw_socket *socket;
    write_file(self->allow, self->their_key);
    assert_ok(fw_security_open(self->context, self->ours, NULL, self->their_key, &client));
    assert_fails(open_socket(self->context, ZMQ_PUSH, "push+tcp://127.0.0.1:0", true, client, &socket), FW_INVALID,
                 "who may connect");
    assert_ok(fw_security_open(self->context, self->ours, self->allow, NULL, &server));
    assert_fails(open_socket(self->context, ZMQ_PULL, "push+tcp://127.0.0.1:1", false, server, &socket), FW_INVALID,
                 "public key");
    fw_security_close(&client);
    fw_security_close(&server);
}

/* A context of which one socket has keys lets nobody in by another that has none. */
static void a_socket_without_keys_beside_one_with_keys_lets_nobody_in(void **state) {
    site *self = *state;
    fw_security *server;
    fw_event event;
    fw_socket *push = listen_with(self, &server, self->their_key), *open;
    assert_ok(open_socket(self->context, ZMQ_PUSH, "push+tcp://127.0.0.1:0", true, NULL, &open));
    void *context;
    assert_ok(fw_context_open(&context));
    void *pull = peer(context, ZMQ_PULL, open->endpoint);
    assert_true(wait_event(open, FW_EVENT_WRONG_PEER, &event));
    zmq_close(pull);
    fw_context_close(&context);
    fw_socket_close(&open, 0);
    fw_socket_close(&push, 0);
    fw_security_close(&server);
}

int main(void) {
#define site_test(name) cmocka_unit_test_setup_teardown(name, new_site, end_site)
    const struct CMUnitTest tests[] = {
        site_test(a_pair_is_made_once_and_the_secret_is_the_owners_alone),
        site_test(no_secret_is_in_the_public_file),
        site_test(signal_handlers_of_the_program_stay),
        site_test(an_allowed_key_is_let_in),
        site_test(a_certificate_says_who_is_let_in_and_who_the_server_is),
        site_test(who_is_not_allowed_is_refused),
        site_test(who_is_refused_is_not_taken_for_the_peer_beside_it),
        site_test(two_senders_have_each_their_own_list),
        site_test(what_is_wrong_with_keys_is_said),
        site_test(a_side_that_lacks_the_others_key_does_not_open),
        site_test(a_socket_without_keys_beside_one_with_keys_lets_nobody_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
