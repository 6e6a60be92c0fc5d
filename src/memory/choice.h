/* Which of two ways is the faster one here, found out while both are used. */
#ifndef FW_MEMORY_CHOICE_H
#define FW_MEMORY_CHOICE_H

#include <stdatomic.h>

#include <framewire/units.h>

#define FW_WAYS 2

/* Zeroed: nothing is known. Any thread, without a lock: of turns at the same time one may not count. */
typedef struct fw_choice {
    _Atomic unsigned turns;
    _Atomic fw_time took[FW_WAYS]; /* smoothed, ns; 0: never tried */
} fw_choice;

/* Which way to take now: the faster one but for a few first turns, and one of many later, in which the other is tried. */
unsigned fw_choice_next(fw_choice *self);

/* How long that way took, of work that is always the same. */
void fw_choice_took(fw_choice *self, unsigned way, fw_time took);

#endif
