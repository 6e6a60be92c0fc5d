/* The inside of a receiver: what its files share.
 *
 *   receiver_open.c   open
 *   receiver.c        receive, close; who looks at the sockets
 *   receiver_frame.c  frames that came
 *   receiver_reply.c  results
 *   feed_plain.c      frames of a PULL or SUB socket
 *   feed_lease.c      frames of a hub: what is said to it, and when
 *   feed_words.c      what a hub says
 *   feed_door.c       the door of a hub on this host: its memory
 *
 * One lock, no hand-over: whoever calls does its work at the sockets itself. While the caller waits for a frame it polls
 * them; while it computes for longer than a tick the receiver's thread does, so that a hub is answered (hello, recall,
 * credit). At full speed the thread only looks once a tick whether it is needed. SUB sockets are the thread's.
 *
 * libzmq tells of news by an edge on the socket's fd, which any call may take away: so who polls first reads all there
 * is, and who has used a socket wakes the one who polls (fw_receiver_leave()).
 */
#ifndef FW_DELIVERY_RECEIVER_H
#define FW_DELIVERY_RECEIVER_H

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <framewire/receiver.h>

#include <zmq.h>

#include "memory/frame.h"
#include "memory/view.h"
#include "net/security.h"
#include "net/socket.h"
#include "net/visit.h"
#include "wire/message.h"

#define FW_FEEDS_MAX  16
#define FW_FEED_FDS   4
#define FW_FRAMES_MAX 64 /* credit, and queue */

typedef struct fw_feed fw_feed;

/* A region of a sender's memory, until the last frame in it is let go. Counted under the receiver's lock. */
typedef struct fw_lent {
    uint64_t region;
    fw_view view;
    unsigned references;
} fw_lent;

/* A stream that frames came of. */
typedef struct fw_known_stream {
    struct fw_known_stream *next;
    uint64_t epoch, next_seq; /* of the last frame */
    bool open;                /* that run has not ended */
    bool ended;               /* `end` of that epoch came */
    char name[];
} fw_known_stream;

/* A frame that came. */
typedef struct fw_got {
    fw_frame frame; /* first: what the caller sees */
    fw_receiver *receiver;
    fw_feed *feed;
    fw_known_stream *stream;
    struct fw_got *next, *before, *after; /* in what waits for the caller; among those of its hub */
    zmq_msg_t payload;
    bool has_payload;
    void *copy;
    fw_lent *lent; /* it lies there: filling is to be released */
    uint64_t run;  /* of its hub */
    fw_filling filling;
    bool released; /* the hub has been told, or soon is */
    bool listed;   /* among those of its hub */
    bool leased;   /* which waits for an answer */
    bool guarded, started, go;
    bool out; /* the caller has it */
} fw_got;

/* What waits for a hub that is away, or slow. */
typedef struct fw_word {
    struct fw_word *next;
    fw_kind kind;
    uint64_t epoch, seq;
    size_t count;
    fw_part parts[];
} fw_word;

typedef struct fw_feed_class {
    /* Read all there is, say what is due. */
    void (*pump)(fw_feed *self, fw_time now);
    /* What to poll for, and when to pump at the latest. Returns how many, at most FW_FEED_FDS. */
    nfds_t (*poll)(fw_feed *self, struct pollfd *fds, fw_time *until_p);
    /* The caller is about to take this frame. false: not yet, it comes back to what waits by itself. */
    bool (*begin)(fw_feed *self, fw_got *got);
    /* Deliver an answer. */
    fw_status (*answer)(fw_feed *self, fw_got *got, const fw_header *header, const fw_part *payloads, size_t count);
    /* The frame is let go of: answered, or (then it is still leased) given back. */
    void (*let_go)(fw_feed *self, fw_got *got);
    void (*progress)(fw_feed *self, const fw_got *got);
    /* Say good-bye. */
    void (*leave)(fw_feed *self);
} fw_feed_class;

struct fw_feed {
    const fw_feed_class *kind;
    fw_receiver *receiver;
    fw_socket *socket;
    fw_known_stream *streams;
    fw_time reconnect_at; /* after a wrong peer; 0: not due */
    fw_time absent_since; /* no sender is there; 0: one is */
    bool absent_said;
    bool over; /* every stream that is taken has ended */

    /* leased */
    uint64_t run;   /* the hub's; 0: none has said welcome */
    bool hello_due; /* it is to be told who we are */
    bool greeted;   /* hello is said */
    bool welcomed;  /* and answered, and the door is tried */
    bool bye_said, bye_heard;
    uint32_t asked; /* observer: frames that the hub may still send */
    uint64_t lost;  /* observer: dropped at the hub, as it says */
    fw_got *held;   /* unanswered, or (observer) not let go of; oldest first */
    fw_word *words, **words_end;
    unsigned reading;  /* frames that lie in the hub's memory; a hello has room for FW_HELD_MAX */
    size_t slot_count; /* to be released */
    fw_filling slots[FW_FRAMES_MAX];
    fw_visit *visit; /* at the door */
    bool inside;     /* words go there */
    fw_time knocked_at;
    unsigned thrown_out;
    bool door_said;
    fw_lent *lent; /* the region that new frames lie in; NULL: none */
};

