#include "sim.h"

#include <string.h>

/* ---- Links ---- */

static message *at(link *l, uint32_t i) {
    return &l->at[(l->head + i) % LINK];
}

static void push(world *w, link *l, message m) {
    if (l->count == LINK)
        failed(w, "a link of the simulator is full");
    else
        *at(l, l->count++) = m;
}

static message pull(link *l) {
    message m = *at(l, 0);
    l->head = (l->head + 1) % LINK;
    l->count--;
    return m;
}

static bool is_word(const message *m) {
    return m->kind >= M_START && m->kind <= M_RELEASE;
}

/* What a worker sends may arrive twice, or before what it sent just before, where it is about another frame. */
static void send_up(world *w, proc *p, message m) {
    push(w, &p->up, m);
    if (w->calm || !is_word(&m))
        return;
    uint32_t last = p->up.count - 1;
    if (m.kind != M_RELEASE && roll(w, 64) == 0)
        push(w, &p->up, m);
    else if (last > 0 && roll(w, 32) == 0) {
        message before = *at(&p->up, last - 1);
        if (is_word(&before) && before.serial != m.serial) {
            *at(&p->up, last - 1) = m;
            *at(&p->up, last) = before;
        }
    }
}

static void send_word(world *w, proc *p, kind k, const having *h, bool flag) {
    send_up(w, p,
            (message){ .kind = (uint8_t)k, .serial = h->serial, .stream = h->stream, .seq = h->seq, .flag = flag });
}

static void send_release(world *w, proc *p, uint32_t slot, uint64_t gen) {
    send_up(w, p, (message){ .kind = M_RELEASE, .slot = slot, .gen = gen });
}

/* ---- Processes ---- */

static bool spent(const proc *p) {
    return p->used && !p->alive && !p->child && p->up.count == 0 && !p->told.here && !p->told.away &&
           p->told.holders == 0;
}

static void connect(world *w, proc *p) {
    p->linked = true;
    p->connection++;
    p->down.count = 0;
    p->said_count = p->said_read_count = 0;
    for (uint32_t i = 0; i < p->has_count; i++) {
        const having *h = &p->has[i];
        p->said[p->said_count++] = (fw_held){ { w->epochs[h->stream], h->seq }, h->phase != QUEUED };
        if (h->hold)
            p->said_reads[p->said_read_count++] = (fw_slot_ref){ h->slot, h->gen };
    }
    for (uint32_t i = 0; i < p->view_count; i++)
        p->said_reads[p->said_read_count++] = p->views[i];
    send_up(w, p, (message){ .kind = M_HELLO });
    if (p->quitting) {
        send_up(w, p, (message){ .kind = M_BYE });
        return;
    }
    if (p->shares)
        send_up(w, p, (message){ .kind = M_DOOR });
    if (p->supervised)
        send_up(w, p, (message){ .kind = M_SUPERVISED });
    send_up(w, p, (message){ .kind = M_CREDIT, .credit = p->credit });
}

static void join(world *w, bool observer) {
    proc *p = NULL;
    for (uint32_t i = 0; i < w->proc_limit && p == NULL; i++)
        if (!w->procs[i].used || spent(&w->procs[i]))
            p = &w->procs[i];
    if (p == NULL)
        return;
    if (p->used)
        book_forget(w, p);
    bool shares = observer || roll(w, 2) != 0;
    *p = (proc){ .used = true,
                 .alive = true,
                 .observer = observer,
                 .shares = shares,
                 .supervised = roll(w, 3) == 0,
                 .attentive = roll(w, 2) != 0,
                 .instance = mix(++w->instances),
                 .credit = roll(w, 4) != 0 ? 2 : 1 + roll(w, 12),
                 .batch = roll(w, 4) != 0 ? 1 : 1 + roll(w, 4) };
    note(w, "process %u joins%s%s", (unsigned)(p - w->procs), shares ? ", shares" : "", observer ? ", observes" : "");
    connect(w, p);
}

/* What was sent last may never leave. */
static void lose_some(world *w, link *l) {
    uint32_t lost = roll(w, 4);
    for (; lost > 0 && l->count > 0; lost--)
        if (at(l, l->count - 1)->kind != M_GONE && at(l, l->count - 1)->kind != M_PROOF)
            l->count--;
}

static void kill_it(world *w, proc *p) {
    note(w, "process %u dies", (unsigned)(p - w->procs));
    bool proof = p->shares || p->supervised;
    if (!p->stopped)
        lose_some(w, &p->up);
    p->alive = p->hung = p->stopped = false;
    p->has_count = p->view_count = p->down.count = 0;
    p->child = p->linked && roll(w, 4) == 0 && !w->calm;
    p->linked = false;
    if (!p->child)
        send_up(w, p, (message){ .kind = M_GONE });
    if (!proof)
        return;
    p->child = false; /* nobody looks at the connection any more */
    push(w, &p->up, (message){ .kind = M_PROOF });
    /* A supervisor's word comes by another way, and may be the first. A pidfd is asked last. */
    for (uint32_t i = p->up.count - 1; i > 0 && !p->shares && roll(w, 2) == 0; i--) {
        message before = *at(&p->up, i - 1);
        if (before.kind == M_HELLO)
            break;
        *at(&p->up, i) = before;
        *at(&p->up, i - 1) = (message){ .kind = M_PROOF };
    }
}

