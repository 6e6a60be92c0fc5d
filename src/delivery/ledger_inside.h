/* The inside of a ledger: what its files share.
 *
 *   ledger.c         open, streams, frames in, counts         ledger_worker.c  hello, credit, gone, bye
 *   ledger_frame.c   states, queues, the end of a frame       ledger_lease.c   start, progress, result, return; blame
 *   ledger_tie.c     ties and their holds                     ledger_place.c   who can take frames, who is waited for
 *                                                             ledger_next.c    actions, deadlines, who gets which frame
 *
 * Records stand in arrays that grow and never shrink, and name each other by index. Lists run through the records.
 * Deadlines need no heap: each kind has one length, so that a list in order of arrival is in order of time.
 */
#ifndef FW_DELIVERY_LEDGER_INSIDE_H
#define FW_DELIVERY_LEDGER_INSIDE_H

#include "base/map.h"
#include "delivery/ledger.h"

#define NONE UINT32_MAX

/* Former leases that are remembered for a frame, so that their late results count. */
#define FW_LG_FORMER 64

typedef struct fw_lg_link {
    uint32_t next, prev;
} fw_lg_link;

typedef struct fw_lg_list {
    uint32_t head, tail, count;
} fw_lg_list;

typedef enum fw_lg_state { FW_LG_READY, FW_LG_LEASED, FW_LG_STARTED, FW_LG_SETTLED } fw_lg_state;

typedef enum fw_lg_queue { FW_LG_NOWHERE, FW_LG_FRESH, FW_LG_AGAIN, FW_LG_SUSPECT } fw_lg_queue;

/* Why a frame is READY again. */
typedef enum fw_lg_cause {
    FW_LG_FIRST,
    FW_LG_RECALLED,
    FW_LG_RETURNED,
    FW_LG_LOST,
    FW_LG_DIED,
    FW_LG_MISSED
} fw_lg_cause;

typedef struct fw_lg_frame {
    void *frame;
    uint64_t seq, gen, size;
    uint32_t stream, slot;
    uint32_t current;                    /* the tie whose lease counts: LEASED and STARTED */
    fw_lg_list ties;                     /* in order of their making */
    fw_lg_link fresh;                    /* in FRESH; `next` of a free record */
    uint32_t place;                      /* in the heap of AGAIN or SUSPECT */
    uint32_t attempts;                   /* starts */
    uint32_t proven;                     /* of them: ended by death or deadline, after `go` */
    uint32_t suspicions;                 /* deaths and deadlines, proven or not; more than 0: a suspect */
    uint32_t holders, pinners, watchers; /* ties that hold it; without a copy; observers' */
    uint8_t state, queue, cause;
} fw_lg_frame;

/* What binds a frame to a receiver, one for each pair. It lasts while the receiver may have the frame (`open`) or holds
 * it, and while the frame is not settled, so that a late result finds it. */
typedef struct fw_lg_tie {
    uint32_t frame, worker;
    fw_lg_link of_frame, of_worker, timed; /* of_worker: while open or held; timed: while a deadline runs */
    fw_time deadline;
    uint32_t holds, pins; /* rights to read the slot; those that are no copies */
    bool open;            /* unfinished: the worker may have it */
    bool ever;            /* it was leased: a result counts */
    bool started;
    bool lost;             /* of an open one: the lease is not the one that counts */
    bool recalled, moving; /* asked for; for an idle worker */
    bool guarded, go;      /* leased as a suspect; told to run it */
    bool counted;          /* in the frame's attempts */
    bool blamed, charged;  /* in the frame's suspicions; and in proven */
    bool presumed;         /* that is taken back if the instance says hello */
    bool seen;             /* the hello at hand names it, */
    uint32_t reads;        /* and so many holds of it */
} fw_lg_tie;

typedef enum fw_lg_being {
    FW_LG_HERE,
    FW_LG_AWAY,   /* connection lost, in its grace time */
    FW_LG_SILENT, /* the grace time is over */
    FW_LG_LEFT,   /* said bye */
    FW_LG_ENDED   /* the process, proven */
} fw_lg_being;

/* What is waited for from a worker: one list each, in order of `since`. */
typedef enum fw_lg_wait {
    FW_LG_HELLO, /* AWAY */
    FW_LG_START, /* has frames, and none of them started */
    FW_LG_BUSY,  /* has one started, and others behind it */
    FW_LG_NOTHING
} fw_lg_wait;

#define FW_LG_BUCKETS   64
#define FW_LG_NO_BUCKET 255

typedef struct fw_lg_worker {
    uint64_t instance;
    uint32_t generation;
    uint32_t credit;
    fw_lg_list ties;                                               /* open or held, in order of lease */
    uint32_t tie_count;                                            /* all ties */
    uint32_t unfinished, started, lost, pending, waiting, guarded; /* open ties, by what they are */
    uint32_t holders, pinned;                                      /* ties with holds; with pins */
    fw_lg_link in_bucket, in_wait;
    fw_time since;
    uint64_t stamp; /* when it came into its bucket */
    uint32_t set;
    uint64_t done;
    uint8_t being, bucket, wait;
    bool used, credited, observer, shares, proof, presumed_dead;
} fw_lg_worker;

