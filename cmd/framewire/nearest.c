#include "nearest.h"

#include <string.h>

#define LONGEST 32

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Edits that turn a into b: insert, delete, replace, or swap two neighbours (optimal string alignment). */
static size_t distance(const char *a, const char *b) {
    size_t length_a = strlen(a), length_b = strlen(b);
    if (length_a > LONGEST || length_b > LONGEST)
        return LONGEST;
    size_t rows[LONGEST + 1][LONGEST + 1];
    for (size_t i = 0; i <= length_a; i++)
        rows[i][0] = i;
    for (size_t j = 0; j <= length_b; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= length_a; i++)
        for (size_t j = 1; j <= length_b; j++) {
            size_t cost = a[i - 1] == b[j - 1] ? 0 : 1;
            size_t best = least(rows[i - 1][j] + 1, rows[i][j - 1] + 1);
            best = least(best, rows[i - 1][j - 1] + cost);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                best = least(best, rows[i - 2][j - 2] + 1);
            rows[i][j] = best;
        }
    return rows[length_a][length_b];
}

void nearest_offer(struct nearest *self, const char *word) {
    size_t far = distance(self->asked, word);
    size_t allowed = strlen(word) < 4 ? 1 : strlen(word) / 3 + 1;
    if (far > allowed || (self->word && far >= self->distance))
        return;
    self->word = word;
    self->distance = far;
}
