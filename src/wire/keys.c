#include "wire/keys.h"

#define SPAN(text) \
    { text, sizeof text - 1 }

const fw_span fw_key_names[FW_KEY_COUNT] = {
    [FW_KEY_V] = SPAN("v"),
    [FW_KEY_KIND] = SPAN("kind"),
    [FW_KEY_EPOCH] = SPAN("epoch"),
    [FW_KEY_SEQ] = SPAN("seq"),
    [FW_KEY_STATUS] = SPAN("status"),
    [FW_KEY_ERROR] = SPAN("error"),
    [FW_KEY_WORKER] = SPAN("worker"),
    [FW_KEY_ATTEMPT] = SPAN("attempt"),
    [FW_KEY_ITEM] = SPAN("item"),
    [FW_KEY_SHAPE] = SPAN("shape"),
    [FW_KEY_DTYPE] = SPAN("dtype"),
    [FW_KEY_FORMAT] = SPAN("format"),
    [FW_KEY_ENCODING] = SPAN("encoding"),
    [FW_KEY_TIME] = SPAN("time"),
    [FW_KEY_MONOTONIC] = SPAN("monotonic"),
    [FW_KEY_META] = SPAN("meta"),
    [FW_KEY_ARRAYS] = SPAN("arrays"),
    [FW_KEY_CAPTURED] = SPAN("captured"),
    [FW_KEY_SENT] = SPAN("sent"),
    [FW_KEY_DONE] = SPAN("done"),
    [FW_KEY_DEAD] = SPAN("dead"),
    [FW_KEY_DROPPED] = SPAN("dropped"),
    [FW_KEY_STREAMS] = SPAN("streams"),
    [FW_KEY_NAME] = SPAN("name"),
    [FW_KEY_GUARDED] = SPAN("guarded"),
    [FW_KEY_LOST] = SPAN("lost"),
    [FW_KEY_REGION] = SPAN("region"),
    [FW_KEY_SLOT] = SPAN("slot"),
    [FW_KEY_GEN] = SPAN("gen"),
    [FW_KEY_OFFSET] = SPAN("offset"),
    [FW_KEY_LENGTH] = SPAN("length"),
    [FW_KEY_COPY] = SPAN("copy"),
    [FW_KEY_RELEASES] = SPAN("releases"),
    [FW_KEY_INSTANCE] = SPAN("instance"),
    [FW_KEY_ROLE] = SPAN("role"),
    [FW_KEY_HOST] = SPAN("host"),
    [FW_KEY_CREDIT] = SPAN("credit"),
    [FW_KEY_QUEUE] = SPAN("queue"),
    [FW_KEY_RESULTS] = SPAN("results"),
    [FW_KEY_SUPERVISOR] = SPAN("supervisor"),
    [FW_KEY_HELD] = SPAN("held"),
    [FW_KEY_READS] = SPAN("reads"),
    [FW_KEY_SENDER] = SPAN("sender"),
    [FW_KEY_DEADLINE] = SPAN("deadline"),
    [FW_KEY_GRACE] = SPAN("grace"),
    [FW_KEY_VALUE_MAX] = SPAN("value_max"),
    [FW_KEY_ARRAY_MAX] = SPAN("array_max"),
    [FW_KEY_RESULT_MAX] = SPAN("result_max"),
    [FW_KEY_DOOR] = SPAN("door"),
    [FW_KEY_TOKEN] = SPAN("token"),
    [FW_KEY_REASON] = SPAN("reason"),
    [FW_KEY_COUNTS] = SPAN("counts"),
    [FW_KEY_WORKERS] = SPAN("workers"),
    [FW_KEY_UNFINISHED] = SPAN("unfinished"),
    [FW_KEY_STARTED] = SPAN("started"),
};

const fw_span fw_kind_names[FW_KIND_COUNT] = {
    [FW_KIND_UNKNOWN] = SPAN(""),          [FW_KIND_FRAME] = SPAN("frame"),     [FW_KIND_END] = SPAN("end"),
    [FW_KIND_RESULT] = SPAN("result"),     [FW_KIND_START] = SPAN("start"),     [FW_KIND_GO] = SPAN("go"),
    [FW_KIND_PROGRESS] = SPAN("progress"), [FW_KIND_RETURN] = SPAN("return"),   [FW_KIND_RECALL] = SPAN("recall"),
    [FW_KIND_HELLO] = SPAN("hello"),       [FW_KIND_WELCOME] = SPAN("welcome"), [FW_KIND_WHO] = SPAN("who"),
    [FW_KIND_CREDIT] = SPAN("credit"),     [FW_KIND_RELEASE] = SPAN("release"), [FW_KIND_DIED] = SPAN("died"),
    [FW_KIND_STATS] = SPAN("stats"),       [FW_KIND_BYE] = SPAN("bye"),
};

const fw_span fw_verdict_names[FW_VERDICT_COUNT] = {
    [FW_VERDICT_NONE] = SPAN(""),
    [FW_DONE] = SPAN("done"),
    [FW_ERROR] = SPAN("error"),
    [FW_DEAD] = SPAN("dead"),
};

const fw_span fw_role_names[FW_ROLE_COUNT] = {
    [FW_ROLE_NONE] = SPAN(""),
    [FW_ROLE_WORKER] = SPAN("worker"),
    [FW_ROLE_OBSERVER] = SPAN("observer"),
    [FW_ROLE_SUPERVISOR] = SPAN("supervisor"),
};

const char *fw_reason_text(fw_reason reason) {
    static const char *const texts[FW_REASON_COUNT] = {
        [FW_REASON_NONE] = "none",         [FW_REASON_PARTS] = "parts",
        [FW_REASON_STREAM] = "stream",     [FW_REASON_HEADER_SIZE] = "header_size",
        [FW_REASON_MSGPACK] = "msgpack",   [FW_REASON_VERSION] = "version",
        [FW_REASON_FIELD] = "field",       [FW_REASON_DTYPE] = "dtype",
        [FW_REASON_ENCODING] = "encoding", [FW_REASON_SHAPE] = "shape",
        [FW_REASON_PAYLOAD] = "payload",
    };
    return (unsigned)reason < FW_REASON_COUNT ? texts[reason] : "none";
}

const char *fw_verdict_text(fw_verdict verdict) {
    return (unsigned)verdict < FW_VERDICT_COUNT ? fw_verdict_names[verdict].data : "";
}

const char *fw_role_text(fw_role role) {
    return (unsigned)role < FW_ROLE_COUNT ? fw_role_names[role].data : "";
}
