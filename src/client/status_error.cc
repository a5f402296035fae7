#include "client/status_error.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "json/parse.h"

namespace insula::client {

namespace {

// 409 and 410 each stand for several things; the reason tells them apart.
ErrorCode code_of(int http_status, std::string_view reason) {
  if (reason == "AlreadyExists") return ErrorCode::kAlreadyExists;
  if (reason == "Conflict") return ErrorCode::kConflict;
  if (reason == "Expired" || reason == "Gone") return ErrorCode::kExpired;
  return error_code_of_status(http_status);
}

}  // namespace

Error error_of_status(const json::Value& status) {
  const auto code = static_cast<int>(status["code"].as_int64().value_or(500));
  Error error(code_of(code, status["reason"].text()),
              std::string(status["message"].text("no message")));
  std::vector<FieldCause> causes;
  if (const json::Array* list = status["details"]["causes"].as_array()) {
    for (const json::Value& cause : *list) {
      causes.push_back({std::string(cause["field"].text()), std::string(cause["reason"].text()),
                        std::string(cause["message"].text())});
    }
  }
  const bool again = code == 429 || code == 503;
  return std::move(error)
      .with_causes(std::move(causes))
      .with_retry(again ? Retry::kSafe : Retry::kNever);
}

Error error_of_answer(int http_status, std::string_view body) {
  constexpr std::size_t kQuotedMax = 200;
  Result<json::Value> status = json::parse(body);
  if (status && (*status)["kind"].text() == "Status") {
    json::Value& object = *status;
    if (!std::as_const(object)["code"].as_int64()) object["code"] = http_status;
    return error_of_status(object);
  }
  return {error_code_of_status(http_status),
          fmt::format("the server answered {}: {}", http_status, body.substr(0, kQuotedMax))};
}

bool has_gone(const Error& error) {
  return error.code() == ErrorCode::kNotFound || error.code() == ErrorCode::kConflict ||
         std::ranges::find(error.causes(), "metadata.uid", &FieldCause::field) !=
             error.causes().end();
}

}  // namespace insula::client
