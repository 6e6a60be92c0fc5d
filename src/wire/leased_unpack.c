#include <string.h>

#include "wire/take.h"

#define BIT(key)   (UINT64_C(1) << (key))
#define LEASE_KEYS (BIT(FW_KEY_ATTEMPT) | BIT(FW_KEY_GUARDED) | BIT(FW_KEY_LOST) | BIT(FW_KEY_REGION))

static fw_status take_any(fw_unpacking *self, fw_header_key key, bool required, uint64_t *value_p) {
    return fw_take_uint(self, key, required, 0, UINT64_MAX, value_p);
}

static fw_status take_uint32(fw_unpacking *self, fw_header_key key, bool required, uint32_t least, uint32_t *value_p) {
    uint64_t value = *value_p;
    fw_status status = fw_take_uint(self, key, required, least, UINT32_MAX, &value);
    *value_p = (uint32_t)value;
    return status;
}

/* `region` is there: the other four have to be, too. */
static fw_status take_place(fw_unpacking *self, fw_place *place) {
    place->said = true;
    fw_status status = take_any(self, FW_KEY_REGION, true, &place->region);
    if (!status)
        status = take_uint32(self, FW_KEY_SLOT, true, 0, &place->slot);
    if (!status)
        status = take_any(self, FW_KEY_GEN, true, &place->gen);
    if (!status)
        status = take_any(self, FW_KEY_OFFSET, true, &place->offset);
    if (!status)
        status = take_any(self, FW_KEY_LENGTH, true, &place->length);
    return status ? status : fw_take_bool(self, FW_KEY_COPY, &place->copy);
}

fw_status fw_take_lease(fw_unpacking *self) {
    fw_header *header = self->header;
    header->attempt = 1;
    if ((self->fields.said & LEASE_KEYS) == 0)
        return FW_OK;
    fw_status status = take_uint32(self, FW_KEY_ATTEMPT, false, 1, &header->attempt);
    if (!status)
        status = fw_take_bool(self, FW_KEY_GUARDED, &header->guarded);
    if (!status)
        status = take_any(self, FW_KEY_LOST, false, &header->lost);
    if (!status && fw_fields_get(&self->fields, FW_KEY_REGION))
        status = take_place(self, &header->place);
    return status;
}

/* A flat list: region, slot, gen, region, slot, gen, ... */
static fw_status take_slots(fw_unpacking *self, fw_header_key key, bool required) {
    fw_header *header = self->header;
    uint32_t numbers = 0;
    fw_status status =
        fw_take_container(self, key, required, FW_TOKEN_ARRAY, 3 * FW_SLOTS_MAX, &numbers, &header->slots);
    if (status)
        return status;
    fw_reader list = fw_reader_of(header->slots.data, header->slots.size);
    bool good = numbers % 3 == 0;
    for (uint32_t i = 0; good && i < numbers; i++) {
        fw_token number = { 0 };
        good = fw_read(&list, &number) && number.kind == FW_TOKEN_UINT && (i % 3 != 1 || number.uint <= UINT32_MAX);
    }
    if (!good)
        return FW_REFUSE(self, FW_REASON_FIELD, "header: %s is not a list of region, slot and gen, slot by slot",
                         fw_key_names[key].data);
    header->slot_count = numbers / 3;
    return FW_OK;
}

static fw_status take_held(fw_unpacking *self) {
    fw_header *header = self->header;
    fw_status status =
        fw_take_container(self, FW_KEY_HELD, false, FW_TOKEN_ARRAY, FW_HELD_MAX, &header->held_count, &header->held);
    fw_span list = header->held;
    fw_held_frame frame;
    for (uint32_t i = 0; !status && i < header->held_count; i++) {
        if (!fw_held_next(&list, &frame))
            status = FW_REFUSE(self, FW_REASON_FIELD, "header: an element of held is not epoch, seq and started");
    }
    return status;
}

