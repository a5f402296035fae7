#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "async/task.h"
#include "base/error.h"

namespace insula::cli {

/// Parameters of a question to the gateway, in order.
using QueryParameters = std::vector<std::pair<std::string, std::string>>;

/// Asks the gateway of a data directory on its own socket, which is its owner's and root's alone,
/// and gives the answer to `take` piece by piece, as it comes.
///
/// Errors: what the gateway says; kUnavailable and others of http::Client, with a hint, when it
/// does not answer; what `take` returns.
Task<Result<>> ask_gateway(std::string data_dir,
                           std::string path,
                           QueryParameters parameters,
                           std::function<Result<>(std::string_view)> take);

/// The same for an answer that is collected.
Task<Result<std::string>> ask_gateway(std::string data_dir,
                                      std::string path,
                                      QueryParameters parameters);

}  // namespace insula::cli
