/* The account of every frame. Events go in, actions come out; time is an argument.
 * No sockets, no threads, no clock: the simulator (tests/sim) drives this very code.
 *
 *   READY --lease--> LEASED --start--> STARTED --result--> DONE
 *    |  ^               |                 |
 *    |  |  return, bye, lost by its worker|  died or missed its deadline after `go`, `attempts` times
 *    |  +---------------+-----------------+---------------------------------------------------------> DEAD
 *    +--drop_oldest--> DROPPED
 *
 * Two things bind a frame to a receiver. A LEASE is the duty to answer it: it ends with a result, a return, the loss of
 * the worker, or the deadline. A HOLD is the right to read its slot in shared memory: it ends with a release or with the
 * proven end of the process, and with nothing else.
 *
 * Always:
 *   - captured = done + dead + dropped + in_flight, for each stream; in_flight = ready + leased + started.
 *   - A frame is in one state, and at most one lease of it counts: the others are lost, and only their result matters.
 *   - A frame has at most one accepted result: the first, from any instance that it was ever leased to.
 *   - A frame's memory is let go once, after the frame is settled (done, dead or dropped) and its last hold has ended.
 *   - No worker has more unfinished frames than its credit when it is sent one, nor is it sent a frame that it may still
 *     have, nor any frame while one that it lost may still be with it.
 *   - After fw_ledger_next() said false, no frame is ready while a worker could take it (but for the one that is kept for
 *     a suspect).
 *   - A frame is dead only after `attempts` processes that ran it alone, after `go`, died or missed its deadline.
 *
 * Each event costs O(log n) at most, and no memory is asked for once the numbers of frames, workers and leases have been
 * as high before. The one thing that can fail later is growing: fw_ledger_status() then says FW_NO_MEMORY for good.
 *
 * `now` never runs backwards (an earlier one is taken as the latest given). One thread.
 */
#ifndef FW_DELIVERY_LEDGER_H
#define FW_DELIVERY_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <framewire/status.h>
#include <framewire/units.h>

typedef struct fw_ledger fw_ledger;

/* An instance of a receiver that said hello. It stays the same over lost connections; 0 is nobody. What is said of one
 * that is forgotten (it left or is gone, and nothing binds it any more) is counted as unknown, and changes nothing. */
typedef uint64_t fw_worker;

typedef struct fw_key {
    uint64_t epoch, seq;
} fw_key;

#define FW_NO_SLOT     UINT32_MAX
#define FW_SLOT_MAX    ((uint32_t)1 << 26)
#define FW_CREDIT_MAX  64
#define FW_STREAMS_MAX 256

/* 0 takes the default. */
typedef struct fw_ledger_options {
    fw_time deadline;  /* from the start of a frame to its result; 30 s */
    fw_time grace;     /* how long a lost connection is waited for; 5 s */
    fw_time patience;  /* how long a busy worker's waiting frames are left to it while another is idle; 10 ms */
    unsigned attempts; /* proven ones, until a frame is dead; 3 */
    unsigned credit;   /* the most a worker gets; 64, which is also the limit */
    uint64_t memory;   /* the budget that slots come from, in the unit of fw_capture.size; no limit */
} fw_ledger_options;

/* Errors: FW_INVALID, FW_NO_MEMORY; *self_p is then NULL. */
fw_status fw_ledger_open(const fw_ledger_options *options, fw_ledger **self_p);
void fw_ledger_close(fw_ledger **self_p);

/* FW_OK, or for good FW_NO_MEMORY: an event could not be taken in whole, and the account is not true any more. */
fw_status fw_ledger_status(const fw_ledger *self);

/* ---- Frames ------------------------------------------------------------------------------------------------------- */

/* A stream of this ledger, from 0. Streams are never removed. At most FW_STREAMS_MAX; errors: FW_INVALID (the epoch is taken),
 * FW_NO_MEMORY. */
fw_status fw_ledger_add_stream(fw_ledger *self, uint64_t epoch, uint32_t *stream_p);

typedef struct fw_capture {
    uint64_t seq;  /* above all earlier ones of the stream, below 2^48 */
    void *frame;   /* the caller's, given back in actions; it must stay until FW_ACTION_LET_GO */
    uint32_t slot; /* where it is in shared memory, below FW_SLOT_MAX; FW_NO_SLOT: nowhere, and it can't be held */
    uint64_t gen;  /* what tells this filling of the slot from others */
    uint64_t size; /* that it takes of the memory */
} fw_capture;

/* A frame is there: READY. Errors: FW_INVALID (seq, or a slot that another frame still has), FW_CLOSED (the stream has
 * ended), FW_NO_MEMORY; the frame is then not in the account. */
fw_status fw_ledger_on_frame(fw_ledger *self, fw_time now, uint32_t stream, const fw_capture *capture);

/* Drop the stream's oldest READY frame (its memory comes back with FW_ACTION_LET_GO). false: none is ready. */
bool fw_ledger_drop_oldest(fw_ledger *self, fw_time now, uint32_t stream);

/* A new frame found no room and has no seq: captured and dropped. */
void fw_ledger_drop_newest(fw_ledger *self, uint32_t stream);

