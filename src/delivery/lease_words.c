/* What receivers say to a hub. Whatever comes changes only what its sender may change; all else is counted. */
#include "delivery/lease_inside.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/status.h"
#include "base/text.h"

static bool wants_stream(const fw_lease *self, const fw_header *header) {
    const char *stream = self->output.sender->options.stream;
    fw_span left = header->streams, name;
    bool wants = header->stream_count == 0;
    while (fw_stream_next(&left, &name))
        wants |= name.size == strlen(stream) && memcmp(name.data, stream, name.size) == 0;
    return wants;
}

static void welcome(fw_lease *self, fw_client *client) {
    const fw_sender *sender = self->output.sender;
    uint8_t streams[256];
    size_t size = 0;
    fw_header header = {
        .kind = FW_KIND_WELCOME,
        .instance = client->instance,
        .sender = self->run,
        .deadline = (uint64_t)sender->options.deadline,
        .host = { self->host, strlen(self->host) },
    };
    if (self->said_end == 0 && fw_stream_pack(sender->options.stream, streams, sizeof streams, &size) == FW_OK) {
        header.streams = (fw_span){ (const char *)streams, size };
        header.stream_count = 1;
    }
    if (fw_lease_new_token(self, client)) {
        const char *door = fw_door_name(self->door);
        header.door = (fw_span){ door, strlen(door) };
        header.token = client->token;
    }
    (void)fw_lease_post(self, client, &header, NULL, 0);
}

/* Tell the ledger of a receiver, with the frames that it says it has. */
static fw_worker enter(fw_lease *self, const fw_header *header, fw_time now) {
    fw_held held[FW_HELD_MAX];
    size_t count = 0;
    fw_span left = header->held;
    for (fw_held_frame one; count < FW_HELD_MAX && fw_held_next(&left, &one); count++)
        held[count] = (fw_held){ .key = { one.epoch, one.seq }, .started = one.started };
    fw_slot_ref reads[FW_SLOTS_MAX];
    size_t read_count = 0;
    left = header->slots;
    for (fw_filling one; read_count < FW_SLOTS_MAX && fw_filling_next(&left, &one);)
        if (one.region == self->region)
            reads[read_count++] = (fw_slot_ref){ one.slot, one.gen };
    const fw_hello hello = {
        .instance = header->instance,
        .observer = header->role == FW_ROLE_OBSERVER,
        .held = held,
        .held_count = count,
        .reads = reads,
        .read_count = read_count,
    };
    return fw_ledger_on_hello(self->ledger, now, &hello);
}

/* A worker's death is told by its pidfd, or by its supervisor while that is there. */
static void set_proof(fw_lease *self, const fw_client *client) {
    const fw_client *supervisor =
        client->supervisor != 0 ? fw_roster_instance(&self->roster, client->supervisor) : NULL;
    bool told = client->visitor != NULL || (supervisor != NULL && supervisor->connected);
    if (client->worker != 0)
        fw_ledger_set_proof(self->ledger, client->worker, told);
}

void fw_lease_supervisor(fw_lease *self, uint64_t supervisor) {
    FW_ROSTER_EACH(&self->roster, client)
    if (client->supervisor == supervisor)
        set_proof(self, client);
}

static void on_hello(fw_lease *self, const fw_received *in, const fw_header *header, fw_time now) {
    fw_client *before = fw_roster_address(&self->roster, in->from);
    if (before != NULL && before->instance != header->instance) {
        self->refused++; /* one connection is one instance */
        return;
    }
    fw_client *known = fw_roster_instance(&self->roster, header->instance);
    if (known != NULL && known->role != header->role) {
        self->refused++;
        return;
    }
    fw_lease_tend_door(self, now); /* a door that was lost is lost before its receiver says hello again */
    if (known != NULL && known->inside) {
        /* Its words go through the door: a new connection is only a new address. */
        if (fw_roster_hello(&self->roster, header->instance, in->from, &in->connection) != NULL)
            welcome(self, known);
        return;
    }
    bool was_connected = known != NULL && known->connected;
    fw_client *client = fw_roster_hello(&self->roster, header->instance, in->from, &in->connection);
    if (client == NULL) {
        fw_sender_break(self->output.sender, fw_fail(FW_NO_MEMORY, "no memory for a receiver"));
        return;
    }
    client->role = header->role;
    client->supervisor = header->supervisor;
    client->takes = wants_stream(self, header);
    client->wants_results = header->results;
    client->left = client->told_end = client->died = false;
    fw_escape(client->name, sizeof client->name, header->worker.data, header->worker.size);
    if (client->name[0] == '\0')
        snprintf(client->name, sizeof client->name, "receiver %016" PRIx64, client->instance);
    if (!was_connected && client->role == FW_ROLE_OBSERVER)
        self->observers++;
    self->workers += known == NULL && client->role == FW_ROLE_WORKER && client->takes && self->said_end == 0;
    if (client->role != FW_ROLE_SUPERVISOR && client->takes) {
        fw_worker worker = enter(self, header, now);
        fw_status status = worker != 0 ? fw_roster_name(&self->roster, client, worker) : FW_NO_MEMORY;
        if (status != FW_OK)
            fw_sender_break(self->output.sender, fw_fail(status, "no memory for a receiver"));
        set_proof(self, client);
    }
    if (client->role == FW_ROLE_SUPERVISOR)
        fw_lease_supervisor(self, client->instance);
    if (client->role == FW_ROLE_OBSERVER) {
        client->mail.room = header->queue > 0 && header->queue <= FW_MAILBOX_MAX ? header->queue : 1;
        client->credit = 0;
        if (self->said_end == 0)
            fw_observe_join(self, client);
    }
    welcome(self, client);
    if (self->said_end != 0)
        fw_lease_tell_end(self, client);
}

