#include "signals.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "say.h"
#include "verb.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static fw_pipeline *target;
static bool asked;

static void *wait_for_signals(void *arg) {
    const sigset_t *set = arg;
    int number = 0;
    for (;;) {
        if (sigwait(set, &number) != 0)
            continue;
        pthread_mutex_lock(&lock);
        bool again = asked;
        asked = true;
        if (!again && target)
            fw_pipeline_stop(target);
        pthread_mutex_unlock(&lock);
        if (again) {
            status_line("");
            say("a second signal: ending at once");
            _exit(EXIT_BROKE);
        }
        say("%s: stopping; what is on its way is delivered first (again: at once)", strsignal(number));
    }
}

bool signals_start(void) {
    static sigset_t set;
    pthread_t thread;
    signal(SIGPIPE, SIG_IGN); /* a reader of stdout that went away is a write error, and is said */
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

void signals_stop(fw_pipeline *pipeline) {
    pthread_mutex_lock(&lock);
    target = pipeline;
    if (asked && target)
        fw_pipeline_stop(target);
    pthread_mutex_unlock(&lock);
}
