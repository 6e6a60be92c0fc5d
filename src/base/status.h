/* The cause of a failure, for fw_cause(). */
#ifndef FW_BASE_STATUS_H
#define FW_BASE_STATUS_H

#include <framewire/status.h>

/* Keep a sentence as this thread's cause and return status, so that a failure is one statement:
 *     return fw_fail(FW_INVALID, "%s: a rate is a number and fps or Hz, like 30fps", text);
 * Control characters and bytes that are not UTF-8 are escaped. At most 1023 bytes are kept. */
fw_status fw_fail(fw_status status, const char *format, ...) FW_PRINTF(2, 3);

/* The same for an errno: "FORMAT: Permission denied"; maps ENOENT, EACCES, EADDRINUSE, ENOMEM, else FW_IO. */
fw_status fw_fail_errno(int error, const char *format, ...) FW_PRINTF(2, 3);

#endif
