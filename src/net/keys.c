#include <framewire/keys.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zmq.h>

#include "base/status.h"
#include "net/security.h"

/* Written in our own words rather than by zcert_save(), which changes the umask of the whole process. */
static fw_status write_new(const char *path, mode_t mode, const char *text) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0 && errno == EEXIST)
        return fw_fail(FW_IN_USE, "%s is there already, and is left as it is", path);
    if (fd < 0)
        return fw_fail_errno(errno, "%s cannot be made", path);
    size_t size = strlen(text);
    ssize_t written = write(fd, text, size);
    int error = written < 0 ? errno : written < (ssize_t)size ? ENOSPC : fsync(fd) != 0 ? errno : 0;
    if (close(fd) != 0 && error == 0)
        error = errno;
    if (error == 0)
        return FW_OK;
    unlink(path);
    return fw_fail_errno(error, "%s cannot be written", path);
}

static fw_status write_pair(const char *public_path, const char *secret_path, const char *public_key,
                            const char *secret_key) {
    char text[512];
    snprintf(text, sizeof text,
             "#   A CURVE certificate of Framewire. Keep this file secret.\n"
             "metadata\ncurve\n    public-key = \"%s\"\n    secret-key = \"%s\"\n",
             public_key, secret_key);
    fw_status status = write_new(secret_path, 0600, text);
    explicit_bzero(text, sizeof text);
    if (status != FW_OK)
        return status;

    snprintf(text, sizeof text,
             "#   A CURVE certificate of Framewire: the public key, to be given to the other side.\n"
             "metadata\ncurve\n    public-key = \"%s\"\n",
             public_key);
    status = write_new(public_path, 0644, text);
    if (status != FW_OK)
        unlink(secret_path);
    return status;
}

fw_status fw_keys_make(const char *folder, char public_text[41]) {
    char public_path[PATH_MAX], secret_path[PATH_MAX], secret_key[41];
    public_text[0] = '\0';
    if (!zmq_has("curve"))
        return fw_fail(FW_UNSUPPORTED, "this libzmq was built without CURVE: no keys can be made");
    int size = snprintf(secret_path, sizeof secret_path, "%s/" FW_KEY_FILE "_secret", folder);
    if (size < 0 || (size_t)size >= sizeof secret_path)
        return fw_fail(FW_INVALID, "%s: the path is too long", folder);
    snprintf(public_path, sizeof public_path, "%s/" FW_KEY_FILE, folder);
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return fw_fail_errno(errno, "the folder %s cannot be made", folder);

    char public_key[41];
    if (zmq_curve_keypair(public_key, secret_key) != 0)
        return fw_fail(FW_IO, "libzmq made no keys: %s", zmq_strerror(zmq_errno()));
    fw_status status = write_pair(public_path, secret_path, public_key, secret_key);
    explicit_bzero(secret_key, sizeof secret_key);
    if (status == FW_OK)
        memcpy(public_text, public_key, sizeof public_key);
    return status;
}
