/* What the bare senders share: warm buffers, a PUSH socket, and messages of three parts without a copy.
 *
 * No more than a program needs that does only this: what Framewire is measured against.
 */
#ifndef BENCH_BARE_H
#define BENCH_BARE_H

#include <stddef.h>
#include <stdint.h>

/* A PUSH socket that listens at a free port of 127.0.0.1 (printed as one line), with as many frames ahead as
 * Framewire has. Exits on failure. */
void *bare_open(void);

/* A buffer of this size, the last one that was sent first. Any thread. */
void *bare_take(size_t size);

/* [stream][header][payload]: the buffer goes back when libzmq has let go of it. Waits for a receiver. */
void bare_send(void *socket, void *buffer, size_t size);

#endif