static void drop_having(proc *p, uint32_t i) {
    p->has_count--;
    memmove(&p->has[i], &p->has[i + 1], (p->has_count - i) * sizeof *p->has);
}

static void let_slot(world *w, proc *p, having *h, bool keep) {
    if (!h->hold)
        return;
    if (keep && p->view_count < HAS_MAX)
        p->views[p->view_count++] = (fw_slot_ref){ h->slot, h->gen };
    else
        send_release(w, p, h->slot, h->gen);
    h->hold = false;
}

static void give_back(world *w, proc *p, uint32_t i) {
    having h = p->has[i];
    drop_having(p, i);
    if (roll(w, 2) != 0)
        let_slot(w, p, &h, false);
    send_word(w, p, M_RETURN, &h, false);
    let_slot(w, p, &h, false);
}

static void receive(world *w, proc *p, const message *m) {
    uint32_t i = 0;
    switch ((kind)m->kind) {
    case M_LEASE: {
        having h = { .serial = m->serial,
                     .stream = m->stream,
                     .seq = m->seq,
                     .gen = m->gen,
                     .slot = m->slot,
                     .guarded = m->guarded,
                     .hold = m->hold,
                     .copy = m->copy };
        /* It may be sent what it has, where a return was made up: it goes by the latest lease, unless it runs. */
        while (i < p->has_count && (p->has[i].serial != h.serial || p->observer))
            i++;
        if (p->observer || p->quitting) {
            let_slot(w, p, &h, p->observer);
        } else if (i < p->has_count) {
            let_slot(w, p, p->has[i].phase == RUNNING ? &h : &p->has[i], false);
            if (p->has[i].phase != RUNNING)
                p->has[i] = h;
        } else if (p->has_count < HAS_MAX) {
            p->has[p->has_count++] = h;
        } else {
            failed(w, "a process of the simulator has too many frames");
        }
        return;
    }
    case M_GO:
        for (; i < p->has_count; i++)
            if (p->has[i].serial == m->serial && p->has[i].phase == ASKING)
                p->has[i].phase = RUNNING;
        return;
    case M_RECALL:
        for (; i < p->has_count; i++)
            if (p->has[i].serial == m->serial && p->has[i].phase != RUNNING) {
                give_back(w, p, i);
                return;
            }
        return;
    default:
        return;
    }
}

static void blip(world *w, proc *p) {
    note(w, "process %u loses its connection", (unsigned)(p - w->procs));
    lose_some(w, &p->up);
    uint32_t come = roll(w, p->down.count + 1);
    /* With the connection gone it can only take in. */
    for (; come > 0; come--) {
        message m = pull(&p->down);
        if (m.kind == M_LEASE && !p->quitting)
            receive(w, p, &m);
    }
    p->down.count = 0;
    p->linked = false;
    p->slow = roll(w, 4) == 0;
    if (roll(w, 8) == 0)
        return;
    send_up(w, p, (message){ .kind = M_GONE });
    /* The loss may be seen before all that came is read. */
    for (uint32_t i = p->up.count - 1; i > 0 && roll(w, 2) == 0; i--) {
        message before = *at(&p->up, i - 1);
        if (before.kind == M_HELLO || before.kind == M_GONE)
            break;
        *at(&p->up, i) = before;
        *at(&p->up, i - 1) = (message){ .kind = M_GONE };
    }
}

static void leave(world *w, proc *p) {
    note(w, "process %u leaves", (unsigned)(p - w->procs));
    bool first = roll(w, 2) != 0;
    if (first)
        send_up(w, p, (message){ .kind = M_BYE });
    for (; p->has_count > 0; p->has_count--)
        let_slot(w, p, &p->has[p->has_count - 1], roll(w, 2) != 0);
    if (!first)
        send_up(w, p, (message){ .kind = M_BYE });
    p->quitting = true;
}

/* ---- What a worker does by itself ---- */

static void start_some(world *w, proc *p) {
    uint32_t started = 0;
    for (uint32_t i = 0; i < p->has_count && started < p->batch; i++) {
        having *h = &p->has[i];
        if (h->guarded && started > 0)
            break;
        if (h->copy)
            let_slot(w, p, h, false);
        h->phase = h->guarded ? ASKING : RUNNING;
        send_word(w, p, M_START, h, false);
        started++;
        if (h->guarded)
            break;
    }
}