/* No frame follows: FW_ACTION_END comes once every frame is settled. */
void fw_ledger_on_end(fw_ledger *self, fw_time now, uint32_t stream);

/* ---- Receivers ---------------------------------------------------------------------------------------------------- */

/* A frame that an instance says it has. */
typedef struct fw_held {
    fw_key key;
    bool started;
} fw_held;

typedef struct fw_slot_ref {
    uint32_t slot;
    uint64_t gen;
} fw_slot_ref;

/* What was on the way when a connection was lost may not have come: so a hello says what there is. A frame that the
 * instance does not have is READY again, unblamed; a `start` is made up for; `go` and `recall` are said once more; a hold
 * that it does not name is released. All of it none at the first hello. */
typedef struct fw_hello {
    uint64_t instance;       /* random, one a receiver */
    bool observer;           /* gets no leases, only holds */
    const uint32_t *streams; /* that it takes; NULL: all */
    size_t stream_count;
    const fw_held *held; /* every frame that it has and has not answered */
    size_t held_count;
    const fw_slot_ref *reads; /* every slot that it may read, as often as it holds it */
    size_t read_count;
} fw_hello;

/* A receiver says who it is, at every handshake: once all that its last connection brought has been told (only results
 * may still come late). One that comes back, in the grace time or later, goes on: what was counted as its death is taken
 * back. It gets nothing before its next credit. 0: no memory, or more than 64 different sets of streams are asked for. */
fw_worker fw_ledger_on_hello(fw_ledger *self, fw_time now, const fw_hello *hello);

/* Who that is, until it is forgotten; else 0. */
fw_worker fw_ledger_find(const fw_ledger *self, uint64_t instance);

/* How many frames it may have; capped. None goes to a worker before its first credit after a hello; 0 stops it again. */
void fw_ledger_on_credit(fw_ledger *self, fw_time now, fw_worker worker, uint32_t credit);

/* It maps the memory: until its next hello, each lease of a frame with a slot is a hold as well. */
void fw_ledger_on_door(fw_ledger *self, fw_time now, fw_worker worker);

/* Its death will be told as FW_GONE_PROCESS: its pidfd is here, or its supervisor. Stays over lost connections. */
void fw_ledger_set_proof(fw_ledger *self, fw_worker worker, bool proof);

typedef enum fw_gone {
    FW_GONE_CONNECTION, /* lost, no blame: it has the grace time to say hello again. Without it, leases are taken from it;
                         * and where no proof can be had, that counts as its death until it says hello. */
    FW_GONE_PROCESS     /* proven: its pidfd, or its supervisor. Whatever it sent must have been told before. */
} fw_gone;

void fw_ledger_on_gone(fw_ledger *self, fw_time now, fw_worker worker, fw_gone gone);

/* A clean leave, its last word: its frames are READY again, unblamed; its holds stay. */
void fw_ledger_on_bye(fw_ledger *self, fw_time now, fw_worker worker);

/* ---- What workers say of frames ----------------------------------------------------------------------------------- */

/* The handler begins, and the deadline with it; a recall is void. A suspect's handler waits for FW_ACTION_GO, which is the
 * answer, or FW_ACTION_RECALL. */
void fw_ledger_on_start(fw_ledger *self, fw_time now, fw_worker worker, fw_key key);

/* It is still at it: the deadline begins anew. */
void fw_ledger_on_progress(fw_ledger *self, fw_time now, fw_worker worker, fw_key key);

typedef enum fw_reception {
    FW_ACCEPTED,  /* the first result of an open frame */
    FW_DUPLICATE, /* the frame is settled already */
    FW_UNKNOWN    /* no such frame, no such worker, or it was never leased to this instance */
} fw_reception;

/* What fw_ledger_on_result() will say: ask, write the result, then tell. Changes and counts nothing. */
fw_reception fw_ledger_would_accept(const fw_ledger *self, fw_worker worker, fw_key key);

/* `error`: the handler raised. It is DONE all the same. */
fw_reception fw_ledger_on_result(fw_ledger *self, fw_time now, fw_worker worker, fw_key key, bool error);

/* It gives the frame back, unblamed. */
void fw_ledger_on_return(fw_ledger *self, fw_time now, fw_worker worker, fw_key key);

/* ---- Holds -------------------------------------------------------------------------------------------------------- */

/* Pinned are frames that are held without a copy. They leave a quarter of the memory, and room for one frame, free of
 * them; a worker pins at most its credit and two, and what would go beyond is leased as `copy`: its reader copies it and
 * releases it before `start`. */

/* An observer shall read a frame of this run, where it lies. false: it may not be (observers would pin more than a quarter
 * and more than one frame, or its memory is let go): drop it for them. To be ended by fw_ledger_on_release(). */
bool fw_ledger_hold(fw_ledger *self, fw_time now, fw_worker observer, fw_key key);

/* A hold ends. A wrong slot, gen or holder is counted, and ignored. */
void fw_ledger_on_release(fw_ledger *self, fw_time now, fw_worker worker, uint32_t slot, uint64_t gen);