static fw_status take_instance(fw_unpacking *self) {
    return fw_take_uint(self, FW_KEY_INSTANCE, true, 1, UINT64_MAX, &self->header->instance);
}

static fw_status take_hello(fw_unpacking *self) {
    fw_header *header = self->header;
    int role = FW_ROLE_NONE;
    header->credit = 2;
    header->queue = 1;
    fw_status status = take_instance(self);
    if (!status)
        status = fw_take_choice(self, FW_KEY_ROLE, true, fw_role_names, FW_ROLE_COUNT, &role);
    header->role = (fw_role)role;
    if (!status)
        status = fw_take_text(self, FW_KEY_WORKER, false, FW_WORKER_MAX, &header->worker);
    if (!status)
        status = fw_take_text(self, FW_KEY_HOST, false, FW_HOST_MAX, &header->host);
    if (!status)
        status = take_uint32(self, FW_KEY_CREDIT, false, 0, &header->credit);
    if (!status)
        status = take_uint32(self, FW_KEY_QUEUE, false, 1, &header->queue);
    if (!status)
        status = fw_take_bool(self, FW_KEY_RESULTS, &header->results);
    if (!status)
        status = take_any(self, FW_KEY_SUPERVISOR, false, &header->supervisor);
    if (!status)
        status = fw_take_streams(self, false);
    if (!status)
        status = take_held(self);
    return status ? status : take_slots(self, FW_KEY_READS, false);
}

static bool is_door_name(fw_span name) {
    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];
        bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!alphanumeric && c != '-' && c != '_' && (c != '.' || i == 0))
            return false;
    }
    return name.size > 0;
}

/* It becomes a path: so it may not lead out of its folder. */
static fw_status take_door(fw_unpacking *self) {
    fw_header *header = self->header;
    const fw_field *token = fw_fields_get(&self->fields, FW_KEY_TOKEN);
    if (!fw_fields_get(&self->fields, FW_KEY_DOOR))
        return FW_OK;
    fw_status status = fw_take_text(self, FW_KEY_DOOR, false, FW_DOOR_MAX, &header->door);
    if (status)
        return status;
    if (!is_door_name(header->door))
        return FW_REFUSE(self, FW_REASON_FIELD, "header: door is not the name of a file in the door's folder");
    if (!token || token->token.kind != FW_TOKEN_BYTES || token->token.size != FW_TOKEN_SIZE)
        return FW_REFUSE(self, FW_REASON_FIELD, "header: token is not %d bytes, which a door needs", FW_TOKEN_SIZE);
    header->token = token->token.data;
    return FW_OK;
}

static fw_status take_limit(fw_unpacking *self, fw_header_key key, uint64_t initial, uint64_t *value_p) {
    *value_p = initial;
    return fw_take_uint(self, key, false, 1, UINT64_MAX, value_p);
}

static fw_status take_welcome(fw_unpacking *self) {
    fw_header *header = self->header;
    fw_status status = take_instance(self);
    if (!status)
        status = fw_take_uint(self, FW_KEY_SENDER, true, 1, UINT64_MAX, &header->sender);
    if (!status)
        status = fw_take_streams(self, true);
    if (!status)
        status = fw_take_text(self, FW_KEY_HOST, false, FW_HOST_MAX, &header->host);
    if (!status)
        status = take_limit(self, FW_KEY_DEADLINE, FW_DEADLINE_DEFAULT, &header->deadline);
    if (!status)
        status = take_limit(self, FW_KEY_GRACE, FW_GRACE_DEFAULT, &header->grace);
    if (!status)
        status = take_limit(self, FW_KEY_VALUE_MAX, FW_VALUE_MAX, &header->value_max);
    if (!status)
        status = take_limit(self, FW_KEY_ARRAY_MAX, FW_RESULT_ARRAY_MAX, &header->array_max);
    if (!status)
        status = take_limit(self, FW_KEY_RESULT_MAX, FW_RESULT_MAX, &header->result_max);
    return status ? status : take_door(self);
}

