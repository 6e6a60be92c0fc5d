/* Leased delivery: each frame to exactly one worker, until somebody has answered it. */
#include "delivery/lease_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/host.h"
#include "base/log.h"
#include "base/status.h"

/* Messages that are read before others get their turn. */
#define READ_AT_ONCE 256
/* Who floods the hub keeps it from hearing of ends and deaths for so many turns, and no longer. */
#define BEHIND_MAX 16
/* The hub's thread comes round in this time, or it did not run. */
#define LISTENS_WITHIN (250 * FW_MS)
/* After SIGTERM: how long receivers have to say bye. */
#define BYE_WITHIN (500 * FW_MS)

fw_header fw_lease_frame_header(const fw_frame *frame) {
    fw_header header = frame->header;
    header.item = (fw_span){ frame->item, frame->item != NULL ? strlen(frame->item) : 0 };
    header.meta = (fw_span){ (const char *)frame->meta.packed, frame->meta.size };
    header.meta_count = frame->meta.count;
    return header;
}

static const char *stream_of(const fw_lease *self, fw_kind kind) {
    return fw_kind_is_streamless(kind) ? "" : self->output.sender->options.stream;
}

/* Not in the sender's own room: there the frame's header waits for the side outputs. */
static bool pack(fw_lease *self, const fw_header *header, size_t *size_p) {
    if (fw_header_pack(header, self->header, sizeof self->header, size_p) == FW_OK)
        return true;
    fw_warn("%s: a message could not be made: %s", self->output.url, fw_cause());
    return false;
}

bool fw_lease_post_inside(fw_lease *self, fw_client *client, const fw_header *header, const fw_part *payloads,
                          size_t count) {
    const char *stream = stream_of(self, header->kind);
    size_t size;
    if (!pack(self, header, &size))
        return false;
    fw_part parts[FW_PARTS_MAX] = { { stream, strlen(stream) }, { self->header, size } };
    if (count > 0)
        memcpy(parts + FW_PARTS_BEFORE_PAYLOAD, payloads, count * sizeof *payloads);
    fw_status status = fw_door_send(self->door, client->visitor, parts, FW_PARTS_BEFORE_PAYLOAD + count);
    if (status == FW_FULL && client->role == FW_ROLE_OBSERVER) {
        client->full = true;
    } else if (status == FW_FULL) { /* it must learn that it is lost, or it would wait for ever */
        fw_info("%s takes nothing at the door, and is left to come back", client->name);
        fw_door_hang_up(self->door, client->visitor);
    }
    return status == FW_OK;
}

bool fw_lease_post(fw_lease *self, fw_client *client, const fw_header *header, zmq_msg_t *payloads, size_t count) {
    if (client->inside && count == 0 && header->kind != FW_KIND_WELCOME)
        return fw_lease_post_inside(self, client, header, NULL, 0);
    size_t size;
    if (!pack(self, header, &size)) {
        for (size_t i = 0; i < count; i++)
            zmq_msg_close(&payloads[i]);
        return false;
    }
    return fw_router_send(&self->router, client->address, stream_of(self, header->kind), self->header, size, payloads,
                          count) == FW_POSTED;
}

/* The ledger's time. It stands still while nobody listens to workers (the process is stopped, the machine sleeps, the disk
 * hangs): what they say then, or libzmq has not read yet, must not be late. */
static fw_time heard_until(const fw_lease *self, fw_time now) {
    fw_time last = fw_after(self->listened, LISTENS_WITHIN);
    return (now < last ? now : last) - self->unheard;
}

static bool lease_waits(const fw_output *output) {
    fw_account account;
    fw_ledger_count(((const fw_lease *)output)->ledger, FW_ALL_STREAMS, &account);
    return account.ready > 0;
}

static bool lease_takes(fw_output *output) {
    return !lease_waits(output);
}

static fw_taken lease_send(fw_output *output, const fw_packed *packed, fw_frame *frame) {
    (void)packed;
    fw_lease *self = (fw_lease *)output;
    uint64_t seq = frame->header.seq;
    fw_capture capture = {
        .seq = seq, .frame = frame, .slot = frame->slot->index, .gen = frame->slot->gen, .size = frame->slot->room
    };
    fw_status status = fw_map_put(&self->frames, seq, frame);
    fw_time now = heard_until(self, fw_now());
    if (status == FW_OK)
        status = fw_ledger_on_frame(self->ledger, now, self->stream, &capture);
    if (status != FW_OK) {
        (void)fw_map_take(&self->frames, seq);
        fw_sender_break(output->sender, status);
        return FW_NOT_NOW;
    }
    self->room = frame->slot->room;
    fw_lease_act(self, now); /* workers first: what observers need takes a while */
    fw_observe_frame(self, frame, now);
    fw_lease_act(self, now);
    return FW_KEPT;
}