/* Workers that take the same streams. */
typedef struct fw_lg_set {
    uint64_t streams[FW_STREAMS_MAX / 64];
    uint32_t workers;                  /* 0: free */
    fw_lg_list buckets[FW_LG_BUCKETS]; /* those that can take a frame, by how many they have */
    uint64_t mask;                     /* of buckets that are not empty */
} fw_lg_set;

#define FW_LG_SETS 64

/* How far a list of who is waited for is looked through, where the first ones have nothing that an idle worker takes. */
#define FW_LG_LOOK 64

typedef struct fw_lg_heap {
    uint32_t *items; /* frames, the least seq first */
    uint32_t count, room;
} fw_lg_heap;

typedef struct fw_lg_stream {
    uint64_t epoch, next_seq;
    fw_lg_list fresh;
    fw_lg_heap again, suspects;
    fw_lg_link in_turn, in_suspect_turn; /* while it has frames of the kind */
    fw_account account;
    bool ended, end_said;
} fw_lg_stream;

struct fw_ledger {
    fw_ledger_options options;
    fw_time now;
    fw_status status;
    fw_ledger_totals totals;

    fw_lg_frame *frames;
    fw_lg_tie *ties;
    fw_lg_worker *workers;
    fw_lg_stream *streams;
    uint32_t frame_room, tie_room, worker_room, stream_room, stream_count;
    uint32_t free_frame, free_tie, free_worker; /* stacks */
    fw_map keys;                                /* stream << 48 | seq -> frame */
    fw_map instances;                           /* -> worker */
    fw_map epochs;                              /* -> stream */
    uint32_t *slots;                            /* -> frame */
    uint32_t slot_room;

    fw_lg_set *sets;
    uint32_t set_room, set_count;
    uint32_t able, idle; /* workers that can take a frame; that have none */
    uint64_t stamp;
    fw_lg_list waits[FW_LG_NOTHING];
    fw_lg_list timed;                /* ties, by deadline */
    fw_lg_list turns, suspect_turns; /* streams */
    uint32_t reserved;               /* the worker that is kept from new frames for a suspect */
    uint32_t moves;                  /* recalls for idle workers that are not answered */
    fw_time moved;                   /* the latest of them */

    fw_action *actions; /* a ring */
    uint32_t action_head, action_count, action_room;
};

/* Lists: FW_LG_LIST(name, array, link) makes name_append() and name_remove() for records of self->array. */
#define FW_LG_LIST(name, array, link)                                                  \
    static inline void name##_append(fw_ledger *self, fw_lg_list *list, uint32_t at) { \
        self->array[at].link = (fw_lg_link){ NONE, list->tail };                       \
        if (list->tail != NONE)                                                        \
            self->array[list->tail].link.next = at;                                    \
        else                                                                           \
            list->head = at;                                                           \
        list->tail = at;                                                               \
        list->count++;                                                                 \
    }                                                                                  \
    static inline void name##_remove(fw_ledger *self, fw_lg_list *list, uint32_t at) { \
        fw_lg_link old = self->array[at].link;                                         \
        if (old.next != NONE)                                                          \
            self->array[old.next].link.prev = old.prev;                                \
        else                                                                           \
            list->tail = old.prev;                                                     \
        if (old.prev != NONE)                                                          \
            self->array[old.prev].link.next = old.next;                                \
        else                                                                           \
            list->head = old.next;                                                     \
        list->count--;                                                                 \
    }

#define FW_LG_EMPTY ((fw_lg_list){ NONE, NONE, 0 })

static inline void fw_lg_clock(fw_ledger *self, fw_time now) {
    if (now > self->now)
        self->now = now;
}

static inline fw_key fw_lg_key(const fw_ledger *self, uint32_t frame) {
    return (fw_key){ self->streams[self->frames[frame].stream].epoch, self->frames[frame].seq };
}

static inline fw_worker fw_lg_handle(const fw_ledger *self, uint32_t worker) {
    return (uint64_t)self->workers[worker].generation << 32 | worker;
}

/* ledger.c */
/* NONE: not known. */
uint32_t fw_lg_find_frame(const fw_ledger *self, fw_key key);
uint32_t fw_lg_find_worker(const fw_ledger *self, fw_worker worker);
/* Twice the room of an array of records, at least 16. false: no memory, and the status says so. */
bool fw_lg_grow(fw_ledger *self, void *array_p, uint32_t *room_p, size_t size);
/* The frame's map entries and record go. */
void fw_lg_forget_frame(fw_ledger *self, uint32_t frame);

