/* A simulator for the ledger: a world of workers and links with faults, a book that keeps account in the plainest way, and
 * checks of the one against the other after every step.
 *
 *   main.c   episodes, their seeds, replay and shrinking     book.c, pair.c   what the ledger was told, and what follows
 *   world.c  steps, and what goes wrong                      take.c           what it does
 *   proc.c   processes and links                             check.c          what must hold after every step
 *
 * A step is made from one 64-bit number, so that an episode is a list of numbers: it replays from its seed, and shrinks by
 * leaving numbers out.
 */
#ifndef FW_TESTS_SIM_H
#define FW_TESTS_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "delivery/ledger.h"

#define FRAMES  128 /* records of frames; a frame's is its serial number modulo this */
#define PROCS   40
#define STREAMS 4
#define HAS_MAX 160
#define LINK    512

/* ---- The book: what a hub knows ---- */

/* One frame and one process. */
typedef struct pair {
    bool tied, ever, open, started, guarded;
    bool recalled, moving; /* asked for; while the lease still counts */
    bool go, missed;       /* told to run; and its deadline passed */
    uint8_t holds, pins;
    fw_time sign;   /* its start, or latest progress */
    uint64_t order; /* of leases */
} pair;

typedef enum fate { GOOD, KILLS, HANGS } fate;

typedef struct frame {
    uint64_t serial; /* 0: no frame */
    uint64_t seq, gen, size;
    uint32_t stream, slot;
    fate fate;
    bool settled, let_go;
    uint32_t open, holders, pinners, watchers;
    uint32_t proven;  /* at most so many proven attempts, of pairs that are not kept any more */
    uint32_t certain; /* at least so many */
    bool suspect;     /* a death or a deadline for sure */
} frame;

typedef struct told {
    fw_worker handle;
    bool here, away, silent, presumed, left, ended;
    bool credited, shares, proof, observer;
    uint32_t credit, unfinished, started, guarded, ties, holders, pinned;
    bool lost;  /* it gave cause to take its leases away, and may have some of them still */
    bool mixed; /* its hello may have saved some of them */
    fw_time away_since, active, starts_nothing; /* 0: does not apply */
    unsigned connection;
} told;

/* ---- The world: what there is ---- */

typedef enum kind {
    M_HELLO,
    M_CREDIT,
    M_DOOR,
    M_SUPERVISED, /* its supervisor says that it will tell of its end */
    M_START,
    M_PROGRESS,
    M_RESULT,
    M_RETURN,
    M_RELEASE,
    M_BYE,
    M_GONE,
    M_PROOF, /* what the hub finds out by itself, in its place among the messages */
    M_LEASE,
    M_GO,
    M_RECALL
} kind;

typedef struct message {
    uint8_t kind;
    bool guarded, hold, copy, flag;
    uint32_t stream, slot, credit;
    uint64_t serial, seq, gen;
} message;

typedef struct link {
    message at[LINK];
    uint32_t head, count;
} link;

typedef struct having {
    uint64_t serial, seq, gen;
    uint32_t stream, slot;
    bool guarded, hold, copy;
    enum { QUEUED, ASKING, RUNNING } phase;
} having;

typedef struct proc {
    bool used, alive, stopped, hung, linked, quitting, child, told_end;
    bool shares, supervised, observer, attentive, slow;
    uint64_t instance;
    uint32_t credit, batch, takes; /* streams, by bit */
    unsigned connection;
    having has[HAS_MAX];
    fw_slot_ref views[HAS_MAX];
    uint32_t has_count, view_count;
    fw_held said[HAS_MAX]; /* in the hello that is on its way */
    fw_slot_ref said_reads[2 * HAS_MAX];
    uint32_t said_count, said_read_count;
    link up, down;
    told told;
} proc;

