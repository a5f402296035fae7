#include <string_view>

#include <fmt/format.h>

#include "api/validation/names.h"
#include "api/validation/pod.h"
#include "api/validation/resources.h"

namespace insula::api {

namespace {

void validate_exec(const ExecAction& action, const FieldPath& path, FieldErrors& errors) {
  if (action.command.empty()) errors.required(path.child("command"));
}

void validate_http_get(const HTTPGetAction& action, const FieldPath& path, FieldErrors& errors) {
  if (action.path.empty()) errors.required(path.child("path"));
  validate_port_number_or_name(action.port, path.child("port"), errors);
  if (action.scheme != "HTTP" && action.scheme != "HTTPS") {
    errors.not_supported(path.child("scheme"), action.scheme, {"HTTP", "HTTPS"});
  }
  for (const HTTPHeader& header : action.http_headers) {
    errors.invalid_each(path.child("httpHeaders"), header.name,
                        check_http_header_name(header.name));
  }
}

/// Notes that a way of checking is set, and returns whether it is the first.
class OneHandler {
 public:
  OneHandler(const FieldPath& path, FieldErrors& errors) : path_(path), errors_(errors) {}

  bool take(std::string_view name) {
    if (++count_ == 1) return true;
    errors_.forbidden(path_.child(name), "may not specify more than 1 handler type");
    return false;
  }

  void finish() const {
    if (count_ == 0) errors_.required(path_, "must specify a handler type");
  }

 private:
  const FieldPath& path_;
  FieldErrors& errors_;
  int count_ = 0;
};

void validate_handler(const ProbeHandler& handler, const FieldPath& path, FieldErrors& errors) {
  OneHandler one(path, errors);
  if (handler.exec && one.take("exec")) validate_exec(*handler.exec, path.child("exec"), errors);
  if (handler.http_get && one.take("httpGet")) {
    validate_http_get(*handler.http_get, path.child("httpGet"), errors);
  }
  if (handler.tcp_socket && one.take("tcpSocket")) {
    validate_port_number_or_name(handler.tcp_socket->port, path.child("tcpSocket").child("port"),
                                 errors);
  }
  if (handler.grpc && one.take("grpc")) {
    validate_port_number_or_name(handler.grpc->port, path.child("grpc").child("port"), errors);
  }
  one.finish();
}

void validate_handler(const LifecycleHandler& handler,
                      std::int64_t grace_seconds,
                      const FieldPath& path,
                      FieldErrors& errors) {
  OneHandler one(path, errors);
  if (handler.exec && one.take("exec")) validate_exec(*handler.exec, path.child("exec"), errors);
  if (handler.http_get && one.take("httpGet")) {
    validate_http_get(*handler.http_get, path.child("httpGet"), errors);
  }
  if (handler.tcp_socket && one.take("tcpSocket")) {
    validate_port_number_or_name(handler.tcp_socket->port, path.child("tcpSocket").child("port"),
                                 errors);
  }
  if (handler.sleep && one.take("sleep")) {
    const std::int64_t seconds = handler.sleep->seconds;
    if (seconds < 0 || seconds > grace_seconds) {
      errors.invalid(
          path.child("sleep"), seconds,
          fmt::format("must be non-negative and less than terminationGracePeriodSeconds ({})",
                      grace_seconds));
    }
  }
  one.finish();
}

void validate_probe(const Probe& probe, const FieldPath& path, FieldErrors& errors) {
  validate_handler(probe.handler, path, errors);
  const auto not_negative = [&](std::string_view name, std::int32_t value) {
    if (value < 0) errors.invalid(path.child(name), value, kNegative);
  };
  not_negative("initialDelaySeconds", probe.initial_delay_seconds);
  not_negative("timeoutSeconds", probe.timeout_seconds);
  not_negative("periodSeconds", probe.period_seconds);
  not_negative("successThreshold", probe.success_threshold);
  not_negative("failureThreshold", probe.failure_threshold);
  if (probe.termination_grace_period_seconds && *probe.termination_grace_period_seconds <= 0) {
    errors.invalid(path.child("terminationGracePeriodSeconds"),
                   *probe.termination_grace_period_seconds, "must be greater than 0");
  }
}

}  // namespace

void validate_port_number_or_name(const IntOrString& port,
                                  const FieldPath& path,
                                  FieldErrors& errors) {
  if (port.is_string()) {
    errors.invalid_each(path, port.name(), check_port_name(port.name()));
  } else {
    errors.invalid_each(path, port.number(), check_port_number(port.number()));
  }
}

void validate_probes(const Container& container, const FieldPath& path, FieldErrors& errors) {
  const auto restarting = [&](const Box<Probe>& probe, const FieldPath& at) {
    if (!probe) return;
    validate_probe(*probe, at, errors);
    if (probe->success_threshold != 1) {
      errors.invalid(at.child("successThreshold"), probe->success_threshold, "must be 1");
    }
  };
  restarting(container.liveness_probe, path.child("livenessProbe"));
  if (container.readiness_probe) {
    const Probe& probe = *container.readiness_probe;
    const FieldPath at = path.child("readinessProbe");
    validate_probe(probe, at, errors);
    if (probe.termination_grace_period_seconds) {
      errors.invalid(at.child("terminationGracePeriodSeconds"),
                     *probe.termination_grace_period_seconds,
                     "must not be set for readinessProbes");
    }
  }
  restarting(container.startup_probe, path.child("startupProbe"));
}

void validate_lifecycle(const Lifecycle& lifecycle,
                        const PodContext& pod,
                        const FieldPath& path,
                        FieldErrors& errors) {
  const std::int64_t grace_seconds = pod.spec.termination_grace_period_seconds.value_or(0);
  if (lifecycle.post_start) {
    validate_handler(*lifecycle.post_start, grace_seconds, path.child("postStart"), errors);
  }
  if (lifecycle.pre_stop) {
    validate_handler(*lifecycle.pre_stop, grace_seconds, path.child("preStop"), errors);
  }
  if (lifecycle.stop_signal && !pod.spec.os) {
    errors.forbidden(path.child("stopSignal"),
                     "may not be set for containers with empty `spec.os.name`");
  }
}

}  // namespace insula::api
