#include "sim.h"

#include <stdio.h>

bool can_take(const world *w, const proc *p, uint32_t stream) {
    const told *t = &p->told;
    if (stream < STREAMS && (p->takes >> stream & 1) == 0)
        return false;
    if (!p->used || !t->here || !t->credited || t->observer || t->guarded > 0 || t->unfinished >= t->credit)
        return false;
    fw_ledger_worker look;
    return fw_ledger_look(w->ledger, t->handle, &look) && !look.late;
}

static bool ready(const world *w, const frame *f, bool *suspect) {
    fw_ledger_frame look;
    if (f->serial == 0 || f->settled || !fw_ledger_look_frame(w->ledger, book_key(w, f), &look))
        return false;
    *suspect = look.suspect;
    return look.state == FW_FRAME_READY;
}

/* Before the book takes the lease in. */
void check_lease(world *w, const fw_action *action, proc *p, frame *f) {
    const told *t = &p->told;
    const pair *it = &w->pairs[f - w->frames][p - w->procs];
    note(w, "frame %u/%llu to %u%s", f->stream, (unsigned long long)f->seq, (unsigned)(p - w->procs),
         action->guarded ? ", alone"
         : action->copy  ? ", to be copied"
                         : "");
    if (f->settled || it->open)
        failed(w, "a frame is leased that is settled, or that its worker may still have");
    if (f->certain >= w->options.attempts)
        failed(w, "a frame is leased after %u proven attempts", f->certain);
    if (!t->here || !t->credited || t->observer || t->unfinished >= t->credit)
        failed(w, "a lease goes to a worker without credit: %u of %u", t->unfinished, t->credit);
    if (f->suspect && !action->guarded)
        failed(w, "a frame that a worker died of, or hung, is leased as if it were none of them");
    for (uint32_t i = 0; i < w->proc_limit; i++) {
        const told *other = &w->procs[i].told;
        if (w->pairs[f - w->frames][i].open && (other->here || other->away) && !other->lost)
            failed(w, "a frame is leased though process %u has it, and gave no cause to take it away", i);
    }
    if ((p->takes >> f->stream & 1) == 0)
        failed(w, "a frame goes to a worker that does not take its stream");
    if (t->guarded > 0 || (action->guarded && t->unfinished > 0))
        failed(w, "a suspect is not alone");
    fw_ledger_frame look;
    fw_ledger_worker who;
    if (!fw_ledger_look_frame(w->ledger, book_key(w, f), &look) || look.worker != action->worker ||
        look.state != FW_FRAME_LEASED || look.suspect != action->guarded || action->attempt != look.attempts + 1)
        failed(w, "a lease is not what its frame says");
    if (!fw_ledger_look(w->ledger, action->worker, &who) || who.late)
        failed(w, "a lease goes to a worker that is late");
    uint32_t others = 0;
    for (uint32_t i = 0; i < w->proc_limit; i++)
        if (&w->procs[i] != p && can_take(w, &w->procs[i], f->stream) && w->procs[i].told.unfinished < t->unfinished)
            others++;
    if (others > (look.suspect ? 0 : 1)) /* one may be kept for a suspect */
        failed(w, "a lease goes to a worker with %u frames, though %u have fewer", t->unfinished, others);

    uint64_t oldest[STREAMS] = { 0 };
    for (uint32_t i = 0; i < FRAMES; i++) {
        const frame *other = &w->frames[i];
        bool suspect;
        if (other == f || !ready(w, other, &suspect) || suspect != action->guarded)
            continue;
        if (oldest[other->stream] == 0 || other->serial < oldest[other->stream])
            oldest[other->stream] = other->serial;
        if (other->stream == f->stream && other->seq < f->seq)
            failed(w, "frame %llu is leased before frame %llu", (unsigned long long)f->seq,
                   (unsigned long long)other->seq);
    }
    if (action->guarded)
        return;
    for (uint32_t i = 0; i < w->stream_count; i++) {
        bool served = (p->takes >> i & 1) != 0; /* it could have been, now */
        w->passed[i] = oldest[i] != 0 && oldest[i] == w->oldest[i] ? w->passed[i] + served : 0;
        w->oldest[i] = oldest[i];
        /* Once round at most; again where its only frame was away in between. */
        if (w->passed[i] > 4 * w->stream_count)
            failed(w, "stream %u waits while others are served %u times", i, w->passed[i]);
    }
}

