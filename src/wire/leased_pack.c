#include "base/status.h"
#include "wire/leased.h"

static fw_status check_instance(const fw_header *header) {
    return header->instance ? FW_OK : fw_fail(FW_INVALID, "a %s needs an instance", fw_kind_names[header->kind].data);
}

static fw_status check_slots(const fw_header *header) {
    if (header->slot_count <= FW_SLOTS_MAX)
        return FW_OK;
    return fw_fail(FW_TOO_LARGE, "%u slots in a header: at most %d", header->slot_count, FW_SLOTS_MAX);
}

static fw_status check_hello(const fw_header *header) {
    if (header->role <= FW_ROLE_NONE || header->role >= FW_ROLE_COUNT)
        return fw_fail(FW_INVALID, "a hello needs a role");
    if (header->host.size > FW_HOST_MAX || header->held_count > FW_HELD_MAX)
        return fw_fail(FW_TOO_LARGE, "a hello with %u frames held: at most %d; its host has %zu bytes: at most %d",
                       header->held_count, FW_HELD_MAX, header->host.size, FW_HOST_MAX);
    fw_status status = check_slots(header);
    return status ? status : check_instance(header);
}

static fw_status check_welcome(const fw_header *header) {
    if (header->host.size > FW_HOST_MAX || header->door.size > FW_DOOR_MAX)
        return fw_fail(FW_TOO_LARGE, "a welcome whose host has %zu bytes and door %zu: at most %d and %d",
                       header->host.size, header->door.size, FW_HOST_MAX, FW_DOOR_MAX);
    if (header->sender == 0 || (header->door.size > 0) != (header->token != NULL))
        return fw_fail(FW_INVALID, "a welcome needs a sender, and a token for a door");
    return check_instance(header);
}

fw_status fw_leased_check(const fw_header *header) {
    switch (header->kind) {
    case FW_KIND_HELLO:
        return check_hello(header);
    case FW_KIND_WELCOME:
        return check_welcome(header);
    case FW_KIND_START:
    case FW_KIND_RELEASE:
        return check_slots(header);
    case FW_KIND_DIED:
        if (header->cause.size > FW_CAUSE_MAX)
            return fw_fail(FW_TOO_LARGE, "a reason of %zu bytes: at most %d", header->cause.size, FW_CAUSE_MAX);
        return check_instance(header);
    case FW_KIND_STATS:
        if (header->worker_count > FW_WORKERS_MAX || header->workers.size > FW_WORKERS_SIZE_MAX)
            return fw_fail(FW_TOO_LARGE, "%u workers of %zu bytes in stats: at most %d and %zu", header->worker_count,
                           header->workers.size, FW_WORKERS_MAX, FW_WORKERS_SIZE_MAX);
        return FW_OK;
    default:
        return FW_OK;
    }
}

static void start(fw_writer *writer, const fw_header *header, uint32_t more_keys) {
    fw_write_map(writer, 2 + more_keys);
    fw_put_uint(writer, FW_KEY_V, FW_WIRE_VERSION);
    fw_put_text(writer, FW_KEY_KIND, fw_kind_names[header->kind]);
}

static void put_slots(fw_writer *writer, fw_header_key key, const fw_header *header) {
    fw_put_list(writer, key, 3 * header->slot_count, header->slots);
}

static void put_key(fw_writer *writer, const fw_header *header) {
    fw_put_uint(writer, FW_KEY_EPOCH, header->epoch);
    fw_put_uint(writer, FW_KEY_SEQ, header->seq);
}

static void write_start(fw_writer *writer, const fw_header *header) {
    start(writer, header, 2 + (header->slot_count > 0));
    put_key(writer, header);
    if (header->slot_count > 0)
        put_slots(writer, FW_KEY_RELEASES, header);
}

static void write_hello(fw_writer *writer, const fw_header *header) {
    start(writer, header,
          3u + (header->worker.size > 0) + (header->stream_count > 0) + (header->host.size > 0) + (header->queue > 1) +
              header->results + (header->supervisor != 0) + (header->held_count > 0) + (header->slot_count > 0));
    if (header->worker.size > 0)
        fw_put_text(writer, FW_KEY_WORKER, header->worker);
    if (header->stream_count > 0)
        fw_put_list(writer, FW_KEY_STREAMS, header->stream_count, header->streams);
    fw_put_uint(writer, FW_KEY_INSTANCE, header->instance);
    fw_put_text(writer, FW_KEY_ROLE, fw_role_names[header->role]);
    if (header->host.size > 0)
        fw_put_text(writer, FW_KEY_HOST, header->host);
    fw_put_uint(writer, FW_KEY_CREDIT, header->credit);
    if (header->queue > 1)
        fw_put_uint(writer, FW_KEY_QUEUE, header->queue);
    if (header->results)
        fw_put_bool(writer, FW_KEY_RESULTS, true);
    if (header->supervisor != 0)
        fw_put_uint(writer, FW_KEY_SUPERVISOR, header->supervisor);
    if (header->held_count > 0)
        fw_put_list(writer, FW_KEY_HELD, header->held_count, header->held);
    if (header->slot_count > 0)
        put_slots(writer, FW_KEY_READS, header);
}

