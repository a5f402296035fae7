#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "async/task.h"
#include "base/error.h"
#include "cli/options.h"
#include "client/client.h"
#include "client/kubeconfig.h"

namespace insula::cli {

/// What every command that talks to the API can be told.
struct SessionOptions {
  std::string data_dir;    // whose kubeconfig; empty: see kubeconfig
  std::string kubeconfig;  // empty: that of data_dir, else default_kubeconfig()
  std::string output = "table";

  void declare(Options& options);
};

/// How long a command waits for the platform before it gives up, unless told otherwise.
inline constexpr std::chrono::seconds kAnswerWithin{30};

/// Where the kubeconfig lies that these options name: the data directory, if it is a platform's
/// own.
[[nodiscard]] std::string session_data_dir(const SessionOptions& options);

/// The kubeconfig that these options name. Errors: those of client::load_kubeconfig(), with how to
/// find out more when there is none.
[[nodiscard]] Result<client::Kubeconfig> session_config(const SessionOptions& options);

/// Connects with the kubeconfig, runs `body` to its end and prints its error as one line. Returns
/// the exit code: 2 for what the user got wrong (kInvalid, kBadRequest), 1 for everything else.
int run_session(std::string_view path,
                const SessionOptions& options,
                std::function<Task<Result<>>(client::Client&)> body);

/// The same for a command that needs no client: `body` makes the task, on a loop.
int run_task(std::string_view path, std::function<Task<Result<>>()> body);

/// An error of not reaching the platform, with how to find out more.
[[nodiscard]] Error with_hint(const Error& error);

/// As run_session() reports it.
int report(std::string_view path, const Error& error);

}  // namespace insula::cli