static void check_counts(world *w) {
    uint64_t suspects = 0, recalled = 0;
    fw_ledger_totals totals;
    fw_ledger_total(w->ledger, &totals);
    for (uint32_t i = 0; i < w->stream_count; i++) {
        fw_account is, *should = &w->account[i];
        fw_ledger_count(w->ledger, i, &is);
        if (is.captured != is.done + is.dead + is.dropped + is.in_flight ||
            is.in_flight != is.ready + is.leased + is.started || is.dropped != is.dropped_oldest + is.dropped_newest ||
            is.dead != is.dead_by_death + is.dead_by_deadline ||
            is.redelivered != is.by_return + is.by_loss + is.by_death + is.by_deadline)
            failed(w, "stream %u: the account does not add up", i);
        if (is.captured != should->captured || is.done != should->done || is.dead != should->dead ||
            is.dropped != should->dropped || is.in_flight != should->in_flight || is.errors != should->errors ||
            is.duplicates != should->duplicates)
            failed(w, "stream %u: the account is not true", i);
        uint32_t able = 0, idle = 0;
        for (uint32_t j = 0; j < w->proc_limit && is.ready > 0; j++)
            if (can_take(w, &w->procs[j], i)) {
                able++;
                idle += w->procs[j].told.unfinished == 0;
            }
        if (idle > 0)
            failed(w, "%llu frames wait, and %u workers have nothing", (unsigned long long)is.ready, idle);
        if (is.ready > is.suspects && able > (totals.suspects > 0 ? 1 : 0))
            failed(w, "%llu frames wait, and %u workers could take one", (unsigned long long)is.ready, able);
        suspects += is.suspects;
        recalled += is.recalled;
    }
    if (suspects != totals.suspects)
        failed(w, "%llu suspects wait, not %u", (unsigned long long)suspects, totals.suspects);
    if (recalled != w->recalled)
        failed(w, "%llu frames were moved, not %llu", (unsigned long long)recalled, (unsigned long long)w->recalled);
    if (totals.unknown != w->unknown || totals.stale != w->stale)
        failed(w, "%llu words unknown, not %llu; %llu releases stale, not %llu", (unsigned long long)totals.unknown,
               (unsigned long long)w->unknown, (unsigned long long)totals.stale, (unsigned long long)w->stale);
    if (totals.pinned != w->pinned || totals.watched != w->watched)
        failed(w, "%llu pinned, not %llu", (unsigned long long)totals.pinned, (unsigned long long)w->pinned);
    if (w->died != 0)
        failed(w, "a death was not reported");
}