/* A result is written before its lease ends: what is not on disk, or in the pipe, is not done. */
static void on_result(fw_lease *self, fw_client *client, const fw_received *in, const fw_header *header, fw_time now) {
    fw_key key = { header->epoch, header->seq };
    if (fw_ledger_would_accept(self->ledger, client->worker, key) == FW_ACCEPTED) {
        const fw_frame *frame = fw_map_get(&self->frames, header->seq);
        fw_header answer = *header;
        if (answer.worker.size == 0)
            answer.worker = (fw_span){ client->name, strlen(client->name) };
        if (frame == NULL || answer.verdict == FW_DEAD) {
            self->refused++; /* only a hub says that a frame is dead */
            return;
        }
        zmq_msg_t *messages = in->by_door ? NULL : (zmq_msg_t *)in->messages + FW_PARTS_BEFORE_PAYLOAD;
        if (!fw_lease_settle(self, frame, &answer, in->parts, messages))
            return;
    }
    (void)fw_ledger_on_result(self->ledger, now, client->worker, key, header->verdict == FW_ERROR);
}

/* Its death is acted on once all that it said before is heard. */
static void on_died(fw_lease *self, const fw_client *supervisor, const fw_header *header, fw_time now) {
    fw_client *client = fw_roster_instance(&self->roster, header->instance);
    if (client == NULL || supervisor->role != FW_ROLE_SUPERVISOR || client->supervisor != supervisor->instance ||
        client->worker == 0) {
        self->refused++;
        return;
    }
    char reason[FW_CAUSE_MAX];
    fw_escape(reason, sizeof reason, header->cause.data, header->cause.size);
    fw_info("%s: %s", client->name, reason);
    client->died = true;
    client->died_at = now;
    self->deaths_by = now;
}

static void post_bare(fw_lease *self, fw_client *client, fw_kind kind) {
    const fw_header header = { .kind = kind };
    (void)fw_lease_post(self, client, &header, NULL, 0);
}

static void on_bye(fw_lease *self, fw_client *client, fw_time now) {
    client->left = true;
    fw_mailbox_clear(&client->mail);
    if (client->worker != 0)
        fw_ledger_on_bye(self->ledger, now, client->worker);
    post_bare(self, client, FW_KIND_BYE);
}

static void on_stats(fw_lease *self, fw_client *client) {
    fw_counts counts;
    fw_account account;
    fw_sender_count(self->output.sender, &counts);
    fw_ledger_count(self->ledger, FW_ALL_STREAMS, &account);
    fw_meta numbers = { 0 };
    const struct {
        const char *name;
        uint64_t value;
    } each[] = {
        { "captured", counts.captured },
        { "done", counts.done },
        { "dead", counts.dead },
        { "dropped", counts.dropped },
        { "in_flight", counts.in_flight },
        { "ready", counts.waiting },
        { "leased", account.leased },
        { "started", account.started },
        { "errors", counts.errors },
        { "redelivered", counts.redelivered },
        { "duplicates", counts.duplicates },
        { "unknown", counts.unknown },
        { "workers", counts.peers },
        { "observers", self->observers },
        { "bytes", counts.bytes },
        { "memory", counts.memory },
        { "memory_used", counts.memory_used },
    };
    fw_status status = FW_OK;
    for (size_t i = 0; status == FW_OK && i < sizeof each / sizeof each[0]; i++)
        status = fw_meta_int(&numbers, each[i].name, (int64_t)each[i].value);
    uint8_t workers[FW_WORKERS_SIZE_MAX];
    size_t used = 0;
    fw_header header = { .kind = FW_KIND_STATS };
    FW_ROSTER_EACH(&self->roster, one) {
        fw_ledger_worker look;
        size_t size = 0;
        if (one->worker == 0 || !fw_ledger_look(self->ledger, one->worker, &look) ||
            header.worker_count == FW_WORKERS_MAX)
            continue;
        const fw_receiver_stats row = {
            .worker = { one->name, strlen(one->name) },
            .role = one->role,
            .credit = one->role == FW_ROLE_OBSERVER ? one->credit : look.credit,
            .unfinished = look.unfinished,
            .started = look.started,
            .done = look.done,
            .lost = one->mail.dropped,
        };
        if (fw_worker_pack(&row, workers + used, sizeof workers - used, &size) != FW_OK)
            break;
        used += size;
        header.worker_count++;
    }
    header.workers = (fw_span){ (const char *)workers, used };
    header.meta = (fw_span){ (const char *)numbers.packed, numbers.size };
    header.meta_count = numbers.count;
    if (status == FW_OK)
        (void)fw_lease_post(self, client, &header, NULL, 0);
    fw_meta_free(&numbers);
}

