#include "net/security.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <czmq.h>
#include <zmq.h>

#include "base/status.h"
#include "base/version.h"
#include "net/zap.h"

/* ZMQ_ZAP_ENFORCE_DOMAIN: in every libzmq since 4.3.0, but its name is in the header of draft builds only. */
enum { ENFORCE_DOMAIN = 93 };

enum { KEY_TEXT = 40, KEYS_FILE_MAX = 16 << 20 };

struct fw_security {
    char public_key[KEY_TEXT + 1], secret_key[KEY_TEXT + 1];
    char server_key[KEY_TEXT + 1]; /* "" where none was given */
    fw_zap *zap;                   /* NULL where nobody is let in */
};

typedef struct key_list {
    uint8_t *bytes; /* count times FW_KEY_SIZE */
    size_t count;
} key_list;

/* A certificate file, or NULL. Nothing of CZMQ's that we use opens a socket, but its signal handlers must stay out. */
static zcert_t *load_certificate(const char *path) {
    zsys_handler_set(NULL);
    return zcert_load(path);
}

static bool key_decodes(const char *text, uint8_t key[FW_KEY_SIZE]) {
    return strlen(text) == KEY_TEXT && zmq_z85_decode(key, text) != NULL;
}

static fw_status key_add(key_list *list, const uint8_t key[FW_KEY_SIZE]) {
    uint8_t *grown = reallocarray(list->bytes, list->count + 1, FW_KEY_SIZE);
    if (grown == NULL)
        return fw_fail(FW_NO_MEMORY, "no memory for keys");
    memcpy(grown + list->count * FW_KEY_SIZE, key, FW_KEY_SIZE);
    list->bytes = grown;
    list->count++;
    return FW_OK;
}

/* '#' is a character of Z85, but never the first of a key: the group would exceed 32 bits. */
static fw_status read_line(const char *path, size_t number, char *line, key_list *list) {
    uint8_t key[FW_KEY_SIZE];
    char *start = line + strspn(line, " \t\r\n");
    if (*start == '\0' || *start == '#')
        return FW_OK;
    start[strcspn(start, " \t\r\n")] = '\0';
    if (!key_decodes(start, key))
        return fw_fail(FW_INVALID,
                       "%s: line %zu is no key: a key is 40 characters of Z85, as framewire keygen prints it", path,
                       number);
    return key_add(list, key);
}

static fw_status read_keys(const char *path, key_list *list) {
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return fw_fail_errno(errno, "the keys in %s cannot be read", path);
    char line[1024];
    fw_status status = FW_OK;
    bool certificate = false;
    for (size_t number = 1; status == FW_OK && !certificate && fgets(line, sizeof line, file) != NULL; number++) {
        certificate = strncmp(line, "metadata", 8) == 0 || strncmp(line, "curve", 5) == 0;
        bool whole = strchr(line, '\n') != NULL || feof(file);
        if (!whole)
            status = fw_fail(FW_INVALID, "%s: line %zu is too long for a key", path, number);
        else if (!certificate)
            status = read_line(path, number, line, list);
    }
    if (status == FW_OK && ferror(file))
        status = fw_fail_errno(errno, "the keys in %s cannot be read", path);
    fclose(file);
    if (status != FW_OK || !certificate)
        return status;

    zcert_t *cert = load_certificate(path);
    if (cert == NULL)
        return fw_fail(FW_INVALID, "%s: not a certificate", path);
    status = key_add(list, zcert_public_key(cert));
    zcert_destroy(&cert);
    return status;
}

/* The file must be the owner's alone, and is looked at before anything is read from it. */
static fw_status check_secret(const char *path) {
    struct stat file;
    if (stat(path, &file) != 0)
        return fw_fail_errno(errno, "%s: there is no key pair; framewire keygen makes one", path);
    if (!S_ISREG(file.st_mode))
        return fw_fail(FW_INVALID, "%s: not a file", path);
    if ((file.st_mode & 077) != 0)
        return fw_fail(FW_DENIED, "%s: others may read this secret key; chmod 600 it, or make a new one", path);
    return FW_OK;
}

static fw_status load_own(fw_security *self, const char *folder) {
    char path[PATH_MAX], secret[PATH_MAX];
    int size = snprintf(path, sizeof path, "%s/" FW_KEY_FILE, folder);
    if (size < 0 || (size_t)size + strlen("_secret") >= sizeof path)
        return fw_fail(FW_INVALID, "%s: the path is too long", folder);
    snprintf(secret, sizeof secret, "%.*s_secret", size, path);
    fw_status status = check_secret(secret);
    if (status != FW_OK)
        return status;

    zcert_t *cert = load_certificate(path);
    uint8_t key[FW_KEY_SIZE] = { 0 };
    char derived[KEY_TEXT + 1];
    if (cert == NULL || !key_decodes(zcert_secret_txt(cert), key) ||
        zmq_curve_public(derived, zcert_secret_txt(cert)) != 0 || strcmp(derived, zcert_public_txt(cert)) != 0) {
        status = fw_fail(FW_INVALID, "%s: not a key pair; framewire keygen makes one", secret);
    } else {
        memcpy(self->public_key, zcert_public_txt(cert), sizeof self->public_key);
        memcpy(self->secret_key, zcert_secret_txt(cert), sizeof self->secret_key);
    }
    explicit_bzero(key, sizeof key);
    zcert_destroy(&cert);
    return status;
}

