#include "sim.h"

static uint32_t row(const world *w, const frame *f) {
    return (uint32_t)(f - w->frames);
}

static uint32_t column(const world *w, const proc *p) {
    return (uint32_t)(p - w->procs);
}

pair *book_pair(world *w, frame *f, proc *p) {
    return &w->pairs[row(w, f)][column(w, p)];
}

frame *book_find(world *w, uint64_t serial) {
    frame *f = &w->frames[serial % FRAMES];
    return serial != 0 && f->serial == serial ? f : NULL;
}

frame *book_by_key(world *w, uint32_t stream, uint64_t seq) {
    frame *f = stream < w->stream_count ? book_find(w, w->serials[stream][seq % FRAMES]) : NULL;
    return f != NULL && f->seq == seq ? f : NULL;
}

fw_key book_key(const world *w, const frame *f) {
    return (fw_key){ w->epochs[f->stream], f->seq };
}

/* ---- Pairs ---- */

void book_untie(world *w, frame *f, proc *p) {
    pair *it = book_pair(w, f, p);
    if (it->tied && f->settled && !it->open && it->holds == 0) {
        it->tied = false;
        p->told.ties--;
    }
}

void book_tie(world *w, frame *f, proc *p) {
    pair *it = book_pair(w, f, p);
    p->told.ties += !it->tied;
    it->tied = true;
}

void book_close(world *w, frame *f, proc *p) {
    pair *it = book_pair(w, f, p);
    if (!it->open)
        return;
    if (it->go && it->started && w->now >= it->sign + w->options.deadline)
        it->missed = true;
    it->open = false;
    f->open--;
    p->told.unfinished--;
    p->told.started -= it->started;
    p->told.guarded -= it->guarded;
    if (p->told.unfinished == 0)
        p->told.lost = p->told.mixed = false;
    book_untie(w, f, p);
}

void book_set_holds(world *w, frame *f, proc *p, uint8_t holds, uint8_t pins) {
    pair *it = book_pair(w, f, p);
    int held = (holds > 0) - (it->holds > 0), pinned = (pins > 0) - (it->pins > 0);
    it->holds = holds;
    it->pins = pins;
    f->holders += (uint32_t)held;
    p->told.holders += (uint32_t)held;
    p->told.pinned += (uint32_t)pinned;
    uint32_t before = f->pinners, watched = f->watchers;
    f->pinners += (uint32_t)pinned;
    if (p->told.observer)
        f->watchers += (uint32_t)pinned;
    w->pinned += ((f->pinners > 0) - (before > 0)) * f->size;
    w->watched += ((f->watchers > 0) - (watched > 0)) * f->size;
    book_untie(w, f, p);
}

void book_unhold(world *w, frame *f, proc *p) {
    const pair *it = book_pair(w, f, p);
    uint8_t holds = (uint8_t)(it->holds - 1);
    book_set_holds(w, f, p, holds, it->pins < holds ? it->pins : holds);
}

/* Has this ended its process, or missed its deadline, after `go`? Rather once too often. */
bool book_proven(const world *w, const pair *it, const told *t) {
    bool late = it->open && it->started && w->now >= it->sign + w->options.deadline;
    bool silent = t->away && w->now >= t->away_since + w->options.grace && !t->proof;
    return it->go && (it->missed || late || t->ended || t->presumed || silent);
}

uint32_t book_most_proven(const world *w, const frame *f) {
    uint32_t proven = f->proven;
    for (uint32_t i = 0; i < w->proc_limit; i++)
        proven += book_proven(w, &w->pairs[row(w, f)][i], &w->procs[i].told);
    return proven;
}

/* The process has no part in anything any more: its column is used again. */
void book_forget(world *w, proc *p) {
    for (uint32_t i = 0; i < FRAMES; i++) {
        pair *it = &w->pairs[i][column(w, p)];
        if (w->frames[i].serial != 0 && !w->frames[i].settled)
            w->frames[i].proven += book_proven(w, it, &p->told);
        *it = (pair){ 0 };
    }
}

/* Everything that a worker's handle stood for is over. */
bool book_forgotten(const proc *p) {
    return p->told.handle == 0 || (!p->told.here && !p->told.away && p->told.ties == 0);
}

bool book_may_pin(const world *w, const frame *f) {
    uint64_t memory = w->options.memory, spare = (memory + 3) / 4 > f->size ? (memory + 3) / 4 : f->size;
    return memory == 0 || f->pinners > 0 || w->pinned + f->size + spare <= memory;
}

/* By a result, by dying, or dropped. */
void book_settled(world *w, frame *f) {
    if (f->settled)
        failed(w, "frame %u/%llu is settled twice", f->stream, (unsigned long long)f->seq);
    f->settled = true;
    w->account[f->stream].in_flight--;
    for (uint32_t i = 0; i < w->proc_limit; i++)
        book_untie(w, f, &w->procs[i]);
}
