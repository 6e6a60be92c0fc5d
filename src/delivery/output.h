/* An output of a sender: plain (PUSH, XPUB: plain.c) or leased (lease.c). The working one takes every frame; the others are
 * side outputs, which drop what they cannot take.
 *
 * The sender's lock is held around every call. Frames are sent from any thread, the rest is the sender's thread's.
 */
#ifndef FW_DELIVERY_OUTPUT_H
#define FW_DELIVERY_OUTPUT_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include <framewire/sender.h>

#include "base/url.h"
#include "memory/frame.h"

typedef struct fw_output fw_output;

/* A frame as it is sent: its header is packed once, for all outputs. */
typedef struct fw_packed {
    const char *stream;
    const uint8_t *header;
    size_t header_size;
} fw_packed;

typedef enum fw_taken {
    FW_NOT_NOW, /* nobody can take it */
    FW_TAKEN,   /* it has a reference to the frame's slot */
    FW_KEPT     /* it has the frame itself */
} fw_taken;

typedef struct fw_output_class {
    /* Would a frame be taken now? Asked before it is packed. */
    bool (*takes)(fw_output *self);
    fw_taken (*send)(fw_output *self, const fw_packed *packed, fw_frame *frame);
    /* Drop the oldest frame that nobody works at. false: there is none here. NULL: none ever is. */
    bool (*drop_oldest)(fw_output *self);
    /* Has libzmq something for tend() that its fd will not tell again? To be asked after a send from another thread,
     * which may have used up the fd's edge. */
    bool (*wants_tending)(fw_output *self);
    /* Take in what peers said, and do what is due. */
    void (*tend)(fw_output *self, fw_time now);
    /* Who takes frames now: workers, peers, or subscriptions. */
    unsigned (*takers)(const fw_output *self);
    /* Has it frames that nobody has taken? NULL: it keeps none. */
    bool (*waits)(const fw_output *self);
    /* Have receivers taken all that they were told? NULL: they are told of no memory. */
    bool (*keeps_up)(const fw_output *self);
    /* One step from the last frame to the end, over and over; true: over. */
    bool (*finish)(fw_output *self, fw_time now);
    /* Fill in what this output knows of the account: sent, done, dead, ... */
    void (*count)(const fw_output *self, fw_counts *counts);
    /* What the thread is to wait for: at most FW_OUTPUT_FDS, and until when. */
    nfds_t (*poll)(fw_output *self, struct pollfd *fds, fw_time *until_p);
    /* Where a thread that sends may wait for takes() to change; NULL: only the sender's thread can tell. */
    int (*wait_fd)(const fw_output *self);
    /* The name of one that takes frames, for people: "receiver". */
    const char *taker;
    bool leased;
    /* Close the sockets; frames that libzmq still holds come back when the context ends. */
    void (*close)(fw_output *self);
    /* After the context's end. */
    void (*free)(fw_output *self);
} fw_output_class;

#define FW_OUTPUTS_MAX 16
#define FW_OUTPUT_FDS  80

struct fw_output {
    const fw_output_class *kind;
    fw_sender *sender;
    const char *url; /* where it listens, as it is typed at the other side: the first of urls */
    const char *urls[FW_OUTPUTS_MAX];
    size_t url_count;
    bool first;             /* the output that counts */
    uint64_t sent, dropped; /* frames */
};

/* One hub at one or several addresses. */
fw_status fw_lease_open(fw_sender *sender, const fw_url *urls, size_t count, fw_output **self_p);

/* PUSH or XPUB. */
fw_status fw_plain_open(fw_sender *sender, const fw_url *url, bool first, fw_output **self_p);

#endif
