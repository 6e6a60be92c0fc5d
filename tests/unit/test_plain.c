/* How each receiver of a push+ output is told the end, though libzmq chooses whom a message goes to. */
#include "taker.h"

#include <dirent.h>
#include <dlfcn.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* It is gone, libzmq's thread has closed its connection, and the socket has taken note of all that it hears about it: that
 * goes to and fro between the two. */
static void leave(leaver *self, void *zmq) {
    size_t before = open_fds();
    assert_int_equal(kill(self->process, SIGKILL), 0);
    assert_int_equal(waitpid(self->process, NULL, 0), self->process);
    while (open_fds() >= before)
        usleep(1000);
    struct pollfd news = { .events = POLLIN };
    size_t size = sizeof news.fd;
    zmq_getsockopt(zmq, ZMQ_FD, &news.fd, &size);
    do
        take_note(zmq);
    while (poll(&news, 1, 200) > 0);
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
        (void)connect_receiver(ZMQ_PULL, url);
    for (;;)
        pause();
}

/* Three receivers, told in the order in which they came. When the second leaves, libzmq puts the third in its place, which
 * has had its turn. */
static void a_receiver_that_leaves_on_its_end_takes_nobody_elses(void **state) {
    (void)state;
    story.leaver = new_leaver();
    fw_sender *sender = NULL;
    assert_ok(fw_sender_open(FW_SENDER_OPTIONS(.url = "push+tcp://127.0.0.1:*"), &sender));
    const char *url = fw_sender_url(sender, 0);
    receiver first = connect_receiver(ZMQ_PULL, url);
    wait_for_peers(sender, 1);
    assert_true(write(story.leaver.url_fd, url, strlen(url)) > 0);
    wait_for_peers(sender, 2);
    receiver last = connect_receiver(ZMQ_PULL, url);
    wait_for_peers(sender, 3);

    assert_ok(fw_sender_finish(sender));
    assert_true(story.left);
    uint64_t seq;
    assert_int_equal(receive(&first, &seq), FW_KIND_END);
    assert_int_equal(receive(&last, &seq), FW_KIND_END);
    fw_sender_close(&sender);
    close_receiver(&first);
    close_receiver(&last);
    close(story.leaver.url_fd);
}

static void who_is_left_keeps_the_end_from_nobody_else(void **state) {
    (void)state;
    enum { IDLE = 20 };
    receiver idle[IDLE];
    fw_sender *sender = NULL;
    assert_ok(fw_sender_open(
        FW_SENDER_OPTIONS(.url = "push+tcp://127.0.0.1:*", .drain = 200 * FW_MS, .memory = 256 << 20), &sender));
    receiver hung = connect_receiver(ZMQ_PULL, fw_sender_url(sender, 0));
    wait_for_peers(sender, 1);
    for (unsigned i = 0; i < 3; i++) { /* more than kernel buffers and pipes hold at the other end */
        fw_frame *frame = NULL;
        assert_ok(fw_sender_loan(sender, &(fw_format){ .width = 4096, .height = 4096, .pixels = FW_RGB8 }, &frame));
        assert_ok(fw_sender_send(sender, &frame));
    }
    for (unsigned i = 0; i < IDLE; i++)
        idle[i] = connect_receiver(ZMQ_PULL, fw_sender_url(sender, 0));
    wait_for_peers(sender, 1 + IDLE);
    assert_int_equal(fw_sender_finish(sender), FW_TIMEOUT);
    fw_sender_close(&sender);
    for (unsigned i = 0; i < IDLE; i++) {
        uint64_t seq;
        assert_int_equal(receive(&idle[i], &seq), FW_KIND_END);
        close_receiver(&idle[i]);
    }
    close_receiver(&hung);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_receiver_that_leaves_on_its_end_takes_nobody_elses), /* forks: before there are threads */
        cmocka_unit_test(who_is_left_keeps_the_end_from_nobody_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
