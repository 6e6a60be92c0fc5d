#include "pipeline/window.h"

#include <stdlib.h>

#include "base/status.h"

fw_status fw_window_open(fw_window *self, unsigned width) {
    *self = (fw_window){ .width = width, .finished = calloc(width, sizeof *self->finished) };
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->moved, NULL);
    return self->finished != NULL ? FW_OK : fw_fail(FW_NO_MEMORY, "no memory for a window of frames");
}

void fw_window_enter(fw_window *self, uint64_t ticket) {
    pthread_mutex_lock(&self->lock);
    while (ticket >= self->next + self->width)
        pthread_cond_wait(&self->moved, &self->lock);
    pthread_mutex_unlock(&self->lock);
}

/* Under the lock: what is next in line, if it is finished. */
static void *take_next(fw_window *self) {
    void **place = &self->finished[self->next % self->width], *thing = *place;
    *place = NULL;
    self->delivering = thing != NULL;
    return thing;
}

void *fw_window_finish(fw_window *self, uint64_t ticket, void *thing) {
    pthread_mutex_lock(&self->lock);
    self->finished[ticket % self->width] = thing;
    void *next = self->delivering ? NULL : take_next(self);
    pthread_mutex_unlock(&self->lock);
    return next;
}

void *fw_window_delivered(fw_window *self) {
    pthread_mutex_lock(&self->lock);
    self->next++;
    void *next = take_next(self);
    pthread_cond_broadcast(&self->moved);
    pthread_mutex_unlock(&self->lock);
    return next;
}

void fw_window_close(fw_window *self) {
    if (self->finished == NULL)
        return;
    pthread_cond_destroy(&self->moved);
    pthread_mutex_destroy(&self->lock);
    free(self->finished);
    self->finished = NULL;
}
