/* A plain output: PUSH (the working one) or XPUB (a side output, or the only one).
 *
 * Not thread-safe: the sender's lock is held around every call. libzmq lets go of slots on its own threads.
 */
#ifndef FW_DELIVERY_OUTPUT_H
#define FW_DELIVERY_OUTPUT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "memory/frame.h"
#include "net/socket.h"
#include "wire/header.h"

typedef struct fw_output {
    fw_socket *socket;
    bool push;
    uint64_t sent, dropped;
    unsigned subscriptions; /* that take our stream (pub) */
    unsigned joined;        /* subscriptions or peers that came, ever */
    atomic_size_t held;     /* frames that libzmq has not let go of */
    atomic_size_t held_bytes;
    atomic_bool flushing; /* wake_fd is told when the last held frame is let go */
    int wake_fd;
} fw_output;

/* A message as it is sent: packed once, for all outputs. */
typedef struct fw_packed {
    const char *stream;
    const uint8_t *header;
    size_t header_size;
} fw_packed;

fw_status fw_output_open(void *context, const fw_url *url, const fw_security *security, int wake_fd,
                         fw_output **self_p);

/* Would a frame be taken now? Asked before it is packed. */
bool fw_output_takes(fw_output *self);

/* Hand a frame to libzmq without a copy: a reference to its slot goes along. false: nobody can take it now (push). */
bool fw_output_send(fw_output *self, const fw_packed *packed, fw_frame *frame);

/* Hand over `end`. false: nobody can take it now. It counts as held until libzmq has written it to the kernel, which
 * libzmq tells only of messages above its batch of 8 KiB: so `end` is padded (FW_END_PAD). Closing a socket any earlier
 * may lose what its engine has not written (libzmq issue 4763). */
#define FW_END_PAD ((size_t)24 << 10)
bool fw_output_send_end(fw_output *self, const fw_packed *packed);

/* Take in what peers said (subscriptions), and have libzmq do what waits, so that its fd is quiet until there is more.
 * Returns whether a new subscription to stream came. */
bool fw_output_tend(fw_output *self, const char *stream);

/* Has libzmq something for fw_output_tend() that its fd will not tell again? To be asked after a send from another
 * thread, which may have used up the fd's edge. */
bool fw_output_wants_tending(fw_output *self);

/* Who takes frames now: peers, or subscriptions. */
unsigned fw_output_takers(const fw_output *self);

/* Close the socket; frames that libzmq still holds come back when the context ends. The struct is freed by
 * fw_output_free(), after the context's end. */
void fw_output_close(fw_output *self, int linger_ms);
void fw_output_free(fw_output **self_p);

#endif
