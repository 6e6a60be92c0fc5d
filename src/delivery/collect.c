#include "delivery/collect.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/status.h"
#include "wire/message.h"

/* Results a worker may have waiting in libzmq; each may be large. */
#define RESULTS_AHEAD 4
#define BATCH         64

/* A frame that waits for its result, with what its line will say. */
typedef struct open_frame {
    char *about;
    char item[]; /* "" where it has none */
} open_frame;

fw_status fw_collect_open(void *context, const char *url, const fw_security *security, const char *stream,
                          uint64_t epoch, fw_collect **self_p) {
    *self_p = NULL;
    fw_url parsed;
    fw_status status = fw_url_parse(url, &parsed);
    if (status != FW_OK)
        return status;
    if (parsed.pattern == FW_PUB)
        return fw_fail(FW_INVALID, "--collect %s: results come in over a PULL socket; leave out pub+", url);
    parsed.pattern = FW_LEASED; /* shown without a prefix, as it is typed */
    fw_collect *self = calloc(1, sizeof *self);
    if (self == NULL)
        return fw_fail(FW_NO_MEMORY, "no memory to collect results");
    pthread_mutex_init(&self->lock, NULL);
    self->stream = stream;
    self->epoch = epoch;
    fw_socket_options options = {
        .type = ZMQ_PULL,
        .bind = true,
        .receive_hwm = RESULTS_AHEAD,
        .max_message = FW_RESULT_ARRAY_MAX,
        .security = security,
    };
    status = fw_socket_open(context, &parsed, &options, &self->socket);
    if (status != FW_OK)
        fw_collect_close(&self);
    *self_p = self;
    return status;
}

fw_status fw_collect_note(fw_collect *self, const fw_header *header) {
    open_frame *frame = malloc(sizeof *frame + header->item.size + 1);
    char *about = fw_line_about(header);
    if (frame == NULL || about == NULL) {
        free(frame);
        free(about);
        return fw_fail(FW_NO_MEMORY, "no memory for frames that wait for results");
    }
    frame->about = about;
    memcpy(frame->item, header->item.size > 0 ? header->item.data : "", header->item.size);
    frame->item[header->item.size] = '\0';
    pthread_mutex_lock(&self->lock);
    fw_status status = fw_map_put(&self->open, header->seq, frame);
    if (status == FW_OK && header->seq >= self->next_seq)
        self->next_seq = header->seq + 1;
    pthread_mutex_unlock(&self->lock);
    if (status != FW_OK) {
        free(about);
        free(frame);
    }
    return status;
}

static void drop_open(void *value) {
    open_frame *frame = value;
    if (frame != NULL)
        free(frame->about);
    free(frame);
}

void fw_collect_forget(fw_collect *self, uint64_t seq) {
    pthread_mutex_lock(&self->lock);
    drop_open(fw_map_take(&self->open, seq));
    pthread_mutex_unlock(&self->lock);
}

/* Receive one message's parts: -1 when none has come. Parts beyond the limit are read and dropped, and show as count. */
static int receive_parts(void *socket, zmq_msg_t *messages, fw_part *parts) {
    int count = 0, more = 1;
    while (more) {
        zmq_msg_t *message = &messages[count < FW_PARTS_MAX ? count : FW_PARTS_MAX];
        zmq_msg_init(message);
        int size = zmq_msg_recv(message, socket, ZMQ_DONTWAIT);
        if (size < 0) {
            zmq_msg_close(message);
            return count > 0 ? count : -1;
        }
        if (count < FW_PARTS_MAX)
            parts[count] = (fw_part){ zmq_msg_data(message), (size_t)size };
        more = zmq_msg_more(message);
        if (count >= FW_PARTS_MAX)
            zmq_msg_close(message);
        count++;
    }
    return count;
}

static void count(fw_collect *self, uint64_t *which) {
    pthread_mutex_lock(&self->lock);
    ++*which;
    pthread_mutex_unlock(&self->lock);
}

/* Whose result is it? NULL: nobody's, and counted. */
static open_frame *take_open(fw_collect *self, const fw_header *answer) {
    pthread_mutex_lock(&self->lock);
    open_frame *frame = NULL;
    if (answer->epoch == self->epoch)
        frame = fw_map_take(&self->open, answer->seq);
    if (frame != NULL)
        self->last = fw_now();
    else if (answer->epoch == self->epoch && answer->seq < self->next_seq)
        self->duplicates++;
    else
        self->unknown++;
    pthread_mutex_unlock(&self->lock);
    return frame;
}

static fw_status take_message(fw_collect *self, const fw_part *parts, int part_count, fw_results *results) {
    fw_header answer;
    fw_reason reason;
    fw_status status = part_count > FW_PARTS_MAX ? fw_fail(FW_BAD_MESSAGE, "it has %d parts", part_count)
                                                 : fw_message_check(parts, (size_t)part_count, &answer, &reason);
    if (status != FW_OK || answer.kind != FW_KIND_RESULT || parts[0].size != strlen(self->stream) ||
        memcmp(parts[0].data, self->stream, parts[0].size) != 0) {
        fw_debug("%s: a message that is no result of this stream: %s", self->socket->bound, fw_cause());
        count(self, &self->unknown);
        return FW_OK;
    }
    open_frame *frame = take_open(self, &answer);
    if (frame == NULL)
        return FW_OK;
    const fw_line line = {
        .stream = self->stream,
        .epoch = self->epoch,
        .seq = answer.seq,
        .item = frame->item[0] != '\0' ? frame->item : NULL,
        .about = frame->about,
    };
    status = fw_results_add(results, &line, &answer, parts);
    drop_open(frame);
    if (status != FW_OK)
        return status;
    pthread_mutex_lock(&self->lock);
    self->results++;
    self->errors += answer.verdict == FW_ERROR;
    self->nulls = fw_results_nulls(results);
    self->arrays_not_kept = fw_results_arrays_not_kept(results);
    pthread_mutex_unlock(&self->lock);
    return status;
}

fw_status fw_collect_receive(fw_collect *self, fw_results *results, bool *more_p) {
    fw_status status = FW_OK;
    *more_p = true;
    for (int i = 0; i < BATCH && status == FW_OK; i++) {
        zmq_msg_t messages[FW_PARTS_MAX + 1];
        fw_part parts[FW_PARTS_MAX];
        int part_count = receive_parts(self->socket->zmq, messages, parts);
        if (part_count < 0) {
            *more_p = false;
            return FW_OK;
        }
        status = take_message(self, parts, part_count, results);
        for (int part = 0; part < part_count && part < FW_PARTS_MAX; part++)
            zmq_msg_close(&messages[part]);
    }
    return status;
}

void fw_collect_close(fw_collect **self_p) {
    fw_collect *self = *self_p;
    if (self == NULL)
        return;
    *self_p = NULL;
    fw_socket_close(&self->socket, 0);
    fw_map_free(&self->open, drop_open);
    pthread_mutex_destroy(&self->lock);
    free(self);
}
