#include "say.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char shown[512]; /* the status line that is on the screen; "": none */

/* One write each, so that lines of several processes on one terminal do not mix. */
static void put(const char *bytes, size_t size) {
    while (size > 0) {
        ssize_t wrote = write(STDERR_FILENO, bytes, size);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return; /* nobody reads stderr: there is no place left to say so */
        bytes += wrote;
        size -= (size_t)wrote;
    }
}

/* How many bytes the character here has; 0 if it would steer a terminal (C0, DEL, C1) or is not UTF-8. */
static size_t printable(const unsigned char *at) {
    if (*at < 0x80)
        return *at >= 0x20 && *at != 0x7F;
    size_t size = *at >= 0xC2 && *at < 0xE0 ? 2 : *at >= 0xE0 && *at < 0xF0 ? 3 : *at >= 0xF0 && *at < 0xF5 ? 4 : 0;
    for (size_t i = 1; i < size; i++)
        if ((at[i] & 0xC0) != 0x80)
            return 0;
    return *at == 0xC2 && at[1] < 0xA0 ? 0 : size;
}

/* Copy text, what is not printable as \xHH. Returns the length. */
static size_t escape(char *out, size_t room, const char *text) {
    size_t used = 0;
    for (const unsigned char *at = (const unsigned char *)text; *at && used + 5 < room;) {
        size_t size = printable(at);
        if (size > 0) {
            memcpy(out + used, at, size);
            used += size;
            at += size;
        } else {
            used += (size_t)snprintf(out + used, room - used, "\\x%02x", *at++);
        }
    }
    out[used] = '\0';
    return used;
}

/* The caller holds the lock. */
static void say_line(const char *text) {
    static char line[8192];
    size_t used = (size_t)snprintf(line, sizeof line, "%sframewire: ", shown[0] ? "\r\033[K" : "");
    used += escape(line + used, sizeof line - used - sizeof shown - 1, text);
    line[used++] = '\n';
    size_t again = strlen(shown);
    memcpy(line + used, shown, again);
    put(line, used + again);
}

void say(const char *format, ...) {
    char text[4096];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    pthread_mutex_lock(&lock);
    say_line(text);
    pthread_mutex_unlock(&lock);
}

void say_log(void *arg, fw_log_level level, const char *text) {
    (void)arg;
    (void)level;
    pthread_mutex_lock(&lock);
    say_line(text);
    pthread_mutex_unlock(&lock);
}

bool status_line_works(void) {
    const char *terminal = getenv("TERM");
    return isatty(STDERR_FILENO) && terminal && strcmp(terminal, "dumb") != 0;
}

void status_line(const char *text) {
    struct winsize size = { 0 };
    size_t columns = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1u : 79;
    pthread_mutex_lock(&lock);
    bool was = shown[0];
    escape(shown, columns < sizeof shown ? columns + 1 : sizeof shown, text);
    char line[sizeof shown + 8];
    if (was || shown[0])
        put(line, (size_t)snprintf(line, sizeof line, "\r%s\033[K", shown));
    pthread_mutex_unlock(&lock);
}