static void check_worker(world *w, const proc *p) {
    const told *t = &p->told;
    fw_ledger_worker look;
    if (t->handle == 0 || !fw_ledger_look(w->ledger, t->handle, &look)) {
        if (t->here || t->away || t->ties > 0)
            failed(w, "process %u is forgotten", (unsigned)(p - w->procs));
        return;
    }
    if (look.connected != t->here || look.unfinished != t->unfinished || look.started != t->started ||
        look.holds != t->holders || look.pinned != t->pinned)
        failed(w, "process %u: %u unfinished, not %u; %u started, not %u; %u held, not %u", (unsigned)(p - w->procs),
               look.unfinished, t->unfinished, look.started, t->started, look.holds, t->holders);
    if (!t->here && !t->away && t->ties == 0)
        failed(w, "process %u should be forgotten", (unsigned)(p - w->procs));
    if (p->alive && p->linked && t->here && t->connection == p->connection && p->up.count == 0 && p->down.count == 0)
        for (uint32_t i = 0; i < p->has_count; i++)
            if (p->has[i].phase == ASKING)
                failed(w, "process %u waits for go in vain", (unsigned)(p - w->procs));
    for (uint32_t i = 0; i < FRAMES && look.late && t->here; i++) {
        const pair *it = &w->pairs[i][p - w->procs];
        fw_ledger_frame current;
        if (!it->open || it->started || it->recalled || w->frames[i].settled)
            continue;
        if (fw_ledger_look_frame(w->ledger, book_key(w, &w->frames[i]), &current) && current.worker != t->handle)
            failed(w, "process %u is not asked for what was taken from it", (unsigned)(p - w->procs));
    }
}

/* The frame's lease, against what was told of the worker. */
static void check_current(world *w, const frame *f, const fw_ledger_frame *look) {
    const proc *p = NULL;
    for (uint32_t i = 0; i < w->proc_limit; i++)
        if (w->procs[i].used && w->procs[i].told.handle == look->worker)
            p = &w->procs[i];
    if (p == NULL) {
        failed(w, "frame %u/%llu is leased to nobody", f->stream, (unsigned long long)f->seq);
        return;
    }
    const pair *it = &w->pairs[f - w->frames][p - w->procs];
    const told *t = &p->told;
    if (!it->open || it->started != (look->state == FW_FRAME_STARTED))
        failed(w, "frame %u/%llu: a lease that is not there, or in the wrong state", f->stream,
               (unsigned long long)f->seq);
    if (!t->here && !t->away)
        failed(w, "frame %u/%llu is with a worker that is gone", f->stream, (unsigned long long)f->seq);
    fw_ledger_worker who;
    if (!it->started && !t->mixed && fw_ledger_look(w->ledger, t->handle, &who) && who.late)
        failed(w, "frame %u/%llu is left to a worker that is late", f->stream, (unsigned long long)f->seq);
    if (it->started && w->now >= it->sign + w->options.deadline)
        failed(w, "frame %u/%llu is past its deadline", f->stream, (unsigned long long)f->seq);
    if (t->started > 0 || w->now < t->active + w->options.deadline)
        return;
    for (uint32_t i = 0; i < w->proc_limit && t->here; i++)
        if (can_take(w, &w->procs[i], f->stream) && w->procs[i].told.unfinished == 0)
            failed(w, "process %u starts nothing, and another is idle", (unsigned)(p - w->procs));
}

/* Is nothing asked of a busy worker, though another is idle? */
static void check_moves(world *w) {
    uint32_t idle = 0;
    const proc *busy = NULL;
    for (uint32_t i = 0; i < w->proc_limit; i++) {
        const proc *p = &w->procs[i];
        idle += can_take(w, p, STREAMS) && p->told.unfinished == 0;
        fw_ledger_worker look;
        if (!p->used || !p->told.here || p->told.started == 0 || w->now < p->told.active + w->options.patience ||
            !fw_ledger_look(w->ledger, p->told.handle, &look) || look.late)
            continue;
        for (uint32_t j = 0; j < FRAMES; j++) {
            const pair *it = &w->pairs[j][i];
            if (!it->open || it->started)
                continue;
            if (it->recalled)
                return;
            for (uint32_t k = 0; k < w->proc_limit; k++)
                if (can_take(w, &w->procs[k], w->frames[j].stream) && w->procs[k].told.unfinished == 0)
                    busy = p;
        }
    }
    if (idle == 0 || busy == NULL)
        return;
    for (uint32_t i = 0; i < FRAMES; i++)
        for (uint32_t j = 0; j < w->proc_limit; j++)
            if (w->pairs[i][j].open && w->pairs[i][j].recalled)
                return;
    failed(w, "process %u has frames behind a long one, and %u are idle", (unsigned)(busy - w->procs), idle);
}

