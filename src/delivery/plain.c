/* Plain outputs: PUSH hands each frame to one receiver and waits for slow ones; XPUB gives it to all, and drops. */
#include "delivery/output.h"

#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/status.h"
#include "delivery/peers.h"
#include "delivery/pin.h"
#include "delivery/sender.h"

/* Frames a peer may have waiting in libzmq: two keep the wire busy while the next is made. */
#define FRAMES_AHEAD 2
/* What receivers say to us on these sockets is subscriptions: a stream's name, or less. */
#define SUBSCRIPTION_MAX 1024
/* Subscribers may be late and cannot be asked: they are told the end so often. */
#define REPEAT (200 * FW_MS)
/* `end` counts as held until libzmq has written it to the kernel, which libzmq tells only of messages above its batch of
 * 8 KiB: so it is padded. Closing a socket any earlier may lose what its engine has not written (libzmq issue 4763). */
#define END_PAD ((size_t)24 << 10)
/* Nobody says when a Unix socket has been read: look so often. */
#define UNREAD_TICK (2 * FW_MS)
#define UNTOLD_WAIT FW_SECOND
/* Who is left keeps the `end` from nobody else: libzmq has so long to write it. */
#define TOLD_WAIT (500 * FW_MS)

typedef struct plain {
    fw_output output;
    fw_socket *socket;
    bool push;
    unsigned subscriptions; /* that take our stream (pub) */
    fw_time reconnect_at;
    fw_pins pins; /* messages that libzmq has not let go of */

    /* The way to the end. */
    fw_time progress;     /* when libzmq last let go of something, or a receiver read what the kernel held for it */
    size_t held;          /* messages that libzmq and `ends_due` had when we last looked */
    size_t unread;        /* bytes that receivers on this host had still to read */
    bool left;            /* a peer took nothing for too long, and was left */
    bool ending;          /* all frames are out of libzmq; `end` is being said */
    fw_time ends_since;   /* when the first one was */
    fw_time repeat_at;    /* of pub */
    fw_time untold_since; /* of push: libzmq takes frames for a peer that its monitor has not told of */
    unsigned ends_due;    /* of push: `end`s not handed over yet */
    unsigned rounds_due;  /* of push: how often each peer is to be told once more */
    unsigned departures;  /* of push: of the socket, when `end`s were owed last */
} plain;

static int events(plain *self) {
    int now = 0;
    size_t size = sizeof now;
    return zmq_getsockopt(self->socket->zmq, ZMQ_EVENTS, &now, &size) == 0 ? now : 0;
}

static bool plain_takes(fw_output *output) {
    plain *self = (plain *)output;
    return !self->push || (events(self) & ZMQ_POLLOUT) != 0;
}

/* A side output may pin at most a quarter of the memory, so that it cannot stop the stream; a pub+ output that stands alone
 * may take three quarters. One frame always passes. */
static bool may_pin(const plain *self, const fw_frame *frame) {
    if (self->push)
        return true;
    size_t memory = self->output.sender->options.memory;
    size_t most = self->output.first ? memory / 4 * 3 : memory / 4;
    size_t held = atomic_load(&self->pins.bytes);
    return held == 0 || held + frame->slot->room <= most;
}