typedef struct world {
    fw_ledger *ledger;
    fw_ledger_options options;
    fw_time now, settled;
    uint64_t random;
    uint64_t serial, instances, gens, leases;
    frame frames[FRAMES];
    pair pairs[FRAMES][PROCS];
    proc procs[PROCS];
    uint32_t proc_count, proc_limit;
    uint32_t stream_count;
    uint64_t epochs[STREAMS], next_seq[STREAMS];
    uint64_t serials[STREAMS][FRAMES]; /* by seq, modulo */
    bool ended[STREAMS], end_said[STREAMS], drops[STREAMS];
    fw_account account[STREAMS]; /* captured, done, errors, dead, dropped, duplicates, in_flight */
    uint64_t oldest[STREAMS];    /* that was ready at the last lease, and how many were given since it is */
    uint32_t passed[STREAMS];
    uint64_t owner[FRAMES]; /* of slots: serial, 0 none */
    uint64_t unknown, stale, died, recalled, pinned, watched;
    uint64_t memory_used;
    bool calm;       /* no faults any more */
    uint32_t faults; /* how many in 1024 steps */
    uint32_t poison; /* how many in 1024 frames */
    bool picky;      /* workers that do not take every stream */
    uint64_t steps;
    bool trace;
    char failure[256]; /* "": none */
} world;

/* main.c */
uint64_t mix(uint64_t number);
uint32_t roll(world *w, uint32_t sides);
void failed(world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
void note(world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* proc.c: links, and what processes do */
void link_push(world *w, link *l, message m);
message link_pull(link *l);
bool proc_spent(const proc *p);
void proc_connect(world *w, proc *p);
void proc_join(world *w, bool observer);
void proc_kill(world *w, proc *p);
void proc_blip(world *w, proc *p);
void proc_leave(world *w, proc *p);
void proc_send(world *w, proc *p, message m);
void proc_release(world *w, proc *p, uint32_t slot, uint64_t gen);
void proc_receive(world *w, proc *p, const message *m);
/* One thing that it does by itself. */
void proc_act(world *w, proc *p);

/* world.c */
void world_open(world *w, uint64_t seed, uint32_t workers);
void world_close(world *w);
void world_step(world *w, uint64_t number);
/* No faults from here on, and one worker at least that takes what comes. true: all is settled. */
void world_calm(world *w);
bool world_is_done(const world *w);
/* An action reaches the world. */
void world_act(world *w, const fw_action *action, proc *p, frame *f);
/* Does a living process read this memory, or may it come to? */
bool world_reads(const world *w, uint32_t slot, uint64_t gen);

/* pair.c: frames, processes, and what binds them */
frame *book_find(world *w, uint64_t serial);
frame *book_by_key(world *w, uint32_t stream, uint64_t seq);
fw_key book_key(const world *w, const frame *f);
pair *book_pair(world *w, frame *f, proc *p);
void book_tie(world *w, frame *f, proc *p);
void book_untie(world *w, frame *f, proc *p);
void book_close(world *w, frame *f, proc *p);
void book_set_holds(world *w, frame *f, proc *p, uint8_t holds, uint8_t pins);
void book_unhold(world *w, frame *f, proc *p);
bool book_may_pin(const world *w, const frame *f);
void book_settled(world *w, frame *f);
/* Everything that a worker's handle stood for is over. */
bool book_forgotten(const proc *p);
void book_forget(world *w, proc *p);
bool book_proven(const world *w, const pair *it, const told *t);
/* At most so many proven attempts. */
uint32_t book_most_proven(const world *w, const frame *f);

/* book.c: what the ledger is told */
bool book_capture(world *w, uint32_t stream, uint64_t size, fate fate);
void book_drop(world *w, uint32_t stream, bool oldest);
void book_end(world *w, uint32_t stream);
void book_tell(world *w, proc *p, const message *m);
bool book_watch(world *w, proc *observer, frame *f);

/* take.c: take every action */
void book_settle(world *w);

/* check.c */
void check_lease(world *w, const fw_action *action, proc *p, frame *f);
void check_step(world *w);
void check_all(world *w);
/* A frame of this stream; of any: STREAMS. */
bool can_take(const world *w, const proc *p, uint32_t stream);
/* What there is, for who reads a replay. */
void check_print(const world *w);

#endif
