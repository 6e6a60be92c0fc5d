#include "memory/choice.h"

#define FIRST 16 /* turns that take both ways alternately */
#define RETRY 64 /* then every so manieth tries the other one */

unsigned fw_choice_next(fw_choice *self) {
    unsigned turn = atomic_fetch_add_explicit(&self->turns, 1, memory_order_relaxed);
    if (turn < FIRST)
        return turn % FW_WAYS;
    unsigned faster = atomic_load_explicit(&self->took[1], memory_order_relaxed) <
                      atomic_load_explicit(&self->took[0], memory_order_relaxed);
    return turn % RETRY == 0 ? !faster : faster;
}

/* What disturbs makes it longer and never shorter: so it follows what is shorter soon, and what is longer slowly, with a
 * measure for a turn in which the thread did not run. */
void fw_choice_took(fw_choice *self, unsigned way, fw_time took) {
    fw_time known = atomic_load_explicit(&self->took[way], memory_order_relaxed);
    if (known > 0 && took > known)
        took = known + (took < 2 * known ? took - known : known) / 8;
    else if (known > 0)
        took = known - (known - took) / 2;
    atomic_store_explicit(&self->took[way], took, memory_order_relaxed);
}
