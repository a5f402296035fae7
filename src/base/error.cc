#include "base/error.h"

#include <cerrno>
#include <system_error>

#include <fmt/format.h>

namespace insula {
namespace {

ErrorOrigin default_origin(ErrorCode code) {
  if (code == ErrorCode::kUpstream) return ErrorOrigin::kUpstream;
  return http_status(code) < 500 ? ErrorOrigin::kClient : ErrorOrigin::kSelf;
}

}  // namespace

Error::Error(ErrorCode code, std::string message)
    : Error(code, default_origin(code), std::move(message)) {}

Error::Error(ErrorCode code, ErrorOrigin origin, std::string message)
    : message_(std::move(message)), code_(code), origin_(origin) {}

Error&& Error::with_retry(Retry retry) && {
  retry_ = retry;
  return std::move(*this);
}

Error&& Error::with_causes(std::vector<FieldCause> causes) && {
  causes_ = std::move(causes);
  return std::move(*this);
}

Error&& Error::about(ErrorSubject subject) && {
  subject_ = std::make_shared<const ErrorSubject>(std::move(subject));
  return std::move(*this);
}

Error&& Error::in(std::string_view context) && {
  message_ = fmt::format("{}: {}", context, message_);
  return std::move(*this);
}

int http_status(ErrorCode code) {
  switch (code) {
    case ErrorCode::kBadRequest:
      return 400;
    case ErrorCode::kUnauthenticated:
      return 401;
    case ErrorCode::kForbidden:
      return 403;
    case ErrorCode::kNotFound:
      return 404;
    case ErrorCode::kMethodNotAllowed:
      return 405;
    case ErrorCode::kNotAcceptable:
      return 406;
    case ErrorCode::kAlreadyExists:
    case ErrorCode::kConflict:
      return 409;
    case ErrorCode::kExpired:
      return 410;
    case ErrorCode::kTooLarge:
      return 413;
    case ErrorCode::kUnsupportedMedia:
      return 415;
    case ErrorCode::kInvalid:
      return 422;
    case ErrorCode::kTooManyRequests:
      return 429;
    case ErrorCode::kInternal:
      return 500;
    case ErrorCode::kNotImplemented:
      return 501;
    case ErrorCode::kUpstream:
      return 502;
    case ErrorCode::kUnavailable:
      return 503;
    case ErrorCode::kTimeout:
      return 504;
    case ErrorCode::kInsufficientStorage:
      return 507;
  }
  return 500;
}

ErrorCode error_code_of_status(int status) {
  switch (status) {
    case 401:
      return ErrorCode::kUnauthenticated;
    case 403:
      return ErrorCode::kForbidden;
    case 404:
      return ErrorCode::kNotFound;
    case 405:
      return ErrorCode::kMethodNotAllowed;
    case 406:
      return ErrorCode::kNotAcceptable;
    case 409:
      return ErrorCode::kConflict;
    case 410:
      return ErrorCode::kExpired;
    case 413:
      return ErrorCode::kTooLarge;
    case 415:
      return ErrorCode::kUnsupportedMedia;
    case 422:
      return ErrorCode::kInvalid;
    case 429:
      return ErrorCode::kTooManyRequests;
    case 501:
      return ErrorCode::kNotImplemented;
    case 502:
      return ErrorCode::kUpstream;
    case 503:
      return ErrorCode::kUnavailable;
    case 504:
      return ErrorCode::kTimeout;
    case 507:
      return ErrorCode::kInsufficientStorage;
    default:
      return status >= 400 && status < 500 ? ErrorCode::kBadRequest : ErrorCode::kInternal;
  }
}

std::unexpected<Error> fail(ErrorCode code, std::string message) {
  return std::unexpected(Error(code, std::move(message)));
}

std::unexpected<Error> fail_errno(std::string_view what) {
  return fail_errno(what, errno);
}

std::unexpected<Error> fail_errno(std::string_view what, int error_number) {
  const auto code = error_number == ENOSPC || error_number == EDQUOT
                        ? ErrorCode::kInsufficientStorage
                    : error_number == ENOENT                          ? ErrorCode::kNotFound
                    : error_number == EACCES || error_number == EPERM ? ErrorCode::kForbidden
                                                                      : ErrorCode::kInternal;
  return std::unexpected(
      Error(code, ErrorOrigin::kSelf,
            fmt::format("{}: {}", what, std::generic_category().message(error_number))));
}

}  // namespace insula
