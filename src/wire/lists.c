/* Elements of a header's lists: packed one by one, and taken off one by one. */
#include "base/status.h"
#include "base/text.h"
#include "wire/format.h"
#include "wire/put.h"
#include "wire/reader.h"

static fw_status written(const fw_writer *writer, size_t *size_p) {
    if (writer->full)
        return fw_fail(FW_TOO_LARGE, "a header's list needs more than %zu bytes", writer->room);
    *size_p = writer->size;
    return FW_OK;
}

fw_status fw_array_pack(const fw_array *array, uint8_t *out, size_t room, size_t *size_p) {
    if (!fw_stream_name_valid(array->name.data, array->name.size))
        return fw_fail(FW_INVALID, "an array's name is 1 to 128 bytes of UTF-8 without control characters");
    size_t size;
    fw_status status = fw_shape_size(array->format.dtype, array->format.ndim, array->format.shape, &size);
    if (status)
        return status;
    fw_writer writer = { .out = out, .room = room };
    fw_write_map(&writer, 3);
    fw_put_text(&writer, FW_KEY_NAME, array->name);
    fw_put_shape(&writer, &array->format);
    return written(&writer, size_p);
}

fw_status fw_stream_pack(const char *name, uint8_t *out, size_t room, size_t *size_p) {
    size_t size = strlen(name);
    if (!fw_stream_name_valid(name, size))
        return fw_fail(FW_INVALID, "a stream's name is 1 to 128 bytes of UTF-8 without control characters");
    fw_writer writer = { .out = out, .room = room };
    fw_write_text(&writer, name, size);
    return written(&writer, size_p);
}

fw_status fw_held_pack(const fw_held_frame *held, uint8_t *out, size_t room, size_t *size_p) {
    fw_writer writer = { .out = out, .room = room };
    fw_write_array(&writer, 3);
    fw_write_uint(&writer, held->epoch);
    fw_write_uint(&writer, held->seq);
    fw_write_bool(&writer, held->started);
    return written(&writer, size_p);
}

fw_status fw_filling_pack(const fw_filling *filling, uint8_t *out, size_t room, size_t *size_p) {
    fw_writer writer = { .out = out, .room = room };
    fw_write_uint(&writer, filling->region);
    fw_write_uint(&writer, filling->slot);
    fw_write_uint(&writer, filling->gen);
    return written(&writer, size_p);
}

fw_status fw_worker_pack(const fw_receiver_stats *worker, uint8_t *out, size_t room, size_t *size_p) {
    if (worker->worker.size > FW_WORKER_MAX || (unsigned)worker->role >= FW_ROLE_COUNT)
        return fw_fail(FW_INVALID, "a worker in stats has a role, and a name of at most %d bytes", FW_WORKER_MAX);
    fw_writer writer = { .out = out, .room = room };
    fw_write_map(&writer, 7);
    fw_put_text(&writer, FW_KEY_WORKER, worker->worker);
    fw_put_text(&writer, FW_KEY_ROLE, fw_role_names[worker->role ? worker->role : FW_ROLE_WORKER]);
    fw_put_uint(&writer, FW_KEY_CREDIT, worker->credit);
    fw_put_uint(&writer, FW_KEY_UNFINISHED, worker->unfinished);
    fw_put_uint(&writer, FW_KEY_STARTED, worker->started);
    fw_put_uint(&writer, FW_KEY_DONE, worker->done);
    fw_put_uint(&writer, FW_KEY_LOST, worker->lost);
    return written(&writer, size_p);
}

static bool take_token(fw_reader *list, fw_token_kind kind, fw_token *token) {
    return fw_read(list, token) && token->kind == kind;
}

static fw_span rest(const fw_reader *list) {
    return (fw_span){ (const char *)list->at, (size_t)(list->end - list->at) };
}

bool fw_stream_next(fw_span *streams, fw_span *name) {
    fw_reader list = fw_reader_of(streams->data, streams->size);
    fw_token token;
    if (!take_token(&list, FW_TOKEN_TEXT, &token))
        return false;
    *name = (fw_span){ (const char *)token.data, token.size };
    *streams = rest(&list);
    return true;
}

bool fw_held_next(fw_span *held, fw_held_frame *frame) {
    fw_reader list = fw_reader_of(held->data, held->size);
    fw_token triple, epoch, seq, started;
    if (!take_token(&list, FW_TOKEN_ARRAY, &triple) || triple.size != 3 || !take_token(&list, FW_TOKEN_UINT, &epoch) ||
        !take_token(&list, FW_TOKEN_UINT, &seq) || !take_token(&list, FW_TOKEN_BOOL, &started))
        return false;
    *frame = (fw_held_frame){ .epoch = epoch.uint, .seq = seq.uint, .started = started.boolean };
    *held = rest(&list);
    return true;
}

bool fw_filling_next(fw_span *slots, fw_filling *filling) {
    fw_reader list = fw_reader_of(slots->data, slots->size);
    fw_token region, number, gen;
    if (!take_token(&list, FW_TOKEN_UINT, &region) || !take_token(&list, FW_TOKEN_UINT, &number) ||
        !take_token(&list, FW_TOKEN_UINT, &gen) || number.uint > UINT32_MAX)
        return false;
    *filling = (fw_filling){ .region = region.uint, .slot = (uint32_t)number.uint, .gen = gen.uint };
    *slots = rest(&list);
    return true;
}
