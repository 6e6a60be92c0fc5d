#include "sim.h"

#include <string.h>

/* ---- Frames ---- */

bool book_capture(world *w, uint32_t stream, uint64_t size, fate destiny) {
    frame *f = &w->frames[(w->serial + 1) % FRAMES];
    if (w->ended[stream] || (f->serial != 0 && (!f->settled || !f->let_go || f->open > 0 || f->holders > 0)))
        return false;
    uint32_t slot = 0;
    while (slot < FRAMES && w->owner[slot] != 0)
        slot++;
    w->serial++;
    *f = (frame){ .serial = w->serial,
                  .seq = w->next_seq[stream]++,
                  .gen = ++w->gens,
                  .size = size,
                  .stream = stream,
                  .slot = slot,
                  .fate = destiny };
    memset(w->pairs[f - w->frames], 0, sizeof w->pairs[0]);
    w->owner[slot] = f->serial;
    w->serials[stream][f->seq % FRAMES] = f->serial;
    w->memory_used += size;
    w->account[stream].captured++;
    w->account[stream].in_flight++;
    note(w, "frame %u/%llu in slot %u", stream, (unsigned long long)f->seq, slot);
    fw_capture capture = { .seq = f->seq, .frame = f, .slot = slot, .gen = f->gen, .size = size };
    if (fw_ledger_on_frame(w->ledger, w->now, stream, &capture) != FW_OK)
        failed(w, "a frame was not taken");
    return true;
}

void book_drop(world *w, uint32_t stream, bool oldest) {
    fw_account account;
    fw_ledger_count(w->ledger, stream, &account);
    frame *first = NULL;
    for (uint32_t i = 0; i < FRAMES && oldest; i++) {
        frame *f = &w->frames[i];
        fw_ledger_frame look;
        if (f->serial == 0 || f->settled || f->stream != stream || (first != NULL && first->seq < f->seq))
            continue;
        if (fw_ledger_look_frame(w->ledger, book_key(w, f), &look) && look.state == FW_FRAME_READY)
            first = f;
    }
    note(w, "stream %u drops its %s", stream, first != NULL ? "oldest" : "newest");
    if (oldest && fw_ledger_drop_oldest(w->ledger, w->now, stream) != (first != NULL))
        failed(w, "stream %u: the oldest of %llu ready ones is dropped", stream, (unsigned long long)account.ready);
    if (first != NULL) {
        book_settled(w, first);
    } else {
        w->account[stream].captured++;
        fw_ledger_drop_newest(w->ledger, stream);
    }
    w->account[stream].dropped++;
}

void book_end(world *w, uint32_t stream) {
    w->ended[stream] = true;
    fw_ledger_on_end(w->ledger, w->now, stream);
    fw_ledger_on_end(w->ledger, w->now, stream);
}

/* ---- What the hub hears ---- */

static void hello(world *w, proc *p) {
    told *t = &p->told;
    bool anew = book_forgotten(p) || t->left || t->ended;
    for (uint32_t i = 0; i < p->said_count; i++) {
        bool had = false;
        for (uint32_t j = 0; j < FRAMES && !had; j++) {
            frame *f = &w->frames[j];
            pair *it = book_pair(w, f, p);
            had = f->serial != 0 && it->open && w->epochs[f->stream] == p->said[i].key.epoch &&
                  f->seq == p->said[i].key.seq;
            if (had && p->said[i].started && !it->started) {
                it->started = true;
                t->started++;
                it->sign = w->now;
            }
            /* The same frame may stand twice in what a worker has, where a return went twice. */
            if (!had)
                continue;
            it->recalled = false;
            fw_ledger_frame look;
            if (it->started && fw_ledger_look_frame(w->ledger, book_key(w, f), &look) && look.state == FW_FRAME_READY) {
                it->missed |= it->go && w->now >= it->sign + w->options.deadline;
                it->sign = w->now; /* it may go on with it */
            }
        }
        w->unknown += !had;
    }
    for (uint32_t j = 0; j < FRAMES; j++) {
        frame *f = &w->frames[j];
        if (f->serial == 0)
            continue;
        pair *it = book_pair(w, f, p);
        bool said = false;
        for (uint32_t i = 0; i < p->said_count; i++)
            said |= w->epochs[f->stream] == p->said[i].key.epoch && f->seq == p->said[i].key.seq;
        if (it->open && !said)
            book_close(w, f, p);
        uint8_t reads = 0;
        for (uint32_t i = 0; i < p->said_read_count; i++)
            reads = (uint8_t)(reads + (p->said_reads[i].slot == f->slot && p->said_reads[i].gen == f->gen));
        while (it->holds > reads)
            book_unhold(w, f, p);
    }
    uint32_t streams[STREAMS], count = 0;
    for (uint32_t i = 0; i < w->stream_count; i++)
        if ((p->takes >> i & 1) != 0)
            streams[count++] = i;
    const bool all = count == w->stream_count && p->instance % 2 == 0;
    fw_hello words = { p->instance, p->observer,   all ? NULL : streams, count,
                       p->said,     p->said_count, p->said_reads,        p->said_read_count };
    t->handle = fw_ledger_on_hello(w->ledger, w->now, &words);
    t->here = true;
    t->mixed = t->lost;
    t->away = t->silent = t->presumed = t->left = t->ended = t->credited = t->shares = false;
    t->credit = 0;
    t->proof = t->proof && !anew;
    t->observer = p->observer;
    t->connection = p->connection;
    t->active = w->now;
}

