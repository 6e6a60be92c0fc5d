#include "sim.h"

#include <string.h>

/* ---- Faults ---- */

/* A word about any frame, or about none: of a former holder, of one who never had it, or forged. */
static void stray(world *w, proc *p) {
    if (!p->linked || p->quitting)
        return;
    static const uint8_t words[] = { M_START, M_PROGRESS, M_RESULT, M_RESULT, M_RESULT, M_RETURN };
    message m = { .kind = words[roll(w, sizeof words)], .stream = roll(w, w->stream_count) };
    uint32_t back = roll(w, FRAMES / 2), way = roll(w, 8);
    frame *f = back < w->serial ? book_find(w, w->serial - back) : NULL;
    if (way == 0) {
        m.stream = STREAMS; /* no such epoch */
    } else if (way == 1) {
        m.seq = w->next_seq[m.stream] + roll(w, 4); /* not yet */
    } else if (way == 2 && w->next_seq[m.stream] > 4 * FRAMES) {
        m.seq = roll(w, (uint32_t)w->next_seq[m.stream] - 4 * FRAMES); /* long ago */
    } else if (f != NULL) {
        m.serial = f->serial;
        m.stream = f->stream;
        m.seq = f->seq;
    } else {
        return;
    }
    proc_send(w, p, m);
}

static void stray_release(world *w, proc *p) {
    uint32_t slot = roll(w, roll(w, 8) != 0 ? 12 : FRAMES + 2);
    const frame *f = slot < FRAMES ? book_find(w, w->owner[slot]) : NULL;
    if (!p->linked)
        return;
    /* An earlier filling; or the right one, from who shares nothing and so never held it. */
    if (f != NULL && !p->shares && roll(w, 2) != 0)
        proc_release(w, p, slot, f->gen);
    else
        proc_release(w, p, slot, f != NULL ? f->gen - 1 : 1);
}

static void go_wrong(world *w, proc *p) {
    switch (roll(w, 12)) {
    case 0:
        if (p->alive)
            proc_kill(w, p);
        break;
    case 1:
        if (p->alive && !p->stopped)
            p->hung = true;
        break;
    case 2:
        p->stopped = p->alive;
        break;
    case 3:
    case 4:
        p->stopped = false;
        break;
    case 5:
    case 6:
        if (p->alive && p->linked)
            proc_blip(w, p);
        break;
    case 7:
        if (p->alive && p->linked && !p->stopped && !p->hung && !p->quitting)
            proc_leave(w, p);
        break;
    case 8:
        stray(w, p);
        break;
    case 9:
    case 10:
        stray_release(w, p);
        break;
    case 11:
        if (p->alive && p->linked && !p->quitting && !p->stopped && !p->hung && !p->observer) {
            p->credit = roll(w, 8) != 0 ? 1 + roll(w, 6) : 0;
            proc_send(w, p, (message){ .kind = M_CREDIT, .credit = p->credit });
        }
        break;
    }
}

/* ---- Steps ---- */

/* An observer is shown a frame, where it may hold it. Where the message does not go out the hub ends the hold by itself; where
 * it is lost with the connection a hello will, or a death. */
static void show(world *w, proc *p, frame *f) {
    if (!book_watch(w, p, f))
        return;
    bool goes_out = p->linked && p->alive && p->told.connection == p->connection;
    if (roll(w, 8) != 0 && goes_out)
        link_push(w, &p->down, (message){ .kind = M_LEASE, .slot = f->slot, .gen = f->gen, .hold = true });
    else if (goes_out || roll(w, 2) != 0)
        book_tell(w, p, &(message){ .kind = M_RELEASE, .slot = f->slot, .gen = f->gen });
}

/* It asks late: the frame may be settled by then, and its memory held by others or let go. */
static void show_late(world *w, proc *p) {
    uint32_t back = roll(w, 16);
    frame *f = back < w->serial ? book_find(w, w->serial - back) : NULL;
    if (f != NULL && p->observer && p->told.here)
        show(w, p, f);
}

static void capture(world *w) {
    uint32_t stream = roll(w, w->stream_count);
    uint64_t size = 1 + (roll(w, 4) == 0 ? roll(w, 3) : 0);
    fate destiny = GOOD;
    if (roll(w, 1024) < w->poison)
        destiny = roll(w, 3) != 0 ? KILLS : HANGS;
    if (w->ended[stream])
        return;
    if (w->options.memory > 0 && w->memory_used + size > w->options.memory) {
        if (w->drops[stream])
            book_drop(w, stream, roll(w, 4) != 0);
        return;
    }
    if (!book_capture(w, stream, size, destiny))
        return;
    for (uint32_t i = 0; i < w->proc_limit; i++) {
        proc *p = &w->procs[i];
        frame *f = book_find(w, w->serial);
        if (p->used && p->observer && p->told.here && roll(w, 2) == 0)
            show(w, p, f);
    }
}

static void mend(world *w, proc *p) {
    if (p->stopped && roll(w, 32) == 0)
        p->stopped = false;
    if (p->alive && !p->linked && !p->stopped && roll(w, p->slow ? 64 : 4) == 0)
        proc_connect(w, p);
    else if (p->child && roll(w, 64) == 0) {
        p->child = false;
        proc_send(w, p, (message){ .kind = M_GONE });
    } else if (p->hung && roll(w, 64) == 0)
        proc_kill(w, p); /* kill-after */
}

static uint32_t workers(const world *w) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < w->proc_limit; i++)
        count += w->procs[i].used && w->procs[i].alive && !w->procs[i].observer && !w->procs[i].quitting;
    return count;
}

