#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace insula {

/// What went wrong, in the kinds a caller can act on differently. Each maps to one HTTP status (and
/// one Kubernetes `reason`); anything finer belongs in the message.
enum class ErrorCode : std::uint8_t {
  kBadRequest,           // 400: cannot be read at all
  kUnauthenticated,      // 401
  kForbidden,            // 403: known caller, not allowed, or refused by policy or quota
  kNotFound,             // 404
  kMethodNotAllowed,     // 405
  kNotAcceptable,        // 406
  kAlreadyExists,        // 409
  kConflict,             // 409: optimistic concurrency
  kExpired,              // 410: the revision asked for is compacted
  kTooLarge,             // 413
  kUnsupportedMedia,     // 415
  kInvalid,              // 422: readable, and against the rules; see causes()
  kTooManyRequests,      // 429
  kInternal,             // 500
  kNotImplemented,       // 501
  kUpstream,             // 502: the peer we called failed
  kUnavailable,          // 503
  kTimeout,              // 504
  kInsufficientStorage,  // 507: the disk is full
};

/// Who is to blame; decides log level and metric label.
enum class ErrorOrigin : std::uint8_t { kClient, kUpstream, kSelf };

/// Whether trying again can help, and when it is safe to.
enum class Retry : std::uint8_t { kNever, kSafe, kIfUnsent };

/// One field that is wrong. `reason` is Kubernetes' CauseType (FieldValueInvalid, ...).
struct FieldCause {
  std::string field;
  std::string reason;
  std::string message;

  bool operator==(const FieldCause&) const = default;
};

/// What an error concerns when that is not what was asked for: one object of many, or a namespace
/// that is not there. `kind` is a kind or a resource, as Kubernetes has it in the details of a
/// Status. Without any of them it concerns nothing.
struct ErrorSubject {
  std::string kind;
  std::string group;
  std::string name;

  bool operator==(const ErrorSubject&) const = default;
};

/// An expected failure, returned and never thrown. The message is written for the person who reads
/// it at night: what was tried, on what, why it failed. Lower case, no full stop, no secrets.
class [[nodiscard]] Error {
 public:
  Error(ErrorCode code, std::string message);
  Error(ErrorCode code, ErrorOrigin origin, std::string message);

  [[nodiscard]] ErrorCode code() const { return code_; }

  [[nodiscard]] ErrorOrigin origin() const { return origin_; }

  [[nodiscard]] Retry retry() const { return retry_; }

  [[nodiscard]] const std::string& message() const { return message_; }

  [[nodiscard]] const std::vector<FieldCause>& causes() const { return causes_; }

  /// Null: what was asked for.
  [[nodiscard]] const ErrorSubject* subject() const { return subject_.get(); }

  Error&& with_retry(Retry retry) &&;
  Error&& with_causes(std::vector<FieldCause> causes) &&;
  Error&& about(ErrorSubject subject) &&;
  /// Puts `context: ` before the message. Added once, where the context is known.
  Error&& in(std::string_view context) &&;

 private:
  std::string message_;
  std::vector<FieldCause> causes_;
  std::shared_ptr<const ErrorSubject> subject_;  // shared: few have one, and errors are copied
  ErrorCode code_;
  ErrorOrigin origin_;
  Retry retry_ = Retry::kNever;
};

/// HTTP status of a code; the one place where the two meet.
[[nodiscard]] int http_status(ErrorCode code);

/// Code of an HTTP status answered by a peer. Unknown 4xx become kBadRequest, others kInternal.
[[nodiscard]] ErrorCode error_code_of_status(int status);

/// A value or the Error that prevented it.
///
/// A class of its own, not an alias, because libstdc++ 12 does not mark std::expected
/// [[nodiscard]]: with the alias a dropped `co_await save();` would compile in silence.
template <class T = void>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using std::expected<T, Error>::expected;
};

/// `return fail(ErrorCode::kNotFound, "...")` from any function that returns a Result.
[[nodiscard]] std::unexpected<Error> fail(ErrorCode code, std::string message);

/// The error of the call that just failed, from errno: `open /x: No such file or directory`.
[[nodiscard]] std::unexpected<Error> fail_errno(std::string_view what);
[[nodiscard]] std::unexpected<Error> fail_errno(std::string_view what, int error_number);

}  // namespace insula

#define INSULA_CONCAT_INNER(a, b) a##b
#define INSULA_CONCAT(a, b) INSULA_CONCAT_INNER(a, b)

#define INSULA_TRY_IMPL(tmp, decl, return_, ...)             \
  auto tmp = __VA_ARGS__;                                    \
  if (!tmp) return_ std::unexpected(std::move(tmp).error()); \
  decl = *std::move(tmp)

/// `INSULA_TRY(auto x, f());` takes the value or returns the error. The coroutine forms use
/// co_return. The _VOID forms are for Result<>.
#define INSULA_TRY(decl, ...) \
  INSULA_TRY_IMPL(INSULA_CONCAT(try_result_, __LINE__), decl, return, __VA_ARGS__)
#define INSULA_CO_TRY(decl, ...) \
  INSULA_TRY_IMPL(INSULA_CONCAT(try_result_, __LINE__), decl, co_return, __VA_ARGS__)
#define INSULA_TRY_VOID(...)                                                \
  do {                                                                      \
    auto try_result = __VA_ARGS__;                                          \
    if (!try_result) return std::unexpected(std::move(try_result).error()); \
  } while (false)
#define INSULA_CO_TRY_VOID(...)                                                \
  do {                                                                         \
    auto try_result = __VA_ARGS__;                                             \
    if (!try_result) co_return std::unexpected(std::move(try_result).error()); \
  } while (false)
