/* How each receiver of a push+ output is told the end, though libzmq chooses whom a message goes to. */
#include "check.h"

#include <dirent.h>
#include <dlfcn.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <framewire/sender.h>
#include <zmq.h>

#include "base/clock.h"
#include "wire/message.h"

#define PEERS 3

/* The receiver that leaves when it has been told the end, and others have not: a process, so that it leaves one fd. */
typedef struct leaver {
    pid_t process;
    int url_fd;
} leaver;

static struct {
    leaver leaver;
    unsigned ends; /* handed to libzmq; the leaver is the second one's */
    bool left;
} story;

static size_t open_fds(void) {
    size_t count = 0;
    DIR *fds = opendir("/proc/self/fd");
    assert_non_null(fds);
    while (readdir(fds) != NULL)
        count++;
    closedir(fds);
    return count;
}

static void take_note(void *zmq) {
    int events;
    size_t size = sizeof events;
    zmq_getsockopt(zmq, ZMQ_EVENTS, &events, &size);
}

/* It is gone, libzmq's thread has closed its connection, and the socket has taken note: that goes to and fro between the
 * two, and there is nothing more to hear where it was quick. */
static void leave(leaver *self, void *zmq) {
    size_t before = open_fds();
    assert_int_equal(kill(self->process, SIGKILL), 0);
    assert_int_equal(waitpid(self->process, NULL, 0), self->process);
    while (open_fds() >= before)
        usleep(1000);
    take_note(zmq);
    struct pollfd news = { .events = POLLIN };
    size_t size = sizeof news.fd;
    zmq_getsockopt(zmq, ZMQ_FD, &news.fd, &size);
    poll(&news, 1, 200);
    take_note(zmq);
    story.left = true;
}

/* libzmq's own, with the leaver's departure in the midst of the first round of `end`s: frames come from zmq_msg_send(). */
int zmq_send(void *zmq, const void *bytes, size_t size, int flags) {
    int (*real)(void *, const void *, size_t, int) = NULL;
    *(void **)&real = dlsym(RTLD_NEXT, "zmq_send");
    assert_non_null(real);
    if (story.ends == 2 && !story.left)
        leave(&story.leaver, zmq);
    int sent = real(zmq, bytes, size, flags);
    story.ends += sent >= 0 && (flags & ZMQ_SNDMORE) != 0;
    return sent;
}

static void *connect_to(void *context, const char *url) {
    void *zmq = zmq_socket(context, ZMQ_PULL);
    int timeout = 10000, linger = 0, ahead = 1;
    zmq_setsockopt(zmq, ZMQ_RCVHWM, &ahead, sizeof ahead);
    zmq_setsockopt(zmq, ZMQ_RCVTIMEO, &timeout, sizeof timeout);
    zmq_setsockopt(zmq, ZMQ_LINGER, &linger, sizeof linger);
    assert_int_equal(zmq_connect(zmq, strchr(url, '+') + 1), 0);
    return zmq;
}

static leaver new_leaver(void) {
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    leaver self = { .process = fork(), .url_fd = fds[1] };
    assert_true(self.process >= 0);
    if (self.process > 0) {
        close(fds[0]);
        return self;
    }
    char url[FILENAME_MAX] = { 0 };
    if (read(fds[0], url, sizeof url - 1) > 0)
        connect_to(zmq_ctx_new(), url);
    for (;;)
        pause();
}

static void wait_for_peers(fw_sender *sender, unsigned peers) {
    fw_counts counts;
    do {
        usleep(1000);
        fw_sender_counts(sender, &counts);
    } while (counts.peers < peers);
}

/* The next message's kind. */
static fw_kind receive(void *zmq) {
    zmq_msg_t messages[3];
    fw_part parts[3];
    size_t count = 0;
    for (int more = 1; more && count < 3; count++) {
        zmq_msg_init(&messages[count]);
        if (zmq_msg_recv(&messages[count], zmq, 0) < 0)
            fail_msg("nothing came: %s", zmq_strerror(zmq_errno()));
        parts[count] = (fw_part){ zmq_msg_data(&messages[count]), zmq_msg_size(&messages[count]) };
        more = zmq_msg_more(&messages[count]);
    }
    fw_header header;
    fw_reason reason;
    assert_ok(fw_message_check(parts, count, &header, &reason));
    for (size_t i = 0; i < count; i++)
        zmq_msg_close(&messages[i]);
    return header.kind;
}

static void send_frames(fw_sender *sender, unsigned count, fw_format format) {
    for (unsigned i = 0; i < count; i++) {
        fw_frame *frame = NULL;
        assert_ok(fw_sender_loan(sender, &format, &frame));
        assert_ok(fw_sender_send(sender, &frame));
    }
}

/* Three receivers, told in the order in which they came. When the second leaves, libzmq puts the third in its place, which
 * has had its turn. */
static void a_receiver_that_leaves_on_its_end_takes_nobody_elses(void **state) {
    (void)state;
    story.leaver = new_leaver();
    void *context = zmq_ctx_new();
    fw_sender *sender = NULL;
    assert_ok(fw_sender_open(FW_SENDER_OPTIONS(.url = "push+tcp://127.0.0.1:*"), &sender));
    const char *url = fw_sender_url(sender, 0);
    void *first = connect_to(context, url);
    wait_for_peers(sender, 1);
    assert_true(write(story.leaver.url_fd, url, strlen(url)) > 0);
    wait_for_peers(sender, 2);
    void *last = connect_to(context, url);
    wait_for_peers(sender, PEERS);

    assert_ok(fw_sender_finish(sender));
    assert_true(story.left);
    assert_int_equal(receive(first), FW_KIND_END);
    assert_int_equal(receive(last), FW_KIND_END);
    fw_sender_close(&sender);
    zmq_close(first);
    zmq_close(last);
    zmq_ctx_term(context);
    close(story.leaver.url_fd);
}

static void who_is_left_keeps_the_end_from_nobody_else(void **state) {
    (void)state;
    enum { IDLE = 50 };
    void *context = zmq_ctx_new(), *idle[IDLE];
    fw_sender *sender = NULL;
    assert_ok(fw_sender_open(
        FW_SENDER_OPTIONS(.url = "push+tcp://127.0.0.1:*", .drain = 200 * FW_MS, .memory = 256 << 20), &sender));
    void *hung = connect_to(context, fw_sender_url(sender, 0));
    wait_for_peers(sender, 1);
    send_frames(sender, 3, (fw_format){ .width = 4096, .height = 4096, .pixels = FW_RGB8 });
    for (unsigned i = 0; i < IDLE; i++)
        idle[i] = connect_to(context, fw_sender_url(sender, 0));
    wait_for_peers(sender, 1 + IDLE);
    assert_int_equal(fw_sender_finish(sender), FW_TIMEOUT);
    fw_sender_close(&sender);
    for (unsigned i = 0; i < IDLE; i++) {
        assert_int_equal(receive(idle[i]), FW_KIND_END);
        zmq_close(idle[i]);
    }
    zmq_close(hung);
    zmq_ctx_term(context);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_receiver_that_leaves_on_its_end_takes_nobody_elses), /* forks: before there are threads */
        cmocka_unit_test(who_is_left_keeps_the_end_from_nobody_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
