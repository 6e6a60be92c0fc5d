#include "delivery/deadletter.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/status.h"
#include "base/text.h"
#include "delivery/arrays.h"
#include "delivery/results.h"

static fw_status save_both(int fd, const char *folder, const char *stem, const fw_frame *frame, const fw_text *story) {
    fw_text path = { 0 };
    fw_status status = fw_frame_write(fd, folder, stem, frame, &path);
    const fw_part text = { story->data, story->size };
    if (status == FW_OK)
        status = fw_file_write(fd, folder, stem, ".json", &text, 1, &path);
    free(path.data);
    return status;
}

fw_status fw_dead_letter_save(const char *folder, const char *stream, const fw_frame *frame, const char *why,
                              uint32_t attempts, const char *worker) {
    if (mkdir(folder, 0755) != 0 && errno != EEXIST)
        return fw_fail_errno(errno, "%s", folder);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fw_fail_errno(errno, "%s", folder);

    char safe[201], stem[160];
    fw_file_name(safe, stream, strlen(stream));
    snprintf(stem, sizeof stem, "%.100s-%016" PRIx64 "-%" PRIu64, safe, frame->header.epoch, frame->header.seq);
    fw_header header = frame->header;
    header.meta = (fw_span){ (const char *)frame->meta.packed, frame->meta.size };
    header.meta_count = frame->meta.count;
    char *about = fw_line_about(&header);
    fw_text story = { 0 };
    fw_text_format(&story, "{\"stream\":");
    fw_text_json(&story, stream, strlen(stream));
    fw_text_format(&story, ",\"epoch\":\"%016" PRIx64 "\",\"seq\":%" PRIu64, header.epoch, header.seq);
    if (frame->item != NULL) {
        fw_text_format(&story, ",\"item\":");
        fw_text_json(&story, frame->item, strlen(frame->item));
    }
    fw_text_format(&story, ",\"status\":\"dead\",\"attempts\":%" PRIu32 ",\"worker\":", attempts);
    fw_text_json(&story, worker, strlen(worker));
    fw_text_format(&story, ",\"error\":");
    fw_text_json(&story, why, strlen(why));
    fw_text_format(&story, ",%s}\n", about != NULL ? about : "\"meta\":{}");
    fw_status status = story.failed || about == NULL ? fw_fail(FW_NO_MEMORY, "no memory to save a dead frame")
                                                     : save_both(fd, folder, stem, frame, &story);
    free(about);
    free(story.data);
    close(fd);
    return status;
}
