#include "source/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/status.h"

fw_status fw_lines_open(fw_lines *self, const char *path) {
    self->owned = strcmp(path, "-") != 0;
    self->ended = false;
    self->begin = self->end = 0;
    /* O_NONBLOCK: a FIFO's writer is waited for where it can be stopped, when the first line is asked for */
    self->fd = self->owned ? open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC) : STDIN_FILENO;
    if (self->fd < 0)
        return fw_fail_errno(errno, "--list %s", path);
    self->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self->wake < 0) {
        fw_status status = fw_fail_errno(errno, "--list %s", path);
        if (self->owned)
            close(self->fd);
        return status;
    }
    return FW_OK;
}

/* Read more behind what is in the buffer, which has room. Sets `ended` at the end of the file. */
static fw_status fill(fw_lines *self) {
    struct pollfd waits[2] = { { .fd = self->fd, .events = POLLIN }, { .fd = self->wake, .events = POLLIN } };
    while (poll(waits, 2, -1) < 0)
        if (errno != EINTR) {
            self->ended = true;
            return fw_fail_errno(errno, "the list of names cannot be read");
        }
    if (waits[1].revents != 0)
        return fw_fail(FW_CLOSED, "the source was stopped");
    ssize_t got = read(self->fd, self->buffer + self->end, sizeof self->buffer - self->end);
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return FW_OK;
    if (got < 0) {
        self->ended = true;
        return fw_fail_errno(errno, "the list of names cannot be read");
    }
    self->ended = got == 0;
    self->end += (size_t)got;
    return FW_OK;
}

/* The next whole line, with its length; too long: what did not fit of it is gone, and *size_p is SIZE_MAX. */
static fw_status next_raw(fw_lines *self, char **line_p, size_t *size_p) {
    bool too_long = false;
    for (;;) {
        char *start = self->buffer + self->begin;
        char *newline = memchr(start, '\n', self->end - self->begin);
        if (newline != NULL || (self->ended && (self->end > self->begin || too_long))) {
            size_t size = newline != NULL ? (size_t)(newline - start) : self->end - self->begin;
            self->begin += size + (newline != NULL);
            *line_p = start;
            *size_p = too_long ? SIZE_MAX : size;
            return FW_OK;
        }
        if (self->ended)
            return FW_END;
        memmove(self->buffer, start, self->end - self->begin);
        self->end -= self->begin;
        self->begin = 0;
        if (self->end == sizeof self->buffer) {
            too_long = true;
            self->end = 0;
        }
        fw_status status = fill(self);
        if (status != FW_OK)
            return status;
    }
}

fw_status fw_lines_next(fw_lines *self, const char **line_p) {
    char *line = NULL;
    size_t size = 0;
    do {
        fw_status status = next_raw(self, &line, &size);
        if (status != FW_OK)
            return status;
        if (size == SIZE_MAX)
            return fw_fail(FW_BAD_INPUT, "a line of the list: not taken: a name has at most %d bytes", FW_LINE_MAX - 1);
        if (size > 0 && line[size - 1] == '\r')
            size--;
    } while (size == 0);
    line[size] = '\0'; /* over the line's end, or behind the last line, where the buffer has room */
    *line_p = line;
    return strlen(line) == size ? FW_OK : fw_fail(FW_BAD_INPUT, "%s: not taken: a NUL byte follows in its line", line);
}

fw_status fw_lines_rewind(fw_lines *self) {
    if (lseek(self->fd, 0, SEEK_SET) < 0)
        return fw_fail(FW_UNSUPPORTED, "a list that comes through a pipe can be gone through once; "
                                       "with --loop write the names to a file");
    self->begin = self->end = 0;
    self->ended = false;
    return FW_OK;
}

void fw_lines_stop(fw_lines *self) {
    int error = errno;
    ssize_t written = write(self->wake, &(uint64_t){ 1 }, sizeof(uint64_t));
    (void)written;
    errno = error;
}

void fw_lines_close(fw_lines *self) {
    close(self->wake);
    if (self->owned)
        close(self->fd);
}