/* ---- What to do --------------------------------------------------------------------------------------------------- */

typedef enum fw_action_kind {
    FW_ACTION_LEASE,  /* send frame to worker: attempt, guarded, copy, hold */
    FW_ACTION_GO,     /* tell worker to run the handler that waits (key) */
    FW_ACTION_RECALL, /* ask worker to return what it has not begun (key) */
    FW_ACTION_DEAD,   /* report frame as dead, and save it: worker was the last, attempt how many starts there were */
    FW_ACTION_LET_GO, /* frame's memory: the last action that names it */
    FW_ACTION_LATE,   /* tell people: worker missed its deadline for key */
    FW_ACTION_DIED,   /* tell people: worker's process ended, or, not `proven`, it did not come back in its grace time;
                     * key: what it was running, where `blamed` */
    FW_ACTION_END     /* every frame of stream is settled; holds may remain */
} fw_action_kind;

typedef struct fw_action {
    fw_action_kind kind;
    uint32_t stream;
    fw_worker worker;
    fw_key key;
    void *frame;      /* of LEASE, DEAD and LET_GO */
    uint32_t attempt; /* from 1 */
    bool guarded;     /* a suspect: its handler waits for `go`, and it is alone */
    bool hold;        /* it is sent as a descriptor, and held until released */
    bool copy;        /* of a hold: to be copied and released before `start` */
    bool deadline;    /* of DEAD: the last attempt missed its deadline (else its process died) */
    bool proven, blamed;
} fw_action;

/* What to do now; false: nothing. Call until false, after each event or batch of events, and when it wakes.
 *
 * Order: what events brought about comes in the order of the events, a frame's DEAD before its LET_GO, and a stream's END
 * after both are said of every frame (but for memory that is held). Then deadlines. Leases come last, so that each goes
 * where there is room after all that is known: suspects, to workers with nothing to do; then streams in turn, each
 * stream's oldest frame first, to the worker that takes the stream and has the fewest unfinished frames, of those to the
 * one that has waited longest with so many. While a suspect finds no worker without frames, one worker is kept from new
 * ones for it.
 * A worker that cannot be reached is named in no action but DEAD, DIED and LATE. */
bool fw_ledger_next(fw_ledger *self, fw_time now, fw_action *action);

/* After fw_ledger_next() said false: when to call it again. FW_FOREVER: at the next event. */
fw_time fw_ledger_wakes(const fw_ledger *self);

/* ---- The account -------------------------------------------------------------------------------------------------- */

typedef struct fw_account {
    uint64_t captured, done, dead, dropped, in_flight;
    uint64_t ready, leased, started;                    /* in_flight, by state */
    uint64_t suspects;                                  /* of ready: to be run alone */
    uint64_t dropped_oldest, dropped_newest;            /* dropped, by cause */
    uint64_t dead_by_death, dead_by_deadline;           /* dead, by the last attempt */
    uint64_t errors;                                    /* of done: the handler raised */
    uint64_t redelivered;                               /* leased again: the sum of the causes */
    uint64_t by_return, by_loss, by_death, by_deadline; /* the causes: given back; connection, link or hello; ... */
    uint64_t recalled;                                  /* moved to an idle worker, which is no redelivery */
    uint64_t duplicates;                                /* results of frames that were settled */
    uint64_t held;                                      /* frames that are settled, and whose memory is held */
} fw_account;

#define FW_ALL_STREAMS UINT32_MAX
void fw_ledger_count(const fw_ledger *self, uint32_t stream, fw_account *account);

typedef struct fw_ledger_totals {
    uint64_t unknown;  /* words of workers about frames that they never had, and of workers that are not known */
    uint64_t stale;    /* releases of what was not held */
    uint64_t deaths;   /* proven, and those that still count as one */
    uint64_t missed;   /* deadlines */
    uint64_t pinned;   /* memory, in the unit of sizes */
    uint64_t watched;  /* memory that observers hold */
    uint32_t workers;  /* connected, with credit */
    uint32_t suspects; /* frames that wait to be run alone */
} fw_ledger_totals;

void fw_ledger_total(const fw_ledger *self, fw_ledger_totals *totals);

typedef struct fw_ledger_worker {
    uint64_t instance;
    bool connected, observer;
    bool late; /* lost leases, and has not answered for them yet */
    uint32_t credit, unfinished, started;
    uint32_t holds, pinned; /* frames that it holds; without a copy */
    uint64_t done;
} fw_ledger_worker;

/* false: it is forgotten. */
bool fw_ledger_look(const fw_ledger *self, fw_worker worker, fw_ledger_worker *look);

typedef struct fw_ledger_frame {
    enum { FW_FRAME_READY, FW_FRAME_LEASED, FW_FRAME_STARTED, FW_FRAME_SETTLED } state;
    fw_worker worker; /* of the lease that counts; 0: none */
    uint32_t attempts, proven, holders;
    bool suspect;
} fw_ledger_frame;

/* false: it was never there, or is settled and forgotten. */
bool fw_ledger_look_frame(const fw_ledger *self, fw_key key, fw_ledger_frame *look);

#endif
