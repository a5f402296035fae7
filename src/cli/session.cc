#include "cli/session.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>

#include <fmt/format.h>

#include "async/loop.h"
#include "cli/command.h"
#include "cli/location.h"
#include "client/http_client.h"
#include "client/kubeconfig.h"

namespace insula::cli {
namespace {

Task<> run_to_end(Task<Result<>> body, std::optional<Result<>>& outcome) {
  outcome.emplace(co_await std::move(body));
}

std::string kubeconfig_path(const SessionOptions& options) {
  if (!options.kubeconfig.empty()) return options.kubeconfig;
  return options.data_dir.empty() ? default_kubeconfig() : options.data_dir + "/kubeconfig";
}

}  // namespace

void SessionOptions::declare(Options& options) {
  options
      .text("--kubeconfig", kubeconfig,
            "how to reach the API; $KUBECONFIG, or the platform's own by default")
      .text("--data-dir", data_dir, "data directory of the platform whose kubeconfig is used")
      .choice("-o,--output", output, {"table", "json", "yaml"}, "form of the answer");
}

Error with_hint(const Error& error) {
  return {error.code(), error.message() + "; insula status tells whether the platform runs"};
}

int report(std::string_view path, const Error& error) {
  std::string message = error.message();
  std::ranges::replace(message, '\n', ' ');
  fmt::print(stderr, "insula {}: {}\n", path, message);
  const bool mistake =
      error.code() == ErrorCode::kInvalid || error.code() == ErrorCode::kBadRequest;
  return mistake ? kUsage : kFailed;
}

std::string session_data_dir(const SessionOptions& options) {
  return std::filesystem::path(absolute_path(kubeconfig_path(options))).parent_path().string();
}

Result<client::Kubeconfig> session_config(const SessionOptions& options) {
  auto config = client::load_kubeconfig(kubeconfig_path(options));
  if (!config && config.error().code() == ErrorCode::kNotFound)
    return std::unexpected(with_hint(config.error()));
  return config;
}

int run_session(std::string_view path,
                const SessionOptions& options,
                std::function<Task<Result<>>(client::Client&)> body) {
  const auto config = session_config(options);
  if (!config) return report(path, config.error());
  return run_task(path, [&]() -> Task<Result<>> {
    INSULA_CO_TRY(const auto client, client::HttpClient::make(*config));
    Result<> done = co_await body(*client);
    if (!done && done.error().code() == ErrorCode::kUnavailable)
      co_return std::unexpected(with_hint(std::move(done).error()));
    co_return done;
  });
}

int run_task(std::string_view path, std::function<Task<Result<>>()> body) {
  Loop loop;
  std::optional<Result<>> outcome;
  run_until_complete(loop, run_to_end(body(), outcome));
  if (*outcome) return kOk;
  return report(path, outcome->error());
}

}  // namespace insula::cli
