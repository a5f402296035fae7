#include "apiserver/status.h"

#include <utility>

#include "json/value.h"
#include "json/write.h"

namespace insula::apiserver {

namespace {

std::string_view reason(const Error& error) {
  switch (error.code()) {
    case ErrorCode::kBadRequest:
      return "BadRequest";
    case ErrorCode::kUnauthenticated:
      return "Unauthorized";
    case ErrorCode::kForbidden:
      return "Forbidden";
    case ErrorCode::kNotFound:
      return "NotFound";
    case ErrorCode::kMethodNotAllowed:
      return "MethodNotAllowed";
    case ErrorCode::kNotAcceptable:
      return "NotAcceptable";
    case ErrorCode::kAlreadyExists:
      return "AlreadyExists";
    case ErrorCode::kConflict:
      return "Conflict";
    case ErrorCode::kExpired:
      return "Expired";
    case ErrorCode::kTooLarge:
      return "RequestEntityTooLarge";
    case ErrorCode::kUnsupportedMedia:
      return "UnsupportedMediaType";
    case ErrorCode::kInvalid:
      return "Invalid";
    case ErrorCode::kTooManyRequests:
      return "TooManyRequests";
    case ErrorCode::kTimeout:
      return "Timeout";
    case ErrorCode::kUnavailable:
      return "ServiceUnavailable";
    case ErrorCode::kInsufficientStorage:
      return "InsufficientStorage";
    case ErrorCode::kNotImplemented:
      return "NotImplemented";
    case ErrorCode::kInternal:
    case ErrorCode::kUpstream:
      return "InternalError";
  }
  return "InternalError";
}

/// Seconds after which a client should try again; 0: no advice.
int retry_after(const Error& error) {
  const bool soon = error.code() == ErrorCode::kTooManyRequests ||
                    error.code() == ErrorCode::kUnavailable ||
                    (error.code() == ErrorCode::kTimeout && !error.causes().empty());
  return soon ? 1 : 0;
}

json::Object status_head(std::string_view status) {
  return {
      {"kind", "Status"}, {"apiVersion", "v1"}, {"metadata", json::Object()}, {"status", status}};
}

}  // namespace

int status_code(const Error& error) {
  return http_status(error.code());
}

namespace {

/// Whether it is said of a resource that it is so, and not of the request as such.
bool concerns_resource(const Error& error) {
  switch (error.code()) {
    case ErrorCode::kBadRequest:
    case ErrorCode::kUnauthenticated:
    case ErrorCode::kMethodNotAllowed:
    case ErrorCode::kNotAcceptable:
    case ErrorCode::kUnsupportedMedia:
    case ErrorCode::kTooLarge:
    case ErrorCode::kTimeout:
      return false;
    default:
      return true;
  }
}

json::Object subject(std::string_view name, std::string_view group, std::string_view kind) {
  json::Object details;
  if (!name.empty()) details.set("name", name);
  if (!group.empty()) details.set("group", group);
  if (!kind.empty()) details.set("kind", kind);
  return details;
}

json::Object subject_of(const Error& error, const RequestInfo& about) {
  if (!concerns_resource(error)) return {};
  if (const ErrorSubject* own = error.subject()) return subject(own->name, own->group, own->kind);
  if (!about.is_resource) return {};
  return subject(about.name, about.group, about.resource);
}

/// Whether there are details even when they are empty, as of what is refused by its path alone.
bool names_nothing(const Error& error, const RequestInfo& about) {
  if (error.subject() != nullptr) return *error.subject() == ErrorSubject{};
  return error.code() == ErrorCode::kMethodNotAllowed ||
         (error.code() == ErrorCode::kNotFound && !about.is_resource);
}

json::Object status_of(const Error& error, const RequestInfo& about) {
  json::Object details = subject_of(error, about);
  json::Object status = status_head("Failure");
  status.set("message", error.message());
  status.set("reason", reason(error));
  if (!error.causes().empty()) {
    json::Array causes;
    for (const FieldCause& cause : error.causes()) {
      json::Object entry{{"reason", cause.reason}, {"message", cause.message}};
      if (!cause.field.empty()) entry.set("field", cause.field);
      causes.push_back(std::move(entry));
    }
    details.set("causes", std::move(causes));
  }
  if (const int seconds = retry_after(error); seconds > 0)
    details.set("retryAfterSeconds", seconds);
  if (!details.empty() || names_nothing(error, about)) status.set("details", std::move(details));
  status.set("code", status_code(error));
  return status;
}

}  // namespace

std::string status_json(const Error& error, const RequestInfo& about) {
  return json::write(status_of(error, about));
}

std::string expired_list_status(const Error& error,
                                const RequestInfo& about,
                                std::string_view continue_token) {
  json::Object status = status_of(error, about);
  status.set("metadata", json::Object{{"continue", continue_token}});
  return json::write(status);
}

std::string deleted_status(const RequestInfo& about, std::string_view name, std::string_view uid) {
  json::Object status = status_head("Success");
  json::Object details{{"name", name}};
  if (!about.group.empty()) details.set("group", about.group);
  details.set("kind", about.resource);
  details.set("uid", uid);
  status.set("details", std::move(details));
  return json::write(status);
}

}  // namespace insula::apiserver