static void work(world *w, proc *p) {
    uint32_t running = 0;
    while (running < p->has_count && p->has[running].phase != RUNNING)
        running++;
    if (running == p->has_count) {
        for (uint32_t i = 0; i < p->has_count; i++)
            if (p->has[i].phase == ASKING)
                return;
        start_some(w, p);
        return;
    }
    having *h = &p->has[running];
    const frame *f = book_find(w, h->serial);
    uint32_t what = roll(w, 64);
    if (f != NULL && f->fate == KILLS && what < 48) {
        kill_it(w, p);
    } else if (f != NULL && f->fate == HANGS) {
        note(w, "process %u hangs", (unsigned)(p - w->procs));
        p->hung = true;
    } else if (what < 40) {
        having done = *h;
        drop_having(p, running);
        send_word(w, p, M_RESULT, &done, roll(w, 8) == 0);
        let_slot(w, p, &done, roll(w, 4) == 0);
    } else if (what < 48) {
        send_word(w, p, M_PROGRESS, h, false);
    } else if (what < 50) {
        give_back(w, p, running);
    }
}

static void act(world *w, proc *p) {
    if (!p->alive || p->stopped || p->hung || !p->linked)
        return;
    if (p->view_count > 0 && roll(w, 3) == 0) {
        fw_slot_ref view = p->views[roll(w, p->view_count)];
        for (uint32_t i = 0; i < p->view_count; i++)
            if (p->views[i].slot == view.slot && p->views[i].gen == view.gen) {
                p->views[i] = p->views[--p->view_count];
                break;
            }
        send_release(w, p, view.slot, view.gen);
    } else if (p->quitting) {
        if (p->view_count == 0 && p->down.count == 0 && p->up.count == 0)
            kill_it(w, p);
    } else if (!p->observer) {
        work(w, p);
    }
}

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
    send_up(w, p, m);
}

static void stray_release(world *w, proc *p) {
    uint32_t slot = roll(w, roll(w, 8) != 0 ? 12 : FRAMES + 2);
    const frame *f = slot < FRAMES ? book_find(w, w->owner[slot]) : NULL;
    if (!p->linked)
        return;
    /* An earlier filling; or the right one, from who shares nothing and so never held it. */
    if (f != NULL && !p->shares && roll(w, 2) != 0)
        send_release(w, p, slot, f->gen);
    else
        send_release(w, p, slot, f != NULL ? f->gen - 1 : 1);
}

static void go_wrong(world *w, proc *p) {
    switch (roll(w, 12)) {
    case 0:
        if (p->alive)
            kill_it(w, p);
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
            blip(w, p);
        break;
    case 7:
        if (p->alive && p->linked && !p->stopped && !p->hung && !p->quitting)
            leave(w, p);
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
            send_up(w, p, (message){ .kind = M_CREDIT, .credit = p->credit });
        }
        break;
    }
}

/* ---- Steps ---- */

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
        if (p->used && p->observer && p->told.here && roll(w, 2) == 0 && book_watch(w, p, f) && p->linked && p->alive &&
            p->told.connection == p->connection)
            push(w, &p->down, (message){ .kind = M_LEASE, .slot = f->slot, .gen = f->gen, .hold = true });
    }
}

static void mend(world *w, proc *p) {
    if (p->stopped && roll(w, 32) == 0)
        p->stopped = false;
    if (p->alive && !p->linked && !p->stopped && roll(w, p->slow ? 64 : 4) == 0)
        connect(w, p);
    else if (p->child && roll(w, 64) == 0) {
        p->child = false;
        send_up(w, p, (message){ .kind = M_GONE });
    } else if (p->hung && roll(w, 64) == 0)
        kill_it(w, p); /* kill-after */
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
    for (uint32_t tries = 0; tries < 4 && (!p->used || spent(p)); tries++)
        p = &w->procs[roll(w, w->proc_limit)];
    uint32_t what = roll(w, 1024);
    if (!w->calm && what < w->faults) {
        if (p->used)
            go_wrong(w, p);
    } else if (what < 900 && p->used) {
        uint32_t way = roll(w, 8);
        if (way < 3 && p->up.count > 0) {
            message m = pull(&p->up);
            book_tell(w, p, &m);
        } else if (way < 5 && p->alive && !p->stopped && (!p->hung || p->attentive) && p->down.count > 0 && p->linked) {
            message m = pull(&p->down);
            receive(w, p, &m);
        } else if (way < 7) {
            act(w, p);
        } else {
            mend(w, p);
        }
    } else if (what < 960 && !w->calm) {
        capture(w);
    } else if (what < 980) {
        fw_time wakes = fw_ledger_wakes(w->ledger);
        if (wakes != FW_FOREVER && wakes > w->now && roll(w, w->calm ? 2 : 8) == 0)
            w->now = wakes;
    } else if (what < 1000 && workers(w) < (w->calm ? 2 : w->proc_count) && (w->calm || roll(w, 4) == 0)) {
        join(w, false);
    } else if (what == 1000 && !w->calm && roll(w, 4) == 0) {
        join(w, true);
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
        p->stopped = false;
        if (p->alive && p->hung)
            kill_it(w, p);
        if (p->alive && p->credit == 0 && !p->observer) {
            p->credit = 1;
            if (p->linked && !p->quitting)
                send_up(w, p, (message){ .kind = M_CREDIT, .credit = 1 });
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
    push(w, &p->down, m);
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