static void put_limit(fw_writer *writer, fw_header_key key, uint64_t value, uint64_t initial) {
    fw_put_uint(writer, key, value ? value : initial);
}

static void write_welcome(fw_writer *writer, const fw_header *header) {
    start(writer, header, 8u + (header->host.size > 0) + (header->token ? 2 : 0));
    fw_put_list(writer, FW_KEY_STREAMS, header->stream_count, header->streams);
    fw_put_uint(writer, FW_KEY_INSTANCE, header->instance);
    if (header->host.size > 0)
        fw_put_text(writer, FW_KEY_HOST, header->host);
    fw_put_uint(writer, FW_KEY_SENDER, header->sender);
    put_limit(writer, FW_KEY_DEADLINE, header->deadline, FW_DEADLINE_DEFAULT);
    put_limit(writer, FW_KEY_GRACE, header->grace, FW_GRACE_DEFAULT);
    put_limit(writer, FW_KEY_VALUE_MAX, header->value_max, FW_VALUE_MAX);
    put_limit(writer, FW_KEY_ARRAY_MAX, header->array_max, FW_RESULT_ARRAY_MAX);
    put_limit(writer, FW_KEY_RESULT_MAX, header->result_max, FW_RESULT_MAX);
    if (header->token) {
        fw_put_text(writer, FW_KEY_DOOR, header->door);
        fw_put_key(writer, FW_KEY_TOKEN);
        fw_write_bytes(writer, header->token, FW_TOKEN_SIZE);
    }
}

static void write_died(fw_writer *writer, const fw_header *header) {
    start(writer, header, 1 + (header->cause.size > 0));
    fw_put_uint(writer, FW_KEY_INSTANCE, header->instance);
    if (header->cause.size > 0)
        fw_put_text(writer, FW_KEY_REASON, header->cause);
}

/* One that asks has neither. */
static void write_stats(fw_writer *writer, const fw_header *header) {
    start(writer, header, 0u + (header->meta_count > 0) + (header->worker_count > 0));
    if (header->meta_count > 0) {
        fw_put_key(writer, FW_KEY_COUNTS);
        fw_write_map(writer, header->meta_count);
        fw_write_packed(writer, header->meta.data, header->meta.size);
    }
    if (header->worker_count > 0)
        fw_put_list(writer, FW_KEY_WORKERS, header->worker_count, header->workers);
}

void fw_leased_write(fw_writer *writer, const fw_header *header) {
    switch (header->kind) {
    case FW_KIND_START:
        write_start(writer, header);
        break;
    case FW_KIND_GO:
    case FW_KIND_PROGRESS:
    case FW_KIND_RETURN:
    case FW_KIND_RECALL:
        start(writer, header, 2);
        put_key(writer, header);
        break;
    case FW_KIND_HELLO:
        write_hello(writer, header);
        break;
    case FW_KIND_WELCOME:
        write_welcome(writer, header);
        break;
    case FW_KIND_CREDIT:
        start(writer, header, 1);
        fw_put_uint(writer, FW_KEY_CREDIT, header->credit);
        break;
    case FW_KIND_RELEASE:
        start(writer, header, 1);
        put_slots(writer, FW_KEY_RELEASES, header);
        break;
    case FW_KIND_DIED:
        write_died(writer, header);
        break;
    case FW_KIND_STATS:
        write_stats(writer, header);
        break;
    default:
        start(writer, header, 0); /* who, bye */
        break;
    }
}

uint32_t fw_lease_count(const fw_header *header) {
    return (header->attempt > 1) + 0u + header->guarded + (header->lost != 0) +
           (header->place.said ? 5u + header->place.copy : 0u);
}

void fw_lease_write(fw_writer *writer, const fw_header *header) {
    if (header->guarded)
        fw_put_bool(writer, FW_KEY_GUARDED, true);
    if (header->lost != 0)
        fw_put_uint(writer, FW_KEY_LOST, header->lost);
    if (!header->place.said)
        return;
    fw_put_uint(writer, FW_KEY_REGION, header->place.region);
    fw_put_uint(writer, FW_KEY_SLOT, header->place.slot);
    fw_put_uint(writer, FW_KEY_GEN, header->place.gen);
    fw_put_uint(writer, FW_KEY_OFFSET, header->place.offset);
    fw_put_uint(writer, FW_KEY_LENGTH, header->place.length);
    if (header->place.copy)
        fw_put_bool(writer, FW_KEY_COPY, true);
}