struct fw_receiver {
    fw_receiver_options options; /* without its texts, which the feeds know */
    char **streams;              /* our own copies; NULL-terminated; NULL: all */
    char *door;
    uint64_t instance;
    char name[FW_WORKER_MAX + 1], host[FW_HOST_MAX + 1];
    void *context;
    fw_security *security;
    fw_feed *feeds[FW_FEEDS_MAX];
    size_t feed_count;
    bool observes; /* a SUB socket is among the feeds: the thread reads at all times, since libzmq drops what is new */
    fw_socket *results;
    fw_time results_reconnect_at;
    bool results_said;
    atomic_uint references; /* the caller's, and one a frame */
    atomic_bool stopped;
    int caller_fd, thread_fd; /* eventfds: wake who polls */
    pthread_t thread;
    bool thread_runs;

    pthread_mutex_t lock;
    bool closing;
    bool waiting;         /* the caller is in fw_receiver_receive() */
    bool asleep, looking; /* the thread waits until it is woken; or polls the sockets */
    uint64_t visits;      /* rises when the caller comes and goes */
    fw_time pumped_at;
    fw_got *first, *last; /* what waits for the caller */
    unsigned ready;
    unsigned bad_untold;
    char bad_cause[256];
    fw_status broken;
    char broken_cause[256];
    fw_receiver_counts counts;
    uint8_t header[FW_HEADER_MAX];
};

/* ---- receiver.c ---- */

/* Wake who polls the sockets, where one of this feed may have news that its fd will not tell again. */
void fw_receiver_leave(fw_receiver *self, fw_feed *feed);
void fw_receiver_unref(fw_receiver *self);
/* The receiver's thread: at the sockets while the caller is not. */
void *fw_receiver_run(void *arg);
bool fw_receiver_takes(const fw_receiver *self, const char *stream, size_t size);
/* A sender is there, or not: waiting is said, and ends with options.timeout. *until_p: when to look again. */
void fw_feed_absent(fw_feed *self, bool absent, fw_time now);
void fw_feed_absent_until(const fw_feed *self, fw_time *until_p);
void fw_receiver_bad(fw_receiver *self, const fw_feed *feed);
void fw_receiver_break(fw_receiver *self, fw_status status);

/* ---- receiver_frame.c ---- */

/* The stream of this name, made if it is new. NULL: no memory. */
fw_known_stream *fw_feed_stream(fw_feed *self, const void *name, size_t size);
/* A frame of this header, without its payload, and with nothing that points into the message. NULL: no memory. */
fw_got *fw_got_new(fw_feed *feed, const fw_header *header, const fw_part *stream);
/* Let the caller have it: at the end, or (first) before all others. Beyond room the oldest of the feed's are dropped. */
void fw_got_ready(fw_got *self, bool first);
void fw_got_unready(fw_got *self);
/* Under the lock: give its memory back. The feed has let go of it. */
void fw_got_free(fw_got *self);
void fw_lent_drop(fw_lent *self);

/* ---- feeds ---- */

/* Receive one message's parts, moved into messages: -1: none has come; parts beyond FW_PARTS_MAX are dropped, and counted. */
int fw_parts_receive(void *zmq, zmq_msg_t *messages, fw_part *parts, int most);
fw_status fw_feed_open_plain(fw_feed *self, const fw_url *url);
fw_status fw_feed_open_lease(fw_feed *self, const fw_url *url);

/* ---- feed_lease.c: to a hub ---- */

/* Say it now, or as soon as the hub takes it. */
fw_status fw_lease_say(fw_feed *self, const char *stream, const fw_header *header, const fw_part *payloads,
                       size_t count);
void fw_lease_say_of(fw_feed *self, const fw_got *got, fw_kind kind);
/* The door was tried: from now on frames may come. */
void fw_lease_ready(fw_feed *self);
void fw_lease_hello(fw_feed *self);
void fw_lease_forget(fw_feed *self, fw_got *got);
void fw_lease_drop_words(fw_feed *self, bool results);
void fw_lease_check_bye(fw_feed *self);

/* ---- feed_words.c ---- */

/* One message of the hub's. messages (NULL: it came by the door) may be taken from. */
void fw_lease_hears(fw_feed *self, zmq_msg_t *messages, const fw_part *parts, size_t count, fw_time now);

/* ---- feed_door.c ---- */

void fw_feed_knock(fw_feed *self, const char *name, const uint8_t *token, fw_time now);
void fw_feed_read_door(fw_feed *self, fw_time now);
void fw_feed_leave_door(fw_feed *self);
/* Say what the hub need not hear at once, and is not to be woken for. false: say it as all else. */
bool fw_feed_say_aside(fw_feed *self, const char *stream, const fw_header *header);
/* Say a frame's answer, and in the same packet what is read no more, its own slot with it: the hub is woken once. false: the
 * answer is not said, for there is no way in, or something waits to be said before it. */
bool fw_feed_answer_inside(fw_feed *self, fw_got *got, const fw_header *header, const fw_part *payloads, size_t count);
/* It has ended by the hub's side. */
void fw_feed_thrown_out(fw_feed *self);

/* A slot is read no more: it is released by the next `start`, or by fw_feed_release_slots(). */
void fw_feed_release(fw_feed *self, const fw_filling *filling);
void fw_feed_release_slots(fw_feed *self);
/* The list of slots that are released: in out, which must outlive the header. */
#define FW_SLOTS_ROOM (FW_FRAMES_MAX * 23)
void fw_feed_carry_slots(fw_feed *self, fw_header *header, uint8_t out[FW_SLOTS_ROOM]);

#endif