static bool lease_drop_oldest(fw_output *output) {
    fw_lease *self = (fw_lease *)output;
    fw_time now = heard_until(self, fw_now());
    bool dropped = fw_ledger_drop_oldest(self->ledger, now, self->stream);
    if (dropped)
        fw_lease_act(self, now);
    return dropped;
}

static bool lease_wants_tending(fw_output *output) {
    return fw_router_wants_reading(&((fw_lease *)output)->router);
}

/* A receiver that does not read would gather one region after the other. */
static bool lease_keeps_up(const fw_output *output) {
    const fw_lease *self = (const fw_lease *)output;
    return self->door == NULL || fw_door_keeps_up(self->door);
}

static unsigned lease_takers(const fw_output *output) {
    fw_ledger_totals totals;
    fw_ledger_total(((const fw_lease *)output)->ledger, &totals);
    return totals.workers;
}

bool fw_lease_read_all(fw_lease *self, fw_time now) {
    fw_received in;
    int left = READ_AT_ONCE;
    if (!fw_router_has_news(&self->router))
        return true;
    for (int pass = 0; pass < 2; pass++) {
        for (; left > 0 && fw_router_receive(&self->router, &in); left--) {
            fw_lease_hear(self, &in, now);
            fw_router_release(&in);
        }
        if (pass == 0)
            fw_router_watch(&self->router);
    }
    return left > 0;
}

static void lease_tend(fw_output *output, fw_time now) {
    fw_lease *self = (fw_lease *)output;
    fw_time real = now;
    now = heard_until(self, real);
    self->listened = real;
    self->unheard = real - now;
    fw_lease_give_memory(self);
    bool all = fw_lease_read_all(self, now);
    fw_lease_tend_door(self, now);
    if (now >= self->aside_by)
        fw_lease_hear_aside(self, now);
    if (!all)
        fw_sender_wake(output->sender); /* there may be more */
    if (all || ++self->behind >= BEHIND_MAX) {
        self->behind = 0;
        fw_lease_hear_gone(self, now);
    }
    fw_lease_act(self, now);
    fw_observe_rest(self);
    fw_lease_sweep(self, now);
}

void fw_lease_tell_end(fw_lease *self, fw_client *client) {
    fw_observe_end(client);
    fw_counts counts;
    fw_sender_count(self->output.sender, &counts);
    fw_header header = {
        .kind = FW_KIND_END,
        .epoch = self->output.sender->epoch,
        .captured = counts.captured,
        .done = counts.done,
        .dead = counts.dead,
        .dropped = counts.dropped,
        .lost = client->mail.dropped,
    };
    client->told_end = fw_lease_post(self, client, &header, NULL, 0);
}

/* From the last frame to the end: every frame is settled (or the time is up), receivers are told, and say bye. */
static bool lease_finish(fw_output *output, fw_time now) {
    fw_lease *self = (fw_lease *)output;
    const fw_sender *sender = output->sender;
    if (!self->closing) {
        self->closing = true;
        fw_ledger_on_end(self->ledger, heard_until(self, now), self->stream);
        fw_lease_act(self, heard_until(self, now));
    }
    if (!self->ended && now < sender->stop_by)
        return false;
    if (self->said_end == 0) {
        self->said_end = now;
        FW_ROSTER_EACH(&self->roster, client)
        if (client->connected)
            fw_lease_tell_end(self, client);
    }
    bool all = true;
    FW_ROSTER_EACH(&self->roster, client)
    all &= !client->connected || client->left;
    fw_time within =
        sender->stop_by == FW_FOREVER || sender->options.drain < BYE_WITHIN ? sender->options.drain : BYE_WITHIN;
    return all || now >= fw_after(self->said_end, within);
}

