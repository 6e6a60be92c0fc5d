/* A receiver: takes frames in, as a worker (each frame to exactly one, answered by a result) or as an observer (sees what it
 * has time for, and never slows the stream). */
#ifndef FRAMEWIRE_RECEIVER_H
#define FRAMEWIRE_RECEIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <framewire/export.h>
#include <framewire/frame.h>
#include <framewire/status.h>
#include <framewire/units.h>

FW_BEGIN_DECLS

typedef struct fw_receiver fw_receiver;

typedef enum fw_part_taken {
    FW_WORKER,  /* of leased and push+ URLs */
    FW_OBSERVER /* of leased and pub+ URLs */
} fw_part_taken;

typedef struct fw_receiver_options {
    const char *url;              /* where from, and how: tcp:// or ipc:// (leased), push+tcp://, pub+tcp://, ...;
                                     default tcp://127.0.0.1:5555 */
    const char *const *more_urls; /* more of them, NULL-terminated */
    fw_part_taken role;
    const char *const *streams; /* names of those that are taken, NULL-terminated; NULL: all */
    unsigned credit;            /* worker: frames that it may hold, at each URL; 0: 2; at most 64 */
    unsigned queue;             /* observer: frames that may wait; of others the oldest are dropped; 0: 1, the latest;
                                   at most 64 */
    const char *results;        /* where replies to push+ streams go, the sender's `collect`; NULL: nowhere */
    bool follow;                /* go on with the sender's next run after the end */
    fw_time timeout;            /* how long to wait for a sender that is not there; 0: for ever */
    const char *keys;           /* a folder made by fw_keys_make(): CURVE on every socket */
    const char *server_key;     /* with keys: the sender's public key, or a file that has it */
    const char *door;           /* the folder where a sender on this host shares its memory; NULL: FRAMEWIRE_DOOR, else
                                   $XDG_RUNTIME_DIR/framewire, else /tmp/framewire-UID */
} fw_receiver_options;

#define FW_RECEIVER_OPTIONS(...) (&(fw_receiver_options){ __VA_ARGS__ })

/* Open a receiver, and start the thread that speaks for it while the caller computes.
 *
 * Strings are copied. On success *self_p is the caller's, to be given to fw_receiver_close(); on failure it is NULL. A
 * sender that is not there yet is waited for. Errors: FW_INVALID (a URL or an option), FW_UNSUPPORTED, FW_IN_USE, FW_DENIED,
 * FW_NOT_FOUND, FW_IO, FW_NO_MEMORY. Any thread. Since 0.1. */
FW_API fw_status fw_receiver_open(const fw_receiver_options *options, fw_receiver **self_p);

/* The next frame, waited for until timeout (0: not at all; FW_FOREVER). It is the caller's to read until it is answered:
 * by fw_receiver_reply(), fw_receiver_fail() or fw_receiver_return(); a frame of an observer by fw_frame_free().
 * Several may be had at a time, up to the credit.
 *
 * Errors: FW_TIMEOUT; FW_CLOSED: every stream that it takes has ended at every URL, or fw_receiver_stop(); FW_BAD_MESSAGE:
 * a message that breaks the format came, and was skipped (the next call goes on); FW_NOT_FOUND: no sender was there for
 * options.timeout; FW_NO_MEMORY. *frame_p is then NULL. One thread at a time. */
FW_API fw_status fw_receiver_receive(fw_receiver *self, fw_time timeout, fw_frame **frame_p);

/* An array of a result: its name (1-128 bytes of UTF-8, no control characters, none twice), its dtype and shape (format:
 * plain), and its bytes, packed, C order. */
typedef struct fw_reply_array {
    const char *name;
    fw_format format;
    const void *data;
} fw_reply_array;

/* What a result says. */
typedef struct fw_reply {
    const void *value; /* one msgpack value; NULL: what fw_frame_set_text(), _int() and _float() put into the frame */
    size_t value_size;
    const fw_reply_array *arrays; /* at most 64 */
    size_t array_count;
} fw_reply;

#define FW_REPLY(...) (&(fw_reply){ __VA_ARGS__ })

/* Answer a frame, and let go of it. Takes it, whatever happens, and clears *frame_p. reply NULL: what was put into the frame,
 * else nil. All of it is copied. A result that cannot be sent as it is (FW_INVALID: no msgpack, an array's name or shape;
 * FW_TOO_LARGE) is an error, for the sender too: the frame is not left to its deadline. While the sender is away the result
 * waits; FW_CLOSED: the receiver is closed, or the result is nobody's (an observer's frame). Any thread. */
FW_API fw_status fw_receiver_reply(fw_receiver *self, fw_frame **frame_p, const fw_reply *reply);

/* The same for a frame that could not be worked on: status `error`, with this sentence (at most 4096 bytes). */
FW_API fw_status fw_receiver_fail(fw_receiver *self, fw_frame **frame_p, const char *error);

/* Give a frame back, unblamed: another worker gets it (with push+ it is lost). The same as fw_frame_free(). Any thread. */
FW_API void fw_receiver_return(fw_receiver *self, fw_frame **frame_p);

/* It takes long, and is worked on: the deadline begins anew. Any thread. */
FW_API fw_status fw_receiver_progress(fw_receiver *self, const fw_frame *frame);

typedef struct fw_receiver_counts {
    uint64_t frames;  /* given to the caller */
    uint64_t bytes;   /* of them */
    uint64_t shared;  /* of them: read in the sender's memory, or copied from it */
    uint64_t results; /* answered, errors among them */
    uint64_t errors;
    uint64_t returned;
    uint64_t dropped; /* observer: what did not fit in the queue, here and at the sender */
    uint64_t missed;  /* pub+: gaps in seq */
    uint64_t bad;     /* messages that break the format */
    uint64_t unknown; /* of kinds that this version does not know, or nobody asked for */
} fw_receiver_counts;

/* Any thread. */
FW_API void fw_receiver_count(fw_receiver *self, fw_receiver_counts *counts);

/* Where it is connected, or listens (?bind), with the port that the system chose; NULL beyond the last. Owned by the
 * receiver. Any thread. */
FW_API const char *fw_receiver_url(const fw_receiver *self, size_t index);

/* Who receives gets FW_CLOSED, from now on. Any thread, and signal handlers. */
FW_API void fw_receiver_stop(fw_receiver *self);

/* Leave: frames that were not answered go back, unblamed; results that wait are sent, for a moment. Frees all; clears
 * *self_p. NULL is fine. Frames that the caller still has stay readable until fw_frame_free(), but keep the sender's memory
 * until the process ends: answer them before. One thread, and none in another call. */
FW_API void fw_receiver_close(fw_receiver **self_p);

FW_END_DECLS

#endif
