/* A list of names, one a line, read as it is needed: from a file, or from a pipe that is still being written. */
#ifndef FW_SOURCE_LINES_H
#define FW_SOURCE_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include <framewire/status.h>

#define FW_LINE_MAX 8192

typedef struct fw_lines {
    int fd;
    int wake; /* an eventfd that fw_lines_stop() writes to */
    bool owned, ended;
    size_t begin, end; /* of what is in the buffer and not yet given */
    char buffer[FW_LINE_MAX];
} fw_lines;

/* path "-" is stdin. Errors: FW_NOT_FOUND, FW_DENIED, FW_IO; nothing is to be closed then. */
fw_status fw_lines_open(fw_lines *self, const char *path);

/* The next line that is not empty, without its end (LF or CR LF); valid until the next call. Waits for a pipe.
 * FW_END; FW_CLOSED after fw_lines_stop(); FW_BAD_INPUT for one line that is too long or has a NUL in it, and the next
 * call goes on; FW_IO, after which it has ended. */
fw_status fw_lines_next(fw_lines *self, const char **line_p);

/* From the start again. FW_UNSUPPORTED where that cannot be, such as a pipe. */
fw_status fw_lines_rewind(fw_lines *self);

/* Any thread, and signal handlers. */
void fw_lines_stop(fw_lines *self);

void fw_lines_close(fw_lines *self);

#endif
