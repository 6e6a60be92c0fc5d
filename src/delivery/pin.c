#include "delivery/pin.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What libzmq hands back when it is done with a message. */
typedef struct pin {
    fw_pins *pins;
    fw_slot *slot; /* NULL: the bytes are malloc'ed */
} pin;

static void let_go(void *data, void *hint) {
    pin *gone = hint;
    fw_pins *pins = gone->pins;
    if (gone->slot != NULL) {
        atomic_fetch_sub(&pins->bytes, gone->slot->room);
        fw_slot_release(gone->slot);
    } else {
        free(data);
    }
    free(gone);
    if (atomic_fetch_sub(&pins->messages, 1) == 1 && atomic_load(&pins->tell)) {
        uint64_t one = 1;
        (void)!write(pins->wake_fd, &one, sizeof one);
    }
}

static bool make(fw_pins *pins, fw_slot *slot, void *bytes, size_t size, zmq_msg_t *message) {
    pin *held = malloc(sizeof *held);
    if (held == NULL)
        return false;
    *held = (pin){ pins, slot };
    if (zmq_msg_init_data(message, bytes, size, let_go, held) != 0) {
        free(held);
        return false;
    }
    atomic_fetch_add(&pins->messages, 1);
    return true;
}

bool fw_pin_slot(fw_pins *pins, fw_slot *slot, size_t size, zmq_msg_t *message) {
    fw_slot_retain(slot);
    atomic_fetch_add(&pins->bytes, slot->room);
    if (make(pins, slot, slot->data, size, message))
        return true;
    atomic_fetch_sub(&pins->bytes, slot->room);
    fw_slot_release(slot);
    return false;
}

bool fw_pin_copy(fw_pins *pins, const void *bytes, size_t size, zmq_msg_t *message) {
    void *copy = malloc(size);
    if (copy == NULL)
        return false;
    memcpy(copy, bytes, size);
    if (make(pins, NULL, copy, size, message))
        return true;
    free(copy);
    return false;
}