/* Whoever dies makes what it had started a suspect, or else the oldest frame it had. */
static void find_suspects(world *w, proc *p) {
    frame *oldest = NULL;
    if (p->told.left || p->told.ended)
        return;
    for (uint32_t i = 0; i < FRAMES; i++) {
        frame *f = &w->frames[i];
        pair *it = book_pair(w, f, p);
        if (f->serial == 0 || !it->open)
            continue;
        f->suspect |= it->started;
        if (oldest == NULL || it->order < book_pair(w, oldest, p)->order)
            oldest = f;
    }
    if (oldest != NULL && p->told.started == 0)
        oldest->suspect = true;
}

static void gone(world *w, proc *p, fw_gone how) {
    told *t = &p->told;
    w->unknown += book_forgotten(p);
    if (how == FW_GONE_CONNECTION) {
        if (t->here) {
            t->here = t->credited = false;
            t->away = true;
            t->away_since = w->now;
        }
    } else if (!book_forgotten(p)) {
        find_suspects(w, p);
        for (uint32_t i = 0; i < FRAMES; i++) {
            frame *f = &w->frames[i];
            if (f->serial == 0)
                continue;
            pair *it = book_pair(w, f, p);
            if (it->open && it->go && !f->settled && !t->left && !t->presumed && !it->missed &&
                w->now < it->sign + w->options.deadline)
                f->certain++;
            if (it->holds > 0)
                book_set_holds(w, f, p, 0, 0);
            book_close(w, f, p);
        }
        w->died += !t->left && !t->ended;
        t->here = t->away = t->silent = t->presumed = t->left = t->credited = false;
        t->ended = true;
    }
    fw_ledger_on_gone(w->ledger, w->now, t->handle, how);
}

static void result(world *w, proc *p, const message *m, fw_key key, frame *f) {
    pair *it = f != NULL ? book_pair(w, f, p) : NULL;
    fw_reception expected = FW_UNKNOWN;
    if (book_forgotten(p) || key.epoch == 0 || key.seq >= w->next_seq[m->stream])
        expected = FW_UNKNOWN;
    else if (f == NULL || f->settled)
        expected = FW_DUPLICATE;
    else if (it->ever)
        expected = FW_ACCEPTED;
    if (fw_ledger_would_accept(w->ledger, p->told.handle, key) != expected)
        failed(w, "a result would not be received as %d", expected);
    w->unknown += expected == FW_UNKNOWN;
    if (expected == FW_DUPLICATE)
        w->account[m->stream].duplicates++;
    if (expected == FW_ACCEPTED) {
        w->account[f->stream].done++;
        w->account[f->stream].errors += m->flag;
    }
    if (it != NULL && expected != FW_UNKNOWN)
        book_close(w, f, p);
    if (expected == FW_ACCEPTED)
        book_settled(w, f);
    if (fw_ledger_on_result(w->ledger, w->now, p->told.handle, key, m->flag) != expected)
        failed(w, "a result is not received as %d", expected);
}

