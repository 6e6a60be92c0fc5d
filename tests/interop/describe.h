/* What a message means, as one line of JSON: the form of "means" in proto/vectors. */
#ifndef FW_TESTS_DESCRIBE_H
#define FW_TESTS_DESCRIBE_H

#include "base/text.h"
#include "wire/message.h"

#define MESSAGE_PARTS_MAX 80

/* Split a message that is framed as in proto/vectors: each part with its length before it (4 bytes, big-endian).
 * Returns the number of parts, or -1 if it is not so framed. */
int message_split(const uint8_t *data, size_t size, fw_part parts[MESSAGE_PARTS_MAX]);

/* header as fw_message_check() has left it. */
void message_describe(fw_text *out, const fw_part *parts, const fw_header *header);

#endif
