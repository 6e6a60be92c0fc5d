/* A frame's payload in a libzmq message, without a copy: the message has a reference to the slot. */
#ifndef FW_DELIVERY_PIN_H
#define FW_DELIVERY_PIN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include <zmq.h>

#include "memory/pool.h"

/* What libzmq has not let go of. It lets go on its own threads, or when it is next called. */
typedef struct fw_pins {
    atomic_size_t messages, bytes; /* bytes: of the slots */
    atomic_bool tell;              /* wake_fd is written to when the last one is let go */
    int wake_fd;                   /* an eventfd */
} fw_pins;

/* Make a message of a slot's first size bytes. false: no memory. pins must outlive the libzmq context. */
bool fw_pin_slot(fw_pins *pins, fw_slot *slot, size_t size, zmq_msg_t *message);

/* Make a message of bytes that are copied; it counts as held like a slot's. */
bool fw_pin_copy(fw_pins *pins, const void *bytes, size_t size, zmq_msg_t *message);

#endif
