#include "signals.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "say.h"
#include "verb.h"

/* A signal that comes this soon after the first is the same request: timeout(1) sends its own to the process, and again to
 * the process group. */
#define SAME_REQUEST_MS 500

static atomic_int first;

static int64_t now_ms(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* Nothing here may wait, for a lock or for a terminal: the second signal is what people send when all else hangs. */
static void *wait_for_signals(void *arg) {
    const sigset_t *set = arg;
    int64_t came = 0;
    for (int number;;) {
        if (sigwait(set, &number) != 0)
            continue;
        if (came == 0) {
            came = now_ms();
            atomic_store(&first, number);
        } else if (now_ms() - came > SAME_REQUEST_MS) {
            _exit(EXIT_BROKE);
        }
    }
}

bool signals_start(void) {
    static sigset_t set;
    pthread_t thread;
    /* A reader of stdout that went away and a file beyond the limit (ulimit -f) are write errors, and are said. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    int wrong = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (wrong == 0)
        wrong = pthread_create(&thread, NULL, wait_for_signals, &set);
    if (wrong != 0) {
        say("cannot watch for signals: %s", strerror(wrong));
        return false;
    }
    pthread_detach(thread);
    return true;
}

const char *signals_came(void) {
    int number = atomic_load(&first);
    return number ? strsignal(number) : NULL;
}
