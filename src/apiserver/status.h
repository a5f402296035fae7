#pragma once

#include <string>
#include <string_view>

#include "apiserver/request_info.h"
#include "base/error.h"

namespace insula::apiserver {

/// An Error as Kubernetes' Status, the one place where the two meet. `about` fills the details
/// where the error does not.
/// Spec: Kubernetes API Conventions, "Response Status Kind".
[[nodiscard]] std::string status_json(const Error& error, const RequestInfo& about);

/// Of a list that cannot go on in the state it began with: has the token with which it can go on
/// otherwise.
[[nodiscard]] std::string expired_list_status(const Error& error,
                                              const RequestInfo& about,
                                              std::string_view continue_token);

/// HTTP status that goes with it.
[[nodiscard]] int status_code(const Error& error);

/// The Status of a delete that removed the object at once.
[[nodiscard]] std::string deleted_status(const RequestInfo& about,
                                         std::string_view name,
                                         std::string_view uid);

}  // namespace insula::apiserver
