/* Results that come back to a push+ sender: a PULL socket, the frames that are open, duplicates, and what is lost. */
#ifndef FW_DELIVERY_COLLECT_H
#define FW_DELIVERY_COLLECT_H

#include <pthread.h>
#include <stdint.h>

#include <framewire/sender.h>

#include "base/map.h"
#include "delivery/results.h"
#include "net/socket.h"
#include "wire/header.h"

typedef struct fw_collect {
    fw_socket *socket;
    const char *stream;
    uint64_t epoch;
    pthread_mutex_t lock; /* of `open` and the counts: frames are sent on other threads */
    fw_map open;          /* seq -> struct open_frame: sent, without a result */
    uint64_t next_seq;    /* of the highest frame that was ever noted, and one more */
    uint64_t results, errors, duplicates, unknown;
    uint64_t nulls, arrays_not_kept; /* as the results said after the latest one */
    fw_time last;                    /* when the latest result came */
} fw_collect;

fw_status fw_collect_open(void *context, const char *url, const fw_security *security, const char *stream,
                          uint64_t epoch, fw_collect **self_p);

/* Note a frame that is about to be sent, so that its result can be written. Any thread. */
fw_status fw_collect_note(fw_collect *self, const fw_header *header);

/* It was not sent after all. Any thread. */
void fw_collect_forget(fw_collect *self, uint64_t seq);

/* Take in what has come, at most a batch, and write each result. *more_p: perhaps there is more.
 * Errors: those of fw_results_add(). The sender's thread. */
fw_status fw_collect_receive(fw_collect *self, fw_results *results, bool *more_p);

void fw_collect_close(fw_collect **self_p);

#endif
