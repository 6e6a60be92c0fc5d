#include "signals.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "say.h"
#include "verb.h"

static atomic_int first;

/* Nothing here may wait, for a lock or for a terminal: the second signal is what people send when all else hangs. */
static void *wait_for_signals(void *arg) {
    const sigset_t *set = arg;
    for (int number, none = 0;;) {
        if (sigwait(set, &number) == 0 && !atomic_compare_exchange_strong(&first, &none, number))
            _exit(EXIT_BROKE);
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
