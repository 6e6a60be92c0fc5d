/* The contract of a source: an ops table, one file a source, one line in registry.c.
 *
 * A source yields items in order (next), which decode threads then measure and fill, several at once:
 *
 *     next(item)      one thread at a time, in source order; cheap
 *     measure(item)   any thread; reads the header, says the format
 *         ... the caller loans a frame of item->format, in source order ...
 *     fill(item, frame)   any thread; writes the pixels into the frame's memory
 *     free_item(item)     always, also after a failure; a second time does nothing
 */
#ifndef FW_SOURCE_SOURCE_H
#define FW_SOURCE_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include <framewire/source.h>

#include "base/url.h"
#include "image/codec.h"
#include "memory/frame.h"

/* One input on its way to become a frame. */
typedef struct fw_item {
    char *name;       /* `item` on the wire: UTF-8, malloc'ed; NULL: none */
    fw_format format; /* set by measure() */
    fw_meta meta;     /* facts that travel; the caller moves them to the frame */
    int64_t time;     /* capture time, ns since the Unix epoch; 0: when loaned */
    uint64_t number;  /* from 0, in source order, loops included */
    size_t part;      /* which of the sources named it is from */
    void *state;      /* the source's own */
} fw_item;

/* What open() gets: the arguments of this source. */
typedef struct fw_source_request {
    const char *const *arguments; /* `files`: paths; others: one, as typed */
    size_t count;
    const fw_spec *spec; /* parsed, parameters checked against the table; NULL for `files` */
    const fw_source_options *options;
} fw_source_request;

typedef struct fw_source_class {
    fw_source_info info;
    bool parallel;  /* measure() and fill() may run on several threads */
    bool quick;     /* a frame is made in less time than another thread takes to wake: one thread is enough */
    bool alike;     /* all its frames are of one format: what is wrong with one is wrong with all */
    bool has_items; /* frames have an identity that is the same in the next run */
    fw_status (*open)(const fw_source_request *request, void **state_p);
    fw_status (*next)(void *state, fw_item *item); /* FW_END after the last; FW_CLOSED after stop;
                                                           any other failure is of one input: next goes on */
    fw_status (*measure)(void *state, fw_item *item);
    fw_status (*fill)(void *state, fw_item *item, fw_frame *frame);
    /* The size and mtime (ns) of the item's file as it is now; false: it has none. NULL: no item has one. */
    bool (*file)(void *state, const fw_item *item, int64_t *size_p, int64_t *mtime_p);
    void (*free_item)(void *state, fw_item *item); /* what item->state is; name and meta are not its business */
    fw_status (*rewind)(void *state);              /* for --loop: start again */
    void (*stop)(void *state);                     /* wake a next() that waits; any thread, signal handlers */
    void (*close)(void *state);
} fw_source_class;

extern const fw_source_class fw_source_files, fw_source_test;

/* A parameter of a spec, as typed or its default; never NULL for a name that is in the table. */
const char *fw_param_text(const fw_spec *spec, const fw_source_class *kind, const char *name);

/* The steps for the pipeline, over all sources that were named, one after the other; loops are done here.
 *
 * next_item() overwrites *item. FW_END and FW_CLOSED are for good; any other failure of the three is of this one
 * input, named in fw_cause() ("photos/a.jpg: not taken: ..."). free_item() is due after each next_item().
 * fill() also gives the frame the item's name, meta (moved: item->meta is empty then) and time. */
fw_status fw_source_next_item(fw_source *self, fw_item *item);
fw_status fw_source_measure(fw_source *self, fw_item *item);
fw_status fw_source_fill(fw_source *self, fw_item *item, fw_frame *frame);
bool fw_source_file(fw_source *self, const fw_item *item, int64_t *size_p, int64_t *mtime_p);
void fw_source_free_item(fw_source *self, fw_item *item);
bool fw_source_parallel(const fw_source *self);
bool fw_source_quick(const fw_source *self);
bool fw_source_alike(const fw_source *self, const fw_item *item); /* are the frames of its source all of one format? */
bool fw_source_live(const fw_source *self);
bool fw_source_has_items(const fw_source *self);             /* do all its frames have an identity (for --resume)? */
const char *fw_source_default_stream(const fw_source *self); /* a valid name made from the first argument */

#endif