/* start, progress and return. */
static void word(world *w, proc *p, const message *m, fw_key key, frame *f) {
    pair *it = f != NULL ? book_pair(w, f, p) : NULL;
    if (book_forgotten(p) || it == NULL || !it->open) {
        w->unknown++;
    } else if (m->kind == M_RETURN) {
        fw_ledger_frame look;
        fw_ledger_look_frame(w->ledger, key, &look);
        w->recalled += it->moving && !it->started && look.worker == p->told.handle;
        book_close(w, f, p);
    } else {
        if (it->go && it->started && w->now >= it->sign + w->options.deadline)
            it->missed = true;
        if (m->kind == M_PROGRESS || !it->started)
            it->sign = w->now;
        p->told.started += !it->started;
        it->started = true;
        it->recalled = it->moving = false;
    }
    if (m->kind == M_START)
        fw_ledger_on_start(w->ledger, w->now, p->told.handle, key);
    else if (m->kind == M_PROGRESS)
        fw_ledger_on_progress(w->ledger, w->now, p->told.handle, key);
    else
        fw_ledger_on_return(w->ledger, w->now, p->told.handle, key);
}

static void release(world *w, proc *p, const message *m) {
    frame *f = m->slot < FRAMES ? book_find(w, w->owner[m->slot]) : NULL;
    if (!book_forgotten(p) && f != NULL && f->gen == m->gen && book_pair(w, f, p)->holds > 0)
        book_unhold(w, f, p);
    else
        w->stale++;
    fw_ledger_on_release(w->ledger, w->now, p->told.handle, m->slot, m->gen);
}

static void bye(world *w, proc *p) {
    told *t = &p->told;
    w->unknown += book_forgotten(p);
    if (!book_forgotten(p) && !t->ended && !t->left) {
        for (uint32_t i = 0; i < FRAMES; i++)
            if (w->frames[i].serial != 0)
                book_close(w, &w->frames[i], p);
        t->here = t->away = t->silent = t->presumed = t->credited = false;
        t->left = true;
    }
    fw_ledger_on_bye(w->ledger, w->now, t->handle);
}

void book_tell(world *w, proc *p, const message *m) {
    told *t = &p->told;
    frame *f = book_by_key(w, m->stream, m->seq);
    fw_key key = { m->stream < w->stream_count ? w->epochs[m->stream] : 0, m->seq };
    static const char *const names[] = { "hello",  "credit", "door",    "supervised", "start", "progress",
                                         "result", "return", "release", "bye",        "gone",  "proof" };
    note(w, "%u says %s %u/%llu", (unsigned)(p - w->procs), names[m->kind], m->stream, (unsigned long long)m->seq);
    t->active = w->now;
    switch ((kind)m->kind) {
    case M_HELLO:
        hello(w, p);
        break;
    case M_CREDIT:
        w->unknown += book_forgotten(p);
        if (!book_forgotten(p)) {
            t->credit = m->credit < w->options.credit ? m->credit : w->options.credit;
            t->credited = true;
        }
        fw_ledger_on_credit(w->ledger, w->now, t->handle, m->credit);
        break;
    case M_DOOR:
        w->unknown += book_forgotten(p);
        if (!book_forgotten(p))
            t->shares = t->proof = true;
        fw_ledger_on_door(w->ledger, w->now, t->handle);
        fw_ledger_set_proof(w->ledger, t->handle, true);
        break;
    case M_SUPERVISED:
        if (!book_forgotten(p))
            t->proof = true;
        fw_ledger_set_proof(w->ledger, t->handle, true);
        break;
    case M_START:
    case M_PROGRESS:
    case M_RETURN:
        word(w, p, m, key, f);
        break;
    case M_RESULT:
        result(w, p, m, key, f);
        break;
    case M_RELEASE:
        release(w, p, m);
        break;
    case M_BYE:
        bye(w, p);
        break;
    case M_GONE:
        gone(w, p, FW_GONE_CONNECTION);
        break;
    case M_PROOF:
        gone(w, p, FW_GONE_PROCESS);
        break;
    case M_LEASE:
    case M_GO:
    case M_RECALL:
        break;
    }
}

bool book_watch(world *w, proc *observer, frame *f) {
    bool may = !book_forgotten(observer) && !observer->told.ended && observer->told.observer && !f->let_go &&
               book_may_pin(w, f);
    if (may && w->options.memory > 0 && f->watchers == 0 && w->watched > 0)
        may = w->watched + f->size <= w->options.memory / 4;
    if (fw_ledger_hold(w->ledger, w->now, observer->told.handle, book_key(w, f)) != may) {
        failed(w, "an observer's hold is %s", may ? "refused" : "given");
        return false;
    }
    if (may) {
        const pair *it = book_pair(w, f, observer);
        book_tie(w, f, observer);
        book_set_holds(w, f, observer, (uint8_t)(it->holds + 1), (uint8_t)(it->pins + 1));
    }
    return may;
}
