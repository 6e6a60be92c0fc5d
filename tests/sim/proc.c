#include "sim.h"

#include <string.h>

/* ---- Links ---- */

static message *at(link *l, uint32_t i) {
    return &l->at[(l->head + i) % LINK];
}

void link_push(world *w, link *l, message m) {
    if (l->count == LINK)
        failed(w, "a link of the simulator is full");
    else
        *at(l, l->count++) = m;
}

message link_pull(link *l) {
    message m = *at(l, 0);
    l->head = (l->head + 1) % LINK;
    l->count--;
    return m;
}

static bool is_word(const message *m) {
    return m->kind >= M_START && m->kind <= M_RELEASE;
}

/* What a worker sends may arrive twice, or before what it sent just before, where it is about another frame. */
void proc_send(world *w, proc *p, message m) {
    link_push(w, &p->up, m);
    if (w->calm || !is_word(&m))
        return;
    uint32_t last = p->up.count - 1;
    if (m.kind != M_RELEASE && roll(w, 64) == 0)
        link_push(w, &p->up, m);
    else if (last > 0 && roll(w, 32) == 0) {
        message before = *at(&p->up, last - 1);
        if (is_word(&before) && before.serial != m.serial) {
            *at(&p->up, last - 1) = m;
            *at(&p->up, last) = before;
        }
    }
}

static void send_word(world *w, proc *p, kind k, const having *h, bool flag) {
    proc_send(w, p,
              (message){ .kind = (uint8_t)k, .serial = h->serial, .stream = h->stream, .seq = h->seq, .flag = flag });
}

void proc_release(world *w, proc *p, uint32_t slot, uint64_t gen) {
    proc_send(w, p, (message){ .kind = M_RELEASE, .slot = slot, .gen = gen });
}

/* ---- Processes ---- */

bool proc_spent(const proc *p) {
    return p->used && !p->alive && !p->child && p->up.count == 0 && !p->told.here && !p->told.away &&
           p->told.holders == 0;
}

void proc_connect(world *w, proc *p) {
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
    proc_send(w, p, (message){ .kind = M_HELLO });
    if (p->quitting) {
        proc_send(w, p, (message){ .kind = M_BYE });
        return;
    }
    if (p->shares)
        proc_send(w, p, (message){ .kind = M_DOOR });
    if (p->supervised)
        proc_send(w, p, (message){ .kind = M_SUPERVISED });
    proc_send(w, p, (message){ .kind = M_CREDIT, .credit = p->credit });
}

void proc_join(world *w, bool observer) {
    proc *p = NULL;
    for (uint32_t i = 0; i < w->proc_limit && p == NULL; i++)
        if (!w->procs[i].used || proc_spent(&w->procs[i]))
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
                 .takes = !w->picky || w->calm || roll(w, 3) == 0 ? ~0u : 1 + roll(w, (1u << w->stream_count) - 1),
                 .attentive = roll(w, 2) != 0,
                 .instance = mix(++w->instances),
                 .credit = roll(w, 4) != 0 ? 2 : 1 + roll(w, 12),
                 .batch = roll(w, 4) != 0 ? 1 : 1 + roll(w, 4) };
    note(w, "process %u joins%s%s", (unsigned)(p - w->procs), shares ? ", shares" : "", observer ? ", observes" : "");
    proc_connect(w, p);
}

/* What was sent last may never leave. */
static void lose_some(world *w, link *l) {
    uint32_t lost = roll(w, 4);
    for (; lost > 0 && l->count > 0; lost--)
        if (at(l, l->count - 1)->kind != M_GONE && at(l, l->count - 1)->kind != M_PROOF)
            l->count--;
}

void proc_kill(world *w, proc *p) {
    note(w, "process %u dies", (unsigned)(p - w->procs));
    bool proof = p->shares || p->supervised;
    if (!p->stopped)
        lose_some(w, &p->up);
    p->alive = p->hung = p->stopped = false;
    p->has_count = p->view_count = p->down.count = 0;
    p->child = p->linked && roll(w, 4) == 0 && !w->calm;
    p->linked = false;
    if (!p->child)
        proc_send(w, p, (message){ .kind = M_GONE });
    if (!proof)
        return;
    p->child = false; /* nobody looks at the connection any more */
    link_push(w, &p->up, (message){ .kind = M_PROOF });
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
        proc_release(w, p, h->slot, h->gen);
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

void proc_receive(world *w, proc *p, const message *m) {
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

void proc_blip(world *w, proc *p) {
    note(w, "process %u loses its connection", (unsigned)(p - w->procs));
    lose_some(w, &p->up);
    uint32_t come = roll(w, p->down.count + 1);
    /* With the connection gone it can only take in. */
    for (; come > 0; come--) {
        message m = link_pull(&p->down);
        if (m.kind == M_LEASE && !p->quitting)
            proc_receive(w, p, &m);
    }
    p->down.count = 0;
    p->linked = false;
    p->slow = roll(w, 4) == 0;
    if (roll(w, 8) == 0)
        return;
    proc_send(w, p, (message){ .kind = M_GONE });
    /* The loss may be seen before all that came is read. */
    for (uint32_t i = p->up.count - 1; i > 0 && roll(w, 2) == 0; i--) {
        message before = *at(&p->up, i - 1);
        if (before.kind == M_HELLO || before.kind == M_GONE)
            break;
        *at(&p->up, i) = before;
        *at(&p->up, i - 1) = (message){ .kind = M_GONE };
    }
}

void proc_leave(world *w, proc *p) {
    note(w, "process %u leaves", (unsigned)(p - w->procs));
    bool first = roll(w, 2) != 0;
    if (first)
        proc_send(w, p, (message){ .kind = M_BYE });
    for (; p->has_count > 0; p->has_count--)
        let_slot(w, p, &p->has[p->has_count - 1], roll(w, 2) != 0);
    if (!first)
        proc_send(w, p, (message){ .kind = M_BYE });
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
        proc_kill(w, p);
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

void proc_act(world *w, proc *p) {
    if (!p->alive || p->stopped || p->hung || !p->linked)
        return;
    if (p->view_count > 0 && roll(w, 3) == 0) {
        fw_slot_ref view = p->views[roll(w, p->view_count)];
        for (uint32_t i = 0; i < p->view_count; i++)
            if (p->views[i].slot == view.slot && p->views[i].gen == view.gen) {
                p->views[i] = p->views[--p->view_count];
                break;
            }
        proc_release(w, p, view.slot, view.gen);
    } else if (p->quitting) {
        if (p->view_count == 0 && p->down.count == 0 && p->up.count == 0)
            proc_kill(w, p);
    } else if (!p->observer) {
        work(w, p);
    }
}