/* ledger_frame.c */
fw_status fw_lg_heap_reserve(fw_lg_heap *self, uint32_t room);
/* Into its queue, or out of it. A frame that is put back is READY, for this cause; DEAD instead, after enough proven
 * attempts: worker is the last one. */
void fw_lg_queue_in(fw_ledger *self, uint32_t frame);
void fw_lg_queue_out(fw_ledger *self, uint32_t frame);
void fw_lg_put_back(fw_ledger *self, uint32_t frame, fw_lg_cause cause, fw_worker worker);
/* The stream's oldest READY frame, or NONE. */
uint32_t fw_lg_oldest(const fw_ledger *self, uint32_t stream);
void fw_lg_set_state(fw_ledger *self, uint32_t frame, fw_lg_state state);
/* DONE, DEAD or DROPPED is counted by the caller. Those who have it still are asked to return it. */
void fw_lg_settle(fw_ledger *self, uint32_t frame);
void fw_lg_die(fw_ledger *self, uint32_t frame, fw_lg_cause cause, fw_worker worker);
/* Let go of memory that nobody holds, of a frame that is settled. */
void fw_lg_let_go(fw_ledger *self, uint32_t frame);
void fw_lg_check_end(fw_ledger *self, uint32_t stream);

/* ledger_tie.c */
uint32_t fw_lg_find_tie(const fw_ledger *self, uint32_t frame, uint32_t worker);
/* Find or make. NONE: no memory. */
uint32_t fw_lg_make_tie(fw_ledger *self, uint32_t frame, uint32_t worker);
/* Change what a tie is: out of its worker's counts, and in again. */
void fw_lg_uncount(fw_ledger *self, uint32_t tie);
void fw_lg_recount(fw_ledger *self, uint32_t tie);
/* Its lease begins. */
void fw_lg_open_tie(fw_ledger *self, uint32_t tie, bool guarded);
/* The worker does not have the frame any more. The tie may be gone afterwards. */
void fw_lg_close_tie(fw_ledger *self, uint32_t tie);
/* Free it if nothing needs it any more. */
void fw_lg_check_tie(fw_ledger *self, uint32_t tie);
void fw_lg_set_deadline(fw_ledger *self, uint32_t tie);
void fw_lg_stop_deadline(fw_ledger *self, uint32_t tie);
/* May a frame be pinned by one more reader? */
bool fw_lg_may_pin(const fw_ledger *self, uint32_t frame);
void fw_lg_hold(fw_ledger *self, uint32_t tie, bool copy);
/* End count holds, copies first. The tie may be gone afterwards. */
void fw_lg_unhold(fw_ledger *self, uint32_t tie, uint32_t count);

/* ledger_place.c */
/* The worker takes these streams from now on; it must be in no bucket. false: no memory, or too many sets. */
bool fw_lg_set_streams(fw_ledger *self, uint32_t worker, const uint32_t *streams, size_t count);
void fw_lg_drop_set(fw_ledger *self, uint32_t worker);
/* The worker that the stream's next frame goes to, or NONE. */
uint32_t fw_lg_choose(const fw_ledger *self, uint32_t stream);
/* Has a worker that takes the stream nothing to do? */
bool fw_lg_idle_for(const fw_ledger *self, uint32_t stream);
/* Put a worker where it belongs after a change: among those that can take a frame, and those that are waited for.
 * fresh: it has just started one, so its others may wait a while again. */
void fw_lg_place(fw_ledger *self, uint32_t worker, bool fresh);

/* ledger_worker.c */
void fw_lg_check_worker(fw_ledger *self, uint32_t worker);
/* The grace time of a worker is over. */
void fw_lg_silent(fw_ledger *self, uint32_t worker);

/* ledger_lease.c */
void fw_lg_start(fw_ledger *self, uint32_t tie);
/* Take the lease away: the worker may still have the frame. */
void fw_lg_lose(fw_ledger *self, uint32_t tie, fw_lg_cause cause);
/* Take away what a worker has not started, and ask for it back: all, or what an idle worker takes. Was there any? */
bool fw_lg_lose_unstarted(fw_ledger *self, uint32_t worker, bool all);
void fw_lg_recall(fw_ledger *self, uint32_t tie, bool moving);
/* Tell a suspect's worker to run it. */
void fw_lg_go(fw_ledger *self, uint32_t tie);
/* The lease that was lost counts again. */
void fw_lg_adopt(fw_ledger *self, uint32_t tie);
void fw_lg_blame(fw_ledger *self, uint32_t tie, bool presumed);
void fw_lg_pardon(fw_ledger *self, uint32_t tie);
/* A worker died: who is to blame; the first frame that is, or NONE. All its leases are lost. */
uint32_t fw_lg_judge(fw_ledger *self, uint32_t worker, bool presumed);
void fw_lg_missed(fw_ledger *self, uint32_t tie);

/* ledger_next.c */
void fw_lg_act(fw_ledger *self, const fw_action *action);

#endif
