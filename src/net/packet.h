/* Packets of the door: one message, or a word of the door's own, in one packet of a SOCK_SEQPACKET Unix socket, with at
 * most one file descriptor beside it. proto/door-1.md is the specification. Nothing here ever waits.
 */
#ifndef FW_NET_PACKET_H
#define FW_NET_PACKET_H

#include <stddef.h>
#include <stdint.h>

#include "wire/message.h"

#define FW_PACKET_VERSION 1
#define FW_PACKET_MAX     ((size_t)128 << 10)          /* what does not fit travels in a memfd */
#define FW_PACKET_BUFFER  ((int)FW_PACKET_MAX * 3 / 2) /* SO_SNDBUF: a whole packet always fits an idle socket */

#define FW_TOKEN_SIZE 16

typedef enum fw_packet_kind {
    FW_PACKET_MESSAGE = 0,
    FW_PACKET_KNOCK,    /* visitor: its token, and the pidfd of its own process */
    FW_PACKET_ACCEPTED, /* hub; where it has one to give, with a socket for what is said aside */
    FW_PACKET_REFUSED,  /* hub: a sentence that says why; it then hangs up */
    FW_PACKET_MEMORY,   /* hub: a region's number and size, and its memfd */
    FW_PACKET_COUNT
} fw_packet_kind;

typedef struct fw_packet {
    fw_packet_kind kind;
    size_t count;
    size_t first; /* of a packet with two messages, the parts of the first; 0: it is one */
    fw_part parts[FW_PARTS_MAX];
    int fd; /* of KNOCK, MEMORY and maybe ACCEPTED: the caller's, to close; else -1 */
} fw_packet;

/* What a received packet's parts point into. Zero-initialise; fw_packet_buffer_free() at the end. */
typedef struct fw_packet_buffer {
    uint8_t *bytes;
    void *outside; /* parts that came in a memfd */
} fw_packet_buffer;

void fw_packet_buffer_free(fw_packet_buffer *self);

/* Send one packet. fd (or -1) goes with it, and stays the caller's. Parts that are too large for the packet go in a memfd.
 * Errors: FW_FULL (no room now: poll for POLLOUT; no cause is kept), FW_CLOSED (the other side hung up: what it sent
 * before can still be received), FW_TOO_LARGE (too many parts, or more than FW_RESULT_MAX), FW_NO_MEMORY, FW_IO. */
fw_status fw_packet_send(int socket, fw_packet_kind kind, const fw_part *parts, size_t count, int fd);

/* Send two messages in one packet, of `first` parts and the rest. Errors: as above, and FW_TOO_LARGE also where they do not fit
 * into one packet (no cause is kept): send one after the other. */
fw_status fw_packet_send_two(int socket, const fw_part *parts, size_t count, size_t first);

/* Receive one packet; its parts are valid until buffer's next use. Every fd that comes unasked for is closed.
 * Errors: FW_TIMEOUT (nothing is there; no cause is kept), FW_CLOSED (hung up, and all was received), FW_BAD_MESSAGE,
 * FW_NO_MEMORY, FW_IO. After the last three the other side cannot be trusted, or followed, any more. */
fw_status fw_packet_receive(int socket, fw_packet_buffer *buffer, fw_packet *packet);

#endif
