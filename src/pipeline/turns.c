#include "pipeline/turns.h"

void fw_turns_init(fw_turns *self) {
    *self = (fw_turns){ 0 };
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->passed, NULL);
}

void fw_turns_take(fw_turns *self, uint64_t ticket) {
    pthread_mutex_lock(&self->lock);
    self->waiting++;
    while (self->next != ticket)
        pthread_cond_wait(&self->passed, &self->lock);
    self->waiting--;
    pthread_mutex_unlock(&self->lock);
}

void fw_turns_pass(fw_turns *self) {
    pthread_mutex_lock(&self->lock);
    self->next++;
    if (self->waiting > 0)
        pthread_cond_broadcast(&self->passed);
    pthread_mutex_unlock(&self->lock);
}

void fw_turns_destroy(fw_turns *self) {
    pthread_cond_destroy(&self->passed);
    pthread_mutex_destroy(&self->lock);
}