void check_all(world *w) {
    for (uint32_t i = 0; i < w->proc_limit && w->failure[0] == 0; i++)
        if (w->procs[i].used)
            check_worker(w, &w->procs[i]);
    uint64_t held = 0, held_is = 0;
    for (uint32_t i = 0; i < FRAMES && w->failure[0] == 0; i++) {
        const frame *f = &w->frames[i];
        if (f->serial == 0)
            continue;
        fw_ledger_frame look;
        bool there = fw_ledger_look_frame(w->ledger, book_key(w, f), &look);
        bool should = !f->settled || f->open > 0 || f->holders > 0;
        if (there != should || (there && (look.state == FW_FRAME_SETTLED) != f->settled) ||
            (there && look.holders != f->holders))
            failed(w, "frame %u/%llu: the ledger and the book differ", f->stream, (unsigned long long)f->seq);
        else if (f->settled && f->let_go != (f->holders == 0))
            failed(w, "frame %u/%llu: its memory is kept", f->stream, (unsigned long long)f->seq);
        else if (there && look.worker != 0)
            check_current(w, f, &look);
        else if (there && !f->settled && look.state != FW_FRAME_READY)
            failed(w, "frame %u/%llu: leased to nobody", f->stream, (unsigned long long)f->seq);
        if (there && !f->settled && look.proven > 0 && look.proven > book_most_proven(w, f))
            failed(w, "frame %u/%llu has %u proven attempts, not %u", f->stream, (unsigned long long)f->seq,
                   look.proven, book_most_proven(w, f));
        held += f->settled && f->holders > 0;
    }
    fw_account sum;
    fw_ledger_count(w->ledger, FW_ALL_STREAMS, &sum);
    held_is = sum.held;
    if (held != held_is && w->failure[0] == 0)
        failed(w, "%llu frames are held after their end, not %llu", (unsigned long long)held_is,
               (unsigned long long)held);
    if (w->failure[0] == 0)
        check_moves(w);
}

void check_step(world *w) {
    check_counts(w);
}

void check_print(const world *w) {
    for (uint32_t i = 0; i < w->proc_limit; i++) {
        const proc *p = &w->procs[i];
        if (!p->used)
            continue;
        const told *t = &p->told;
        printf("process %u: %s%s%s%s%s, has %u, views %u, up %u, down %u; told %s%s%s%s, credit %u, unfinished %u, "
               "started %u, holds %u%s\n",
               i, p->alive ? "alive" : "dead", p->stopped ? " stopped" : "", p->hung ? " hung" : "",
               p->linked ? " linked" : "", p->quitting ? " quitting" : "", p->has_count, p->view_count, p->up.count,
               p->down.count, t->here ? "here" : "", t->away ? "away" : "", t->left ? "left" : "",
               t->ended ? "ended" : "", t->credit, t->unfinished, t->started, t->holders,
               can_take(w, p, STREAMS) ? ", can take" : "");
    }
    for (uint32_t i = 0; i < FRAMES; i++) {
        const frame *f = &w->frames[i];
        if (f->serial == 0 || (f->settled && f->let_go))
            continue;
        fw_ledger_frame look = { 0 };
        fw_ledger_look_frame(w->ledger, book_key(w, f), &look);
        printf("frame %u/%llu: state %d, fate %d, attempts %u, proven %u, holders %u%s; with", f->stream,
               (unsigned long long)f->seq, look.state, f->fate, look.attempts, look.proven, look.holders,
               look.suspect ? ", suspect" : "");
        for (uint32_t j = 0; j < w->proc_limit; j++)
            if (w->pairs[i][j].open || w->pairs[i][j].holds > 0)
                printf(" %u%s%s", j, w->pairs[i][j].open ? "" : "(held)", w->pairs[i][j].started ? "(started)" : "");
        putchar('\n');
    }
}
