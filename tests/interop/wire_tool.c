/* What C understands of messages, for tests in other languages.
 *
 * stdin: messages, each with its length before it (4 bytes, big-endian), framed within as in proto/vectors.
 * stdout: for each a line of JSON: {"means": ..., "repacked": the header as C packs it, in hex}, or {"reason": ...}.
 */
#include <stdio.h>
#include <stdlib.h>

#include "describe.h"

static void answer(const uint8_t *message, size_t size) {
    fw_part parts[MESSAGE_PARTS_MAX];
    int count = message_split(message, size, parts);
    if (count < 0) {
        puts("{\"reason\":\"framing\"}");
        return;
    }
    fw_header header;
    fw_reason reason;
    if (fw_message_check(parts, (size_t)count, &header, &reason)) {
        printf("{\"reason\":\"%s\"}\n", fw_reason_text(reason));
        return;
    }
    fw_text means = { 0 };
    message_describe(&means, parts, &header);
    printf("{\"means\":%s,\"repacked\":\"", means.data);
    free(means.data);
    static uint8_t packed[FW_HEADER_MAX];
    size_t packed_size = 0;
    if (header.kind != FW_KIND_UNKNOWN && fw_header_pack(&header, packed, sizeof packed, &packed_size))
        packed_size = 0;
    for (size_t i = 0; i < packed_size; i++)
        printf("%02x", packed[i]);
    puts("\"}");
}

int main(void) {
    uint8_t length[4];
    while (fread(length, 1, sizeof length, stdin) == sizeof length) {
        size_t size = (size_t)length[0] << 24 | (size_t)length[1] << 16 | (size_t)length[2] << 8 | length[3];
        uint8_t *message = malloc(size ? size : 1);
        if (!message || fread(message, 1, size, stdin) != size) {
            free(message);
            return 1;
        }
        answer(message, size);
        fflush(stdout);
        free(message);
    }
    return 0;
}
