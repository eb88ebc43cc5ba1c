#include "report.h"

#include "errors.h"
#include "fields.h"

int gs_report_open(const gs_handshake *handshake, gs_buf *fields) {
  double ping_interval = handshake->ping_interval_ms / 1e3;
  double ping_timeout = handshake->ping_timeout_ms / 1e3;
  double max_payload = (double)handshake->max_payload;
  int err = gs_fields_put_number(fields, "version", handshake->version);
  if (!err) err = gs_fields_put_text(fields, "sid", handshake->sid);
  if (!err) err = gs_fields_put_number(fields, "ping_interval", ping_interval);
  if (!err) err = gs_fields_put_number(fields, "ping_timeout", ping_timeout);
  if (!err) err = gs_fields_put_number(fields, "max_payload", max_payload);
  if (!err) {
    err = gs_fields_put_string(fields, "handshake", handshake->json,
                               handshake->json_len);
  }
  return err;
}

static const char *report_reason(int error, bool was_open) {
  if (error == GS_ERR_CANCELLED) return "forced close";
  if (error == GS_ERR_HEARTBEAT) return "ping timeout";
  if (!was_open) return "transport error";
  if (error == 0 || error == GS_ERR_NETWORK) return "transport close";
  if (error == GS_ERR_PROTOCOL) return "parse error";
  return "transport error";
}

int gs_report_closed(const gs_websocket_failure *failure, bool was_open,
                     gs_buf *fields) {
  int code = failure->error ? failure->error : GS_ERR_CLOSED;
  int err = gs_fields_put_text(fields, "reason",
                               report_reason(failure->error, was_open));
  if (!err) err = gs_fields_put_text(fields, "kind", gs_error_kind(code));
  if (!err) err = gs_fields_put_text(fields, "code", gs_error_name(code));
  if (!err) err = gs_fields_put_text(fields, "message", failure->text);
  if (!err) {
    err = gs_fields_put_text(fields, "phase", gs_phase_name(failure->phase));
  }
  if (!err && failure->status && failure->status != 101) {
    err = gs_fields_put_number(fields, "status", failure->status);
  }
  if (!err && failure->body) {
    err =
        gs_fields_put_string(fields, "body", failure->body, failure->body_len);
  }
  if (!err && failure->retry_after && *failure->retry_after) {
    err = gs_fields_put_text(fields, "retry_after", failure->retry_after);
    if (!err) err = gs_fields_put_text(fields, "date", failure->date);
  }
  if (!err && failure->close_code) {
    err = gs_fields_put_number(fields, "close_code", failure->close_code);
  }
  if (!err && failure->sys_errno) {
    err = gs_fields_put_number(fields, "errno", failure->sys_errno);
  }
  return err;
}
