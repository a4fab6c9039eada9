/* What statuses and events are called. */
#include "command.h"

const char *ibv_wc_status_str(enum ibv_wc_status status) {
  static const char *const names[] = {
      "success", "local length error", "local queue pair operation error", "local EE context operation error", "local protection error",
      "work request flushed", "memory window bind error", "bad response error", "local access error", "remote invalid request error",
      "remote access error", "remote operation error", "transport retries exceeded", "receiver-not-ready retries exceeded", "local RDD violation error",
      "remote invalid RD request", "remote aborted error", "invalid EE context number", "invalid EE context state", "fatal error", "response time-out error",
      "general error"};
  return (unsigned)status < sizeof names / sizeof *names ? names[status] : "unknown";
}

const char *ibv_event_type_str(enum ibv_event_type event) {
  static const char *const names[] = {
      "completion queue error", "fatal error of a queue pair", "invalid request at a queue pair", "access violation at a queue pair",
      "communication established", "send queue drained", "path migrated", "path migration failed", "fatal error of the device", "port active",
      "port error", "LID changed", "P_Key table changed", "subnet manager changed", "shared receive queue error", "shared receive queue limit reached",
      "last work request reached", "client reregistration wanted", "GID table changed"};
  return (unsigned)event < sizeof names / sizeof *names ? names[event] : "unknown";
}
