/* fuzz_message: bytes as what comes from a peer: frames on a stream, or, behind the eight letters
 * "announce", what rank 0 tells first. What is accepted is packed again to the same bytes, and what
 * is said about it to the user is harmless and well formed.
 */
#include <stdbool.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/log.h"
#include "coord/announce.h"
#include "fuzz.h"
#include "report/awaited.h"
#include "report/block.h"
#include "report/html.h"
#include "report/json.h"
#include "report/report.h"
#include "report/sentence.h"
#include "report/summary.h"
#include "wire/message.h"
#include "wire/outcome.h"
#include "wire/pack.h"
#include "wire/regrouping.h"
#include "wire/slice.h"
#include "wire/waiting.h"

#define ANNOUNCE "announce"

/* Compares and frees. */
static void check_same(struct buf *packed, const char *data, size_t len)
{
    FUZZ_CHECK(packed->len == len && (!len || !memcmp(packed->data, data, len)));
    buf_free(packed);
}

static void check_said(struct buf *said)
{
    fuzz_check_text(said->data, said->len);
    buf_free(said);
}

/* ---- causes and outcomes: what the report makes of them ---- */

static void check_sentences(const struct cause *cause)
{
    struct buf said = {0};

    report_sentence(&said, cause);
    FUZZ_CHECK(said.len);
    check_said(&said);
    report_cause_block(&said, cause);
    FUZZ_CHECK(said.len && said.data[said.len - 1] == '\n');
    check_said(&said);
}

static void take_cause(const char *data, size_t len)
{
    struct cause *cause = message_unpack_cause(data, len);
    struct buf packed = {0};

    if (!cause)
        return;
    message_pack_cause(&packed, cause);
    check_same(&packed, data, len);
    check_sentences(cause);
    cause_free(cause);
}

static void check_reports(const struct report *report)
{
    struct buf said = {0};
    cJSON *json;

    report_summary(&said, report, "/run", "/run/launcher.log");
    check_said(&said);
    report_html(&said, report);
    check_said(&said);
    report_json(&said, report);
    json = cJSON_ParseWithLength(said.data, said.len);
    FUZZ_CHECK(json);
    cJSON_Delete(json);
    buf_free(&said);
}

static void take_waiting(const char *data, size_t len)
{
    struct waiting waiting;
    struct buf packed = {0}, said = {0};

    if (message_unpack_waiting(data, len, &waiting))
        return;
    FUZZ_CHECK(waiting.n >= 0 && waiting.n <= WAITING_MOST && waiting.n <= waiting.left);
    message_pack_waiting(&packed, &waiting);
    check_same(&packed, data, len);
    report_awaited(&said, &waiting, "vm1", 1000);
    buf_add(&said, "\n", 1);
    check_said(&said);
}

static void take_regrouping(const char *data, size_t len)
{
    struct regrouping r;
    struct buf packed = {0};

    if (!message_unpack_regrouping(data, len, &r)) {
        FUZZ_CHECK(r.n > 0 && r.rank < r.n && r.machine < r.n);
        message_pack_regrouping(&packed, &r);
        check_same(&packed, data, len);
    }
    regrouping_clear(&r);
}

static void take_outcome(const char *data, size_t len)
{
    static const struct phase phases[] = {{"servers", 0, 10}, {"trainers", 10, -1}};
    struct outcome outcome;
    struct buf packed = {0};

    if (message_unpack_outcome(data, len, &outcome))
        return;
    message_pack_outcome(&packed, &outcome);
    check_same(&packed, data, len);
    check_reports(&(struct report){.version = "0",
                                   .job_id = "20261124T104937Z-1-ab12",
                                   .command = "python3 train.py",
                                   .started_at = "2026-11-24T10:49:37Z",
                                   .exit_code = outcome.cause ? outcome.cause->code : 0,
                                   .phases = phases,
                                   .n_phases = 2,
                                   .outcomes = &outcome,
                                   .n_outcomes = 1,
                                   .cause = outcome.cause});
    outcome_clear(&outcome);
}

/* ---- slices and announcements ---- */

static void check_env(const struct strv *env)
{
    for (size_t i = 0; i < env->n; i++)
        FUZZ_CHECK(strchr(env->items[i], '=') > env->items[i]);
}

