#include <array>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "base/clock.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/litellm.h"
#include "cli/litellm_apply.h"
#include "cli/session.h"

namespace insula::cli {
namespace {

Result<std::string> read_config(const std::string& file) {
  if (file == "-") return std::string(std::istreambuf_iterator<char>(std::cin), {});
  std::ifstream stream(file, std::ios::binary);
  if (!stream) return fail_errno("open " + file);
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

/// Nothing changes the environment of a command, and nothing else runs beside it.
std::optional<std::string> environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): see above
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

int litellm(std::span<const std::string> arguments) {
  std::string file;
  LitellmOptions import{.tenant = {}, .environment = environment};
  SessionOptions session;
  bool apply = false;
  Options options("import litellm",
                  "Turns a configuration of LiteLLM's proxy into a Tenant's models, a Secret and "
                  "prices, and says of each setting that has no counterpart why.");
  options.word("CONFIG", file, "its YAML file, or a Kubernetes manifest that has it; - for stdin")
      .text_if_any("--tenant", import.tenant,
                   "whose models they become; the namespace of the manifest by default")
      .toggle("--apply", apply, "write the objects; by default they are printed as YAML");
  session.declare(options);
  if (const auto over = options.parse(arguments)) return *over;
  const auto text = read_config(file);
  if (!text) return report("import litellm", text.error());
  auto imported = import_litellm(*text, import);
  if (!imported) return report("import litellm", imported.error());
  if (!apply) {
    fmt::print("{}", to_yaml_text(*imported));
    return kOk;
  }
  for (const std::string& line : imported->notes)
    fmt::print(stderr, "not translated: {}\n", line);
  return run_session("import litellm", session, [&](client::Client& client) -> Task<Result<>> {
    const api::Tenant tenant = imported->tenant;
    INSULA_CO_TRY_VOID(
        co_await apply_litellm(client, *std::move(imported), system_clock().now() + kAnswerWithin));
    fmt::print("tenant \"{}\" has {} models of {}\n", tenant.metadata.name,
               tenant.spec.gateway.models.size(), file);
    co_return Result<>{};
  });
}

constexpr std::array kCommands = {
    Command{"litellm", "from LiteLLM's config.yaml", litellm},
};

}  // namespace

int import_from(std::span<const std::string> arguments) {
  return dispatch("import", kCommands, arguments);
}

}  // namespace insula::cli