void world_step(world *w, uint64_t number) {
    w->random = number;
    w->steps++;
    w->now += roll(w, 3);
    proc *p = &w->procs[roll(w, w->proc_limit)];
    for (uint32_t tries = 0; tries < 4 && (!p->used || proc_spent(p)); tries++)
        p = &w->procs[roll(w, w->proc_limit)];
    uint32_t what = roll(w, 1024);
    if (!w->calm && what < w->faults) {
        if (p->used)
            go_wrong(w, p);
    } else if (what < 900 && p->used) {
        uint32_t way = roll(w, 8);
        if (way < 3 && p->up.count > 0) {
            message m = link_pull(&p->up);
            book_tell(w, p, &m);
        } else if (way < 5 && p->alive && !p->stopped && (!p->hung || p->attentive) && p->down.count > 0 && p->linked) {
            message m = link_pull(&p->down);
            proc_receive(w, p, &m);
        } else if (way < 7) {
            proc_act(w, p);
        } else {
            mend(w, p);
        }
    } else if (what < 955 && !w->calm) {
        capture(w);
    } else if (what < 960 && !w->calm && p->used) {
        show_late(w, p);
    } else if (what < 980) {
        fw_time wakes = fw_ledger_wakes(w->ledger);
        if (wakes != FW_FOREVER && wakes > w->now && roll(w, w->calm ? 2 : 8) == 0)
            w->now = wakes;
    } else if (what < 1000 && workers(w) < (w->calm ? 2 : w->proc_count) && (w->calm || roll(w, 4) == 0)) {
        proc_join(w, false);
    } else if (what == 1000 && !w->calm && roll(w, 4) == 0) {
        proc_join(w, true);
    }
    if (w->failure[0] == 0)
        book_settle(w);
}

void world_calm(world *w) {
    w->calm = true;
    for (uint32_t i = 0; i < w->proc_limit; i++) {
        proc *p = &w->procs[i];
        if (!p->used)
            continue;
        if (p->alive && p->takes != ~0u && !p->observer)
            proc_kill(w, p);
        p->stopped = false;
        if (p->alive && p->hung)
            proc_kill(w, p);
        if (p->alive && p->credit == 0 && !p->observer) {
            p->credit = 1;
            if (p->linked && !p->quitting)
                proc_send(w, p, (message){ .kind = M_CREDIT, .credit = 1 });
        }
    }
    for (uint32_t i = 0; i < w->stream_count; i++)
        if (!w->ended[i])
            book_end(w, i);
    book_settle(w);
}

bool world_is_done(const world *w) {
    for (uint32_t i = 0; i < w->stream_count; i++)
        if (!w->end_said[i])
            return false;
    for (uint32_t i = 0; i < FRAMES; i++)
        if (w->frames[i].serial != 0 && !w->frames[i].let_go)
            return false;
    return true;
}

/* ---- What the hub does ---- */

void world_act(world *w, const fw_action *action, proc *p, frame *f) {
    if (!p->alive || !p->linked || p->told.connection != p->connection)
        return;
    message m = { .serial = f->serial, .stream = f->stream, .seq = f->seq, .slot = f->slot, .gen = f->gen };
    if (action->kind == FW_ACTION_LEASE) {
        m.kind = M_LEASE;
        m.guarded = action->guarded;
        m.hold = action->hold;
        m.copy = action->copy;
    } else if (action->kind == FW_ACTION_GO) {
        m.kind = M_GO;
    } else if (action->kind == FW_ACTION_RECALL) {
        m.kind = M_RECALL;
    } else {
        return;
    }
    link_push(w, &p->down, m);
}

bool world_reads(const world *w, uint32_t slot, uint64_t gen) {
    for (uint32_t i = 0; i < w->proc_limit; i++) {
        const proc *p = &w->procs[i];
        if (!p->alive)
            continue;
        for (uint32_t j = 0; j < p->has_count; j++)
            if (p->has[j].hold && p->has[j].slot == slot && p->has[j].gen == gen)
                return true;
        for (uint32_t j = 0; j < p->view_count; j++)
            if (p->views[j].slot == slot && p->views[j].gen == gen)
                return true;
        for (uint32_t j = 0; j < p->down.count; j++) {
            const message *m = &p->down.at[(p->down.head + j) % LINK];
            if (m->kind == M_LEASE && m->hold && m->slot == slot && m->gen == gen)
                return true;
        }
    }
    return false;
}

void world_open(world *w, uint64_t seed, uint32_t most) {
    memset(w, 0, sizeof *w);
    w->random = seed;
    w->proc_count = 1 + roll(w, most);
    w->proc_limit = w->proc_count * 2 + 4 < PROCS ? w->proc_count * 2 + 4 : PROCS;
    w->stream_count = 1 + roll(w, STREAMS);
    w->faults = (uint32_t[]){ 0, 2, 8, 32 }[roll(w, 4)];
    w->poison = (uint32_t[]){ 0, 0, 16, 64 }[roll(w, 4)];
    w->picky = roll(w, 2) != 0;
    w->options = (fw_ledger_options){ .deadline = 2000,
                                      .grace = 400,
                                      .patience = 20,
                                      .attempts = 1 + roll(w, 3),
                                      .credit = 8,
                                      .memory = roll(w, 8) == 0 ? 0 : 3 + roll(w, 24) };
    if (fw_ledger_open(&w->options, &w->ledger) != FW_OK)
        failed(w, "no ledger");
    for (uint32_t i = 0; i < w->stream_count; i++) {
        uint32_t stream;
        w->epochs[i] = mix(seed + i) | 1;
        w->drops[i] = roll(w, 2) != 0;
        if (fw_ledger_add_stream(w->ledger, w->epochs[i], &stream) != FW_OK || stream != i)
            failed(w, "no stream");
    }
    w->now = 1;
}

void world_close(world *w) {
    fw_ledger_close(&w->ledger);
}