static void lease_count(const fw_output *output, fw_counts *counts) {
    const fw_lease *self = (const fw_lease *)output;
    fw_account account;
    fw_ledger_totals totals;
    fw_ledger_count(self->ledger, FW_ALL_STREAMS, &account);
    fw_ledger_total(self->ledger, &totals);
    counts->leases = true;
    counts->sent = output->sent;
    counts->shared = self->shared;
    counts->copied = self->copied;
    counts->done = account.done;
    counts->dead = account.dead;
    counts->dropped += account.dropped;
    counts->errors = account.errors;
    counts->results = account.done;
    counts->redelivered = account.redelivered;
    counts->duplicates = account.duplicates;
    counts->unknown = self->refused + totals.unknown + totals.stale + self->router.foreign;
    counts->leased = account.leased + account.started;
    counts->quarantined = self->quarantined;
    counts->workers = self->workers;
    counts->waiting += (unsigned)account.ready;
    counts->in_flight = counts->captured - counts->done - counts->dead - counts->dropped;
}

static nfds_t lease_poll(fw_output *output, struct pollfd *fds, fw_time *until_p) {
    fw_lease *self = (fw_lease *)output;
    fw_time wakes = fw_ledger_wakes(self->ledger);
    fw_time door = self->door != NULL ? fw_door_wakes(self->door) : FW_FOREVER;
    if (door < wakes)
        wakes = door;
    if (self->door != NULL && self->aside_by < wakes)
        wakes = self->aside_by;
    if (self->deaths_by != 0 && self->deaths_by < wakes)
        wakes = self->deaths_by;
    wakes = fw_after(wakes, self->unheard);
    if (wakes < *until_p)
        *until_p = wakes;
    nfds_t count = fw_router_poll(&self->router, fds);
    if (self->door != NULL)
        fds[count++] = (struct pollfd){ .fd = fw_door_fd(self->door), .events = POLLIN };
    return count;
}

static void lease_close(fw_output *output) {
    fw_door_close(&((fw_lease *)output)->door);
    fw_router_close(&((fw_lease *)output)->router, 0);
}

static void drop_frame(void *value) {
    fw_frame *frame = value;
    fw_frame_drop(&frame);
}

static void lease_free(fw_output *output) {
    fw_lease *self = (fw_lease *)output;
    fw_roster_free(&self->roster);
    fw_letter_drop(self->latest);
    fw_map_free(&self->frames, drop_frame);
    fw_ledger_close(&self->ledger);
    free(self);
}

static const fw_output_class lease_class = {
    .takes = lease_takes,
    .send = lease_send,
    .drop_oldest = lease_drop_oldest,
    .wants_tending = lease_wants_tending,
    .tend = lease_tend,
    .takers = lease_takers,
    .waits = lease_waits,
    .keeps_up = lease_keeps_up,
    .finish = lease_finish,
    .count = lease_count,
    .poll = lease_poll,
    .taker = "worker",
    .leased = true,
    .close = lease_close,
    .free = lease_free,
};

static fw_status open_all(fw_lease *self, const fw_url *urls, size_t count) {
    fw_sender *sender = self->output.sender;
    const fw_ledger_options options = {
        .deadline = sender->options.deadline,
        .attempts = sender->options.attempts,
        .memory = sender->options.memory,
    };
    fw_status status = fw_ledger_open(&options, &self->ledger);
    if (status == FW_OK)
        status = fw_ledger_add_stream(self->ledger, sender->epoch, &self->stream);
    if (status == FW_OK)
        status = fw_observe_open(self);
    if (status == FW_OK && getrandom(&self->run, sizeof self->run, 0) != (ssize_t)sizeof self->run)
        status = fw_fail(FW_IO, "no random number for the run");
    if (status == FW_OK)
        fw_lease_open_door(self);
    for (size_t i = 0; status == FW_OK && i < count; i++)
        status = fw_router_open(&self->router, sender->context, &urls[i], sender->security);
    return status;
}

fw_status fw_lease_open(fw_sender *sender, const fw_url *urls, size_t count, fw_output **self_p) {
    *self_p = NULL;
    fw_lease *self = calloc(1, sizeof *self);
    if (self == NULL)
        return fw_fail(FW_NO_MEMORY, "no memory for an output");
    self->output = (fw_output){ .kind = &lease_class, .sender = sender, .first = true };
    self->listened = fw_now();
    fw_boot_id(self->host, sizeof self->host);
    fw_status status = open_all(self, urls, count);
    if (status != FW_OK) {
        lease_close(&self->output);
        lease_free(&self->output);
        return status;
    }
    for (size_t i = 0; i < count; i++)
        self->output.urls[i] = self->router.sockets[i]->bound;
    self->output.url_count = count;
    self->output.url = self->output.urls[0];
    *self_p = &self->output;
    return FW_OK;
}
