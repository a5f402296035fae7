#pragma once

#include <string_view>

#include "api/gen/core_v1.h"
#include "apiserver/request_info.h"
#include "base/error.h"
#include "http/message.h"
#include "json/value.h"

namespace insula::apiserver {

/// Goes on for as long as the client wants: to a node, or to a pod itself.
[[nodiscard]] bool is_relayed(const RequestInfo& info);

/// To a pod itself.
[[nodiscard]] bool is_proxied(const RequestInfo& info);

/// Those of a pod that run or reach something in it.
[[nodiscard]] bool is_terminal(const RequestInfo& info);

/// What a request to connect to a pod says about it, in the form of Kubernetes' options.
[[nodiscard]] json::Value connect_options(const RequestInfo& info, const http::Request& request);

/// Of a pod that no node has yet: there is nothing to connect to, and nothing was logged.
/// `container` may be empty. Errors: kBadRequest.
[[nodiscard]] Result<> check_unplaced(const api::Pod& pod,
                                      const RequestInfo& info,
                                      std::string_view container);

}  // namespace insula::apiserver
