#include "delivery/arrays.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/status.h"

#define NPY_ALIGN  64
#define SAME_NAMES 100

/* The .npy header, version 1.0 (NumPy Enhancement Proposal 1): magic, length, a Python dict, padded to 64 bytes. */
static size_t npy_header(const fw_format *format, char out[512]) {
    size_t size = (size_t)snprintf(out + 10, 400, "{'descr': '%s', 'fortran_order': False, 'shape': (",
                                   fw_dtype_name(format->dtype));
    for (uint32_t i = 0; i < format->ndim; i++)
        size += (size_t)snprintf(out + 10 + size, 400 - size, "%llu,%s", (unsigned long long)format->shape[i],
                                 i + 1 < format->ndim ? " " : "");
    size += (size_t)snprintf(out + 10 + size, 400 - size, "), }");
    size_t whole = (10 + size + 1 + NPY_ALIGN - 1) / NPY_ALIGN * NPY_ALIGN;
    memset(out + 10 + size, ' ', whole - 10 - size - 1);
    out[whole - 1] = '\n';
    memcpy(out, "\x93NUMPY\x01\x00", 8);
    out[8] = (char)((whole - 10) & 0xff);
    out[9] = (char)((whole - 10) >> 8);
    return whole;
}

static fw_status write_all(int fd, const void *data, size_t size) {
    for (const char *at = data; size > 0;) {
        ssize_t wrote = write(fd, at, size);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return FW_IO;
        at += wrote;
        size -= (size_t)wrote;
    }
    return FW_OK;
}

fw_status fw_file_write(int folder_fd, const char *folder, const char *stem, const char *extension,
                        const fw_part *parts, size_t count, fw_text *path) {
    char name[256] = "";
    int fd = -1;
    for (int same = 0; fd < 0 && same < SAME_NAMES; same++) {
        if (same == 0)
            snprintf(name, sizeof name, "%.230s%s", stem, extension);
        else
            snprintf(name, sizeof name, "%.230s.%d%s", stem, same, extension);
        fd = openat(folder_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
        if (fd < 0 && errno != EEXIST)
            break;
    }
    if (fd < 0)
        return fw_fail_errno(errno, "%s/%s", folder, name);

    fw_status status = FW_OK;
    for (size_t i = 0; status == FW_OK && i < count; i++)
        status = write_all(fd, parts[i].data, parts[i].size);
    if (status != FW_OK) {
        status = fw_fail_errno(errno, "%s/%s", folder, name);
        unlinkat(folder_fd, name, 0);
    }
    close(fd);
    if (status == FW_OK)
        fw_text_format(path, "%s/%s", folder, name);
    return status;
}

fw_status fw_array_write(int folder_fd, const char *folder, const char *stem, const fw_format *format,
                         const fw_part *payload, fw_text *path) {
    char header[512];
    const fw_part parts[] = { { header, npy_header(format, header) }, *payload };
    return fw_file_write(folder_fd, folder, stem, ".npy", parts, 2, path);
}

static const char *extension(fw_encoding encoding) {
    switch (encoding) {
    case FW_JPEG:
        return ".jpg";
    case FW_PNG:
        return ".png";
    case FW_TIFF:
        return ".tiff";
    default:
        return ".npy";
    }
}

fw_status fw_frame_write(int folder_fd, const char *folder, const char *stem, const fw_frame *frame, fw_text *path) {
    const fw_format *format = &frame->header.format;
    const fw_part payload = { frame->data, format->size };
    if (format->encoding == FW_RAW)
        return fw_array_write(folder_fd, folder, stem, format, &payload, path);
    return fw_file_write(folder_fd, folder, stem, extension(format->encoding), &payload, 1, path);
}

fw_status fw_frame_save(const fw_frame *self, const char *folder, const char *stem, char *path, size_t room) {
    char safe[201];
    fw_text name = { 0 };
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fw_fail_errno(errno, "%s", folder);
    fw_file_name(safe, stem, strlen(stem));
    fw_status status = fw_frame_write(fd, folder, safe, self, &name);
    close(fd);
    if (path != NULL && room > 0)
        snprintf(path, room, "%s", status == FW_OK && name.data != NULL ? name.data : "");
    free(name.data);
    return status;
}
