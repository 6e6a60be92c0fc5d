/* What was meant? The known word that is nearest to a mistyped one. */
#ifndef FRAMEWIRE_CMD_NEAREST_H
#define FRAMEWIRE_CMD_NEAREST_H

#include <stddef.h>

struct nearest {
    const char *asked;
    const char *word; /* the best so far; NULL: nothing is near */
    size_t distance;
};

/* Zero-initialise but for `asked`, then offer every known word. */
void nearest_offer(struct nearest *self, const char *word);

#endif