static fw_taken send_parts(plain *self, const fw_packed *packed, fw_frame *frame) {
    zmq_msg_t payload;
    if (!fw_pin_slot(&self->pins, frame->slot, frame->header.format.size, &payload))
        return FW_NOT_NOW;
    void *zmq = self->socket->zmq;
    if (zmq_send(zmq, packed->stream, strlen(packed->stream), ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0) {
        zmq_msg_close(&payload);
        return FW_NOT_NOW;
    }
    /* Once the first part is taken the others are, or the peer has gone and libzmq drops them all. */
    (void)zmq_send(zmq, packed->header, packed->header_size, ZMQ_SNDMORE | ZMQ_DONTWAIT);
    if (zmq_msg_send(&payload, zmq, ZMQ_DONTWAIT) < 0)
        zmq_msg_close(&payload);
    return FW_TAKEN;
}

/* XPUB takes every frame: what it may not pin is dropped here. */
static fw_taken plain_send(fw_output *output, const fw_packed *packed, fw_frame *frame) {
    plain *self = (plain *)output;
    fw_taken taken = may_pin(self, frame) ? send_parts(self, packed, frame) : FW_NOT_NOW;
    output->sent += taken == FW_TAKEN;
    if (taken == FW_TAKEN || self->push)
        return taken;
    output->dropped++;
    return FW_TAKEN;
}

/* A subscription is one byte (1: comes, 0: goes) and a prefix. */
static void read_subscription(plain *self) {
    const char *stream = self->output.sender->options.stream;
    char text[SUBSCRIPTION_MAX];
    int size = zmq_recv(self->socket->zmq, text, sizeof text, ZMQ_DONTWAIT);
    if (size < 1 || (size_t)size > sizeof text)
        return;
    size_t prefix = (size_t)size - 1;
    if (prefix > strlen(stream) || memcmp(text + 1, stream, prefix) != 0)
        return;
    if (text[0] == 1) {
        self->subscriptions++;
        self->repeat_at = 0; /* who comes late is told the end at once */
    } else if (text[0] == 0) {
        self->subscriptions -= self->subscriptions > 0;
    }
}

static unsigned plain_takers(const fw_output *output) {
    const plain *self = (const plain *)output;
    return self->push ? self->socket->peers : self->subscriptions;
}

static unsigned rounds_of_keys(const plain *self) {
    return self->output.sender->security != NULL;
}

/* With keys libzmq lets go of a message once it is encrypted, which is before it is written; and it encrypts the next one
 * once the one before is written: so a second `end` says that the first has left.
 * A peer that leaves changes libzmq's turns, so that another may get two `end`s, and a third none. That happens once, a while
 * after the monitor has told of it: of three rounds two are before it, and pass by everybody, or one is after it. */
static void owe_ends(plain *self, unsigned count) {
    self->ends_due = count;
    self->rounds_due = rounds_of_keys(self) + (self->socket->departures > 0 ? 2 : 0);
    self->departures = self->socket->departures;
}

/* Have peers come since `end`s were owed, or left? Those that leave for ever are not waited for. */
static bool owes_anew(const plain *self, unsigned came, fw_time now) {
    fw_time until = fw_after(self->ends_since, self->output.sender->options.drain);
    return came > 0 || (self->socket->departures != self->departures && now < until);
}

static void plain_tend(fw_output *output, fw_time now) {
    plain *self = (plain *)output;
    unsigned came = fw_peers_tend(self->socket, output->sender->security != NULL, now, &self->reconnect_at);
    while (!(self->push && output->sender->looking) && (events(self) & ZMQ_POLLIN) != 0)
        read_subscription(self);
    if (self->ending && self->push && owes_anew(self, came, now))
        owe_ends(self, plain_takers(output));
}

static bool plain_wants_tending(fw_output *output) {
    plain *self = (plain *)output;
    return !self->push && (events(self) & ZMQ_POLLIN) != 0;
}

/* Hand over one `end`. false: nobody can take it now. */
static bool send_end(plain *self, const fw_packed *packed) {
    zmq_msg_t header;
    if (!fw_pin_copy(&self->pins, packed->header, packed->header_size, &header))
        return false;
    void *zmq = self->socket->zmq;
    bool taken = zmq_send(zmq, packed->stream, strlen(packed->stream), ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0;
    if (!taken || zmq_msg_send(&header, zmq, ZMQ_DONTWAIT) < 0)
        zmq_msg_close(&header);
    return taken;
}

static void look(plain *self, fw_time now) {
    size_t held = atomic_load(&self->pins.messages) + self->ends_due;
    size_t unread = fw_socket_unread(self->socket);
    if (self->progress == 0 || held < self->held || unread < self->unread)
        self->progress = now;
    self->held = held;
    self->unread = unread;
}

static bool may_wait(const plain *self, fw_time now) {
    const fw_sender *sender = self->output.sender;
    if (self->ending && now < fw_after(self->ends_since, TOLD_WAIT))
        return true;
    return !self->left && now < fw_after(self->progress, sender->options.drain) && now < sender->stop_by;
}

/* A peer that takes nothing for the drain time is named, once, and left. */
static void leave(plain *self, size_t rest, const char *what) {
    if (!self->left)
        fw_warn("%s: a receiver takes nothing for %.3g s and is left; %zu %s", self->output.url,
                (double)self->output.sender->options.drain / (double)FW_SECOND, rest, what);
    self->left = true;
}

/* Is there something that libzmq may still get rid of? */
static bool moves(plain *self, fw_time now) {
    look(self, now);
    if (self->held == 0)
        return false;
    if (may_wait(self, now))
        return true;
    leave(self, self->held, "messages stay untaken");
    return false;
}

/* What the kernel holds for a receiver on this host is lost if the socket is closed before it was read. */
static bool all_read(plain *self, fw_time now) {
    look(self, now);
    if (self->unread == 0)
        return true;
    if (may_wait(self, now))
        return false;
    leave(self, self->unread, "bytes stay unread");
    return true;
}

/* libzmq hands frames to a peer before its monitor tells of it, or where it does not tell whose a handshake was: that
 * peer is waited for a moment, and due an `end` all the same. */
static bool is_untold(plain *self, fw_time now) {
    if (plain_takers(&self->output) > 0 || !plain_takes(&self->output))
        return false;
    if (self->untold_since == 0)
        self->untold_since = now;
    return true;
}

/* Each peer gets one, in libzmq's turn. Who was full is left out of it until libzmq has looked who has room again, which it
 * rarely does when it sends: that peer would miss its `end`, and another get two. Only the last of each one's says that all
 * before it is written. false: there was none to say. */
static bool say_ends(plain *self) {
    fw_output *output = &self->output;
    bool takes = plain_takes(output); /* which looks */
    if (self->ends_due > plain_takers(output) && !takes)
        self->ends_due = plain_takers(output);
    fw_packed packed;
    size_t pad = self->rounds_due > rounds_of_keys(self) ? 0 : END_PAD;
    if (self->ends_due == 0 || !fw_sender_pack_end(output->sender, pad, &packed))
        return false;
    while (self->ends_due > 0 && plain_takes(output) && send_end(self, &packed))
        self->ends_due--;
    return true;
}

/* From the last frame to the end of a push output: libzmq lets go of all frames, each peer is told the end, libzmq lets go
 * of that as well, in as many rounds as it takes, and who is on this host has read it. */
static bool push_finish(plain *self, fw_time now) {
    fw_output *output = &self->output;
    if (!self->ending) {
        bool untold = is_untold(self, now);
        if (moves(self, now) || (untold && now < self->untold_since + UNTOLD_WAIT && now < output->sender->stop_by))
            return false;
        if (self->left) /* what its peer never took is in flight, not sent */
            output->sent -= self->held < output->sent ? self->held : output->sent;
        self->ending = true;
        self->ends_since = now;
        self->progress = 0;
        owe_ends(self, untold ? 1 : plain_takers(output));
    }
    bool said = say_ends(self);
    if (moves(self, now))
        return false;
    if (self->held == 0 && !said) {
        if (self->rounds_due > 0) {
            self->rounds_due--;
            self->ends_due = plain_takers(output);
        }
        plain_tend(output, now); /* libzmq tells of who came and left before it lets go of what they were told */
        said = say_ends(self);
    }
    return !(said && self->held == 0) && all_read(self, now);
}

static bool pub_finish(plain *self, fw_time now) {
    const fw_sender *sender = self->output.sender;
    if (!self->ending)
        self->ends_since = now;
    self->ending = true;
    fw_packed packed;
    if (now >= self->repeat_at && fw_sender_pack_end(self->output.sender, END_PAD, &packed)) {
        (void)send_end(self, &packed);
        self->repeat_at = fw_after(now, REPEAT);
    }
    fw_time until = fw_after(self->ends_since, sender->options.drain);
    return now >= (until < sender->stop_by ? until : sender->stop_by) && all_read(self, now);
}

static bool plain_finish(fw_output *output, fw_time now) {
    plain *self = (plain *)output;
    atomic_store(&self->pins.tell, true);
    return self->push ? push_finish(self, now) : pub_finish(self, now);
}

static void plain_count(const fw_output *output, fw_counts *counts) {
    counts->sent = output->sent;
    counts->dropped += output->dropped;
    counts->in_flight = counts->captured - counts->sent - counts->dropped;
}

static nfds_t plain_poll(fw_output *output, struct pollfd *fds, fw_time *until_p) {
    plain *self = (plain *)output;
    fw_time again = fw_after(fw_now(), UNREAD_TICK);
    if (self->unread > 0 && again < *until_p)
        *until_p = again;
    nfds_t count = 0;
    if (!self->push || !fw_sender_is_direct(output->sender))
        fw_poll_add(fds, &count, self->socket->zmq);
    fw_poll_add(fds, &count, self->socket->monitor);
    return count;
}

static int push_wait_fd(const fw_output *output) {
    int fd = -1;
    size_t size = sizeof fd;
    (void)zmq_getsockopt(((const plain *)output)->socket->zmq, ZMQ_FD, &fd, &size);
    return fd;
}

static void plain_close(fw_output *output) {
    fw_socket_close(&((plain *)output)->socket, 0);
}

static void plain_free(fw_output *output) {
    free(output);
}

#define PLAIN_CLASS                                                                                                 \
    .takes = plain_takes, .send = plain_send, .wants_tending = plain_wants_tending, .tend = plain_tend,             \
    .takers = plain_takers, .finish = plain_finish, .count = plain_count, .poll = plain_poll, .close = plain_close, \
    .free = plain_free

static const fw_output_class push_class = { PLAIN_CLASS, .wait_fd = push_wait_fd, .taker = "receiver" };
static const fw_output_class pub_class = { PLAIN_CLASS, .taker = "subscriber" };

fw_status fw_plain_open(fw_sender *sender, const fw_url *url, bool first, fw_output **self_p) {
    *self_p = NULL;
    plain *self = calloc(1, sizeof *self);
    if (self == NULL)
        return fw_fail(FW_NO_MEMORY, "no memory for an output");
    self->push = url->pattern == FW_PUSH;
    self->output = (fw_output){ .kind = self->push ? &push_class : &pub_class, .sender = sender, .first = first };
    self->pins.wake_fd = sender->wake_fd;
    fw_socket_options options = {
        .type = self->push ? ZMQ_PUSH : ZMQ_XPUB,
        .bind = true,
        .send_hwm = FRAMES_AHEAD,
        .receive_hwm = 1000,
        .max_message = SUBSCRIPTION_MAX,
        .security = sender->security,
    };
    fw_status status = fw_socket_open(sender->context, url, &options, &self->socket);
    if (status != FW_OK) {
        free(self);
        return status;
    }
    self->output.url = self->output.urls[0] = self->socket->bound;
    self->output.url_count = 1;
    *self_p = &self->output;
    return FW_OK;
}