/* Holds that end. */
static void on_releases(fw_lease *self, const fw_client *client, const fw_header *header, fw_time now) {
    fw_span left = header->slots;
    for (fw_filling one; client->worker != 0 && fw_filling_next(&left, &one);) {
        if (one.region == self->region)
            fw_ledger_on_release(self->ledger, now, client->worker, one.slot, one.gen);
        else
            self->refused++; /* nothing was held any more when the memory was changed for a fresh one */
    }
}

/* Words about a frame, from a worker. */
static void on_frame_word(fw_lease *self, fw_client *client, const fw_received *in, const fw_header *header,
                          fw_time now) {
    const char *stream = self->output.sender->options.stream;
    fw_key key = { header->epoch, header->seq };
    if (client->role != FW_ROLE_WORKER || client->worker == 0 || in->parts[0].size != strlen(stream) ||
        memcmp(in->parts[0].data, stream, in->parts[0].size) != 0) {
        self->refused++;
        return;
    }
    switch (header->kind) {
    case FW_KIND_START:
        on_releases(self, client, header, now);
        fw_ledger_on_start(self->ledger, now, client->worker, key);
        break;
    case FW_KIND_PROGRESS:
        fw_ledger_on_progress(self->ledger, now, client->worker, key);
        break;
    case FW_KIND_RETURN:
        fw_ledger_on_return(self->ledger, now, client->worker, key);
        break;
    case FW_KIND_RESULT:
        on_result(self, client, in, header, now);
        break;
    default:
        self->refused++;
    }
}

/* A message of a receiver that is known, whichever way it came. in has its parts. */
static void hear_client(fw_lease *self, fw_client *client, const fw_received *in, const fw_header *header,
                        fw_time now) {
    /* Who has left may be reading what it got before. */
    if (client->left && header->kind != FW_KIND_BYE && header->kind != FW_KIND_RELEASE) {
        self->refused++;
        return;
    }
    switch (header->kind) {
    case FW_KIND_CREDIT:
        if (client->role == FW_ROLE_OBSERVER) {
            client->credit += header->credit;
            if (client->credit > FW_MAILBOX_MAX)
                client->credit = FW_MAILBOX_MAX;
            fw_observe_serve(self, client, now);
        } else if (client->worker != 0) {
            fw_ledger_on_credit(self->ledger, now, client->worker, header->credit);
        }
        break;
    case FW_KIND_RELEASE:
        on_releases(self, client, header, now);
        break;
    case FW_KIND_DIED:
        on_died(self, client, header, now);
        break;
    case FW_KIND_STATS:
        on_stats(self, client);
        break;
    case FW_KIND_BYE:
        on_bye(self, client, now);
        break;
    case FW_KIND_UNKNOWN:
    case FW_KIND_HELLO:
        self->refused++;
        break;
    default:
        on_frame_word(self, client, in, header, now);
    }
}

/* Of a peer that is not known: who only asks for the counts, or leaves, is answered. */
static void hear_stranger(fw_lease *self, const fw_received *in, fw_kind kind, fw_time now) {
    fw_client stranger = { .address = in->from };
    if (kind == FW_KIND_STATS) {
        on_stats(self, &stranger);
        return;
    }
    if (kind == FW_KIND_BYE) {
        post_bare(self, &stranger, FW_KIND_BYE);
        return;
    }
    self->refused++;
    if (fw_roster_ask(&self->roster, in->from, now))
        post_bare(self, &stranger, FW_KIND_WHO);
}

static bool check(fw_lease *self, const fw_received *in, fw_header *header) {
    fw_reason reason;
    if (in->count <= FW_PARTS_MAX && fw_message_check(in->parts, in->count, header, &reason) == FW_OK)
        return true;
    self->refused++;
    fw_debug("%s: a message was refused: %s", self->output.url, fw_cause());
    return false;
}

void fw_lease_hear(fw_lease *self, fw_received *in, fw_time now) {
    fw_header header;
    if (!check(self, in, &header))
        return;
    if (header.kind == FW_KIND_HELLO) {
        on_hello(self, in, &header, now);
        return;
    }
    fw_client *client = fw_roster_address(&self->roster, in->from);
    /* What a worker had queued before its connection was lost comes first on the next, ahead of its hello. */
    if (client == NULL && header.kind == FW_KIND_RESULT && header.instance != 0)
        client = fw_roster_instance(&self->roster, header.instance);
    if (client != NULL)
        hear_client(self, client, in, &header, now);
    else
        hear_stranger(self, in, header.kind, now);
}

void fw_lease_hear_inside(fw_lease *self, fw_client *client, const fw_part *parts, size_t count, fw_time now) {
    fw_received in = { .count = count, .by_door = true };
    fw_header header;
    if (count > FW_PARTS_MAX) {
        self->refused++;
        return;
    }
    memcpy(in.parts, parts, count * sizeof *parts);
    if (check(self, &in, &header))
        hear_client(self, client, &in, &header, now);
}
