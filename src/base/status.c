#include "base/status.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/text.h"

static _Thread_local char cause[1024];

static const char *const texts[FW_STATUS_COUNT] = {
    [FW_OK] = "no error",
    [FW_END] = "no more frames",
    [FW_INVALID] = "invalid argument",
    [FW_UNSUPPORTED] = "not supported",
    [FW_NO_MEMORY] = "out of memory",
    [FW_FULL] = "the memory budget is used up",
    [FW_TOO_LARGE] = "too large",
    [FW_TIMEOUT] = "timed out",
    [FW_CLOSED] = "closed",
    [FW_IN_USE] = "in use by another program",
    [FW_NOT_FOUND] = "not found",
    [FW_DENIED] = "not permitted",
    [FW_IO] = "input or output failed",
    [FW_BAD_INPUT] = "not a readable image",
    [FW_BAD_MESSAGE] = "the message breaks the wire format",
};

const char *fw_status_text(fw_status status) {
    return (unsigned)status < FW_STATUS_COUNT ? texts[status] : "unknown status";
}

const char *fw_cause(void) {
    return cause;
}

fw_status fw_fail(fw_status status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fw_escape_va(cause, sizeof cause, format, arguments);
    va_end(arguments);
    return status;
}

static fw_status status_of(int error) {
    switch (error) {
    case ENOENT:
    case ENOTDIR:
        return FW_NOT_FOUND;
    case EACCES:
    case EPERM:
        return FW_DENIED;
    case EADDRINUSE:
        return FW_IN_USE;
    case ENOMEM:
        return FW_NO_MEMORY;
    default:
        return FW_IO;
    }
}

fw_status fw_fail_errno(int error, const char *format, ...) {
    char what[sizeof cause], reason[128];
    va_list arguments;
    va_start(arguments, format);
    fw_escape_va(what, sizeof what, format, arguments);
    va_end(arguments);
    return fw_fail(status_of(error), "%s: %s", what, strerror_r(error, reason, sizeof reason));
}