static fw_status load_server(fw_security *self, const char *server_key) {
    uint8_t key[FW_KEY_SIZE];
    if (key_decodes(server_key, key)) {
        memcpy(self->server_key, server_key, sizeof self->server_key);
        return FW_OK;
    }
    key_list list = { 0 };
    fw_status status = read_keys(server_key, &list);
    if (status == FW_OK && list.count != 1)
        status = fw_fail(FW_INVALID, "%s: %zu keys; a server has one", server_key, list.count);
    if (status == FW_OK)
        zmq_z85_encode(self->server_key, list.bytes, FW_KEY_SIZE);
    free(list.bytes);
    return status;
}

fw_status fw_security_open(void *context, const char *keys, const char *allow, const char *server_key,
                           fw_security **self_p) {
    *self_p = NULL;
    if (!zmq_has("curve"))
        return fw_fail(FW_UNSUPPORTED, "this libzmq was built without CURVE: keys cannot be used");
    if (keys == NULL)
        return fw_fail(FW_INVALID, "keys that are let in, or a server's key, need own keys: --keys DIR");
    if (allow == NULL && server_key == NULL)
        return fw_fail(FW_INVALID, "own keys alone let anybody in or nobody: say who may connect (--allow FILE)");

    fw_security *self = calloc(1, sizeof *self);
    if (self == NULL)
        return fw_fail(FW_NO_MEMORY, "no memory for keys");
    fw_status status = load_own(self, keys);
    if (status == FW_OK && server_key != NULL)
        status = load_server(self, server_key);
    if (status == FW_OK && allow != NULL) {
        key_list list = { 0 };
        status = read_keys(allow, &list);
        if (status == FW_OK && list.count == 0)
            status = fw_fail(FW_INVALID, "%s: no key is in it, so that nobody could connect", allow);
        if (status == FW_OK)
            status = fw_zap_open(context, list.bytes, list.count, &self->zap);
        free(list.bytes);
    }
    if (status != FW_OK) {
        fw_security_close(&self);
        return status;
    }
    *self_p = self;
    return FW_OK;
}

static bool set(void *socket, int option, const char *text) {
    return zmq_setsockopt(socket, option, text, strlen(text) + 1) == 0;
}

fw_status fw_security_apply(const fw_security *self, void *zmq_socket, bool server) {
    if (server && self->zap == NULL)
        return fw_fail(FW_INVALID, "who listens with keys must say who may connect");
    if (!server && self->server_key[0] == '\0')
        return fw_fail(FW_INVALID, "who connects with keys must know the other side's public key");
    int yes = 1;
    bool done = server ? zmq_setsockopt(zmq_socket, ZMQ_CURVE_SERVER, &yes, sizeof yes) == 0 &&
                             zmq_setsockopt(zmq_socket, ENFORCE_DOMAIN, &yes, sizeof yes) == 0
                       : set(zmq_socket, ZMQ_CURVE_SERVERKEY, self->server_key) &&
                             set(zmq_socket, ZMQ_CURVE_PUBLICKEY, self->public_key);
    if (!done || !set(zmq_socket, ZMQ_CURVE_SECRETKEY, self->secret_key) ||
        zmq_setsockopt(zmq_socket, ZMQ_ZAP_DOMAIN, FW_ZAP_DOMAIN, strlen(FW_ZAP_DOMAIN)) != 0)
        return fw_fail(FW_IO, "libzmq refused the keys: %s", zmq_strerror(zmq_errno()));
    return FW_OK;
}

uint64_t fw_security_refused(const fw_security *self) {
    return self->zap == NULL ? 0 : fw_zap_refused(self->zap);
}

void fw_security_close(fw_security **self_p) {
    fw_security *self = *self_p;
    if (self == NULL)
        return;
    fw_zap_close(&self->zap);
    explicit_bzero(self, sizeof *self);
    free(self);
    *self_p = NULL;
}

void fw_czmq_version(fw_text *text) {
    int major, minor, patch;
    zsys_version(&major, &minor, &patch);
    fw_text_format(text, "CZMQ %d.%d.%d", major, minor, patch);
}