static void check_slice(const struct slice *s)
{
    FUZZ_CHECK(s->machine >= 0 && s->machine < s->machines);
    FUZZ_CHECK(s->port >= 0 && s->port <= 65535);
    FUZZ_CHECK(s->job_id && s->host && s->ip && s->workspace && s->ip_config);
    FUZZ_CHECK(s->command || s->argv.n);
    check_env(&s->set);
    check_env(&s->defaults);
    for (int i = 0; i < s->n_processes; i++) {
        FUZZ_CHECK(s->processes[i].port >= 0 && s->processes[i].port <= 65535);
        check_env(&s->processes[i].env);
    }
}

static void take_slice(const char *data, size_t len)
{
    struct slice *slice = message_unpack_slice(data, len), *again;
    struct buf packed = {0}, repacked = {0};

    if (!slice)
        return;
    check_slice(slice);
    message_pack_slice(&packed, slice); /* not the same bytes, if the models were others */
    again = message_unpack_slice(packed.data, packed.len);
    FUZZ_CHECK(again);
    message_pack_slice(&repacked, again);
    check_same(&repacked, packed.data, packed.len);
    buf_free(&packed);
    slice_free(again);
    slice_free(slice);
}

static void take_folder(const char *data, size_t len)
{
    struct folder folder;
    struct buf packed = {0};

    if (message_unpack_folder(data, len, &folder)) {
        FUZZ_CHECK(!folder.path);
        return;
    }
    FUZZ_CHECK(folder.path[0] == '/');
    message_pack_folder(&packed, &folder);
    check_same(&packed, data, len);
    folder_clear(&folder);
}

static void check_announce(const struct announce *a)
{
    FUZZ_CHECK(a->log_level >= LOG_QUIET && a->log_level <= LOG_VERBOSE);
    FUZZ_CHECK(a->preempt_signal >= 0 && a->preempt_signal < 65 && a->lost_timeout_ms >= 0);
    FUZZ_CHECK(a->hosts.n <= HOSTS_MAX);
    for (size_t i = 0; i < a->hosts.n; i++)
        FUZZ_CHECK(a->hosts.items[i].port >= 1 && a->hosts.items[i].port <= 65535);
}

static void take_announce(const char *data, size_t len)
{
    struct announce announce;
    struct buf in = {0}, packed = {0};
    struct err err = {0};

    buf_add(&in, data, len);
    if (announce_unpack(&announce, &in, &err)) {
        FUZZ_CHECK(err.code == EXIT_LAUNCHER && err.text[0]);
    } else {
        check_announce(&announce);
        announce_pack(&packed, &announce);
        check_same(&packed, data, len);
        announce_free(&announce);
    }
    buf_free(&in);
}

/* ---- frames ---- */

/* An alarm's cause stands behind its attempt. */
static void take_alarm(const char *data, size_t len)
{
    if (len >= 4)
        take_cause(data + 4, len - 4);
}

static void take_payload(enum message_type type, const char *data, size_t len)
{
    switch (type) {
    case MESSAGE_PLAN:
    case MESSAGE_SLICE: take_slice(data, len); break;
    case MESSAGE_FAILED:
    case MESSAGE_LEFT:
    case MESSAGE_PREEMPT: take_cause(data, len); break;
    case MESSAGE_ALARM: take_alarm(data, len); break;
    case MESSAGE_OUTCOME: take_outcome(data, len); break;
    case MESSAGE_WAITING: take_waiting(data, len); break;
    case MESSAGE_REGROUP: take_regrouping(data, len); break;
    case MESSAGE_FOLDER: take_folder(data, len); break;
    default: break;
    }
}

static void take_frames(const char *data, size_t size)
{
    struct buf in = {0};
    enum message_type type;
    const char *payload;
    size_t len;
    int rc;

    buf_add(&in, data, size);
    while ((rc = message_next(&in, &type, &payload, &len)) == 1) {
        struct buf again = {0};

        FUZZ_CHECK(type >= MESSAGE_PLAN && type < MESSAGE_COUNT);
        FUZZ_CHECK(payload >= in.data && payload + len <= in.data + in.len);
        message_frame(&again, type, payload, len);
        check_same(&again, in.data, MESSAGE_HEADER + len);
        take_payload(type, payload, len);
        buf_consume(&in, MESSAGE_HEADER + len);
    }
    buf_free(&in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;
    size_t head = strlen(ANNOUNCE);

    if (size >= head && !memcmp(bytes, ANNOUNCE, head))
        take_announce(bytes + head, size - head);
    else
        take_frames(bytes, size);
    return 0;
}