static fw_status take_died(fw_unpacking *self) {
    fw_status status = take_instance(self);
    return status ? status : fw_take_text(self, FW_KEY_REASON, false, FW_CAUSE_MAX, &self->header->cause);
}

/* One element of workers. */
static fw_status take_worker(fw_unpacking *self, fw_reader *list, fw_receiver_stats *worker) {
    fw_unpacking element;
    element.header = self->header;
    element.reason_p = self->reason_p;
    int role = FW_ROLE_WORKER;
    *worker = (fw_receiver_stats){ 0 };
    if (!fw_fields_read(list, FW_HEADER_NESTING, &element.fields))
        return FW_REFUSE(self, FW_REASON_FIELD, "header: an element of workers is not a map");
    fw_status status = fw_take_text(&element, FW_KEY_WORKER, false, FW_WORKER_MAX, &worker->worker);
    if (!status)
        status = fw_take_choice(&element, FW_KEY_ROLE, false, fw_role_names, FW_ROLE_COUNT, &role);
    worker->role = (fw_role)role;
    if (!status)
        status = take_any(&element, FW_KEY_CREDIT, false, &worker->credit);
    if (!status)
        status = take_any(&element, FW_KEY_UNFINISHED, false, &worker->unfinished);
    if (!status)
        status = take_any(&element, FW_KEY_STARTED, false, &worker->started);
    if (!status)
        status = take_any(&element, FW_KEY_DONE, false, &worker->done);
    return status ? status : take_any(&element, FW_KEY_LOST, false, &worker->lost);
}

static fw_status take_stats(fw_unpacking *self) {
    fw_header *header = self->header;
    fw_status status =
        fw_take_container(self, FW_KEY_COUNTS, false, FW_TOKEN_MAP, UINT32_MAX, &header->meta_count, &header->meta);
    if (!status)
        status = fw_take_container(self, FW_KEY_WORKERS, false, FW_TOKEN_ARRAY, FW_WORKERS_MAX, &header->worker_count,
                                   &header->workers);
    fw_reader list = fw_reader_of(header->workers.data, header->workers.size);
    for (uint32_t i = 0; !status && i < header->worker_count; i++) {
        fw_receiver_stats worker;
        status = take_worker(self, &list, &worker);
    }
    return status;
}

static fw_status take_key(fw_unpacking *self) {
    fw_status status = take_any(self, FW_KEY_EPOCH, true, &self->header->epoch);
    return status ? status : take_any(self, FW_KEY_SEQ, true, &self->header->seq);
}

fw_status fw_take_leased(fw_unpacking *self) {
    fw_status status;
    switch (self->header->kind) {
    case FW_KIND_START:
        status = take_key(self);
        return status ? status : take_slots(self, FW_KEY_RELEASES, false);
    case FW_KIND_GO:
    case FW_KIND_PROGRESS:
    case FW_KIND_RETURN:
    case FW_KIND_RECALL:
        return take_key(self);
    case FW_KIND_HELLO:
        return take_hello(self);
    case FW_KIND_WELCOME:
        return take_welcome(self);
    case FW_KIND_CREDIT:
        return take_uint32(self, FW_KEY_CREDIT, true, 0, &self->header->credit);
    case FW_KIND_RELEASE:
        return take_slots(self, FW_KEY_RELEASES, true);
    case FW_KIND_DIED:
        return take_died(self);
    case FW_KIND_STATS:
        return take_stats(self);
    default:
        return FW_OK; /* who, bye */
    }
}

bool fw_worker_next(fw_span *workers, fw_receiver_stats *worker) {
    if (workers->size == 0)
        return false;
    fw_header header;
    fw_reason reason;
    fw_unpacking self;
    self.header = &header;
    self.reason_p = &reason;
    fw_reader list = fw_reader_of(workers->data, workers->size);
    if (take_worker(&self, &list, worker))
        return false;
    *workers = (fw_span){ (const char *)list.at, (size_t)(list.end - list.at) };
    return true;
}
