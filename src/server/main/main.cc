#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/version.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "node/run.h"
#include "server/commands.h"
#include "simulator/simulator.h"

namespace {

using insula::cli::Command;

int print_version(std::span<const std::string> arguments) {
  insula::cli::Options options("version", "Prints the version.");
  if (const auto over = options.parse(arguments)) return *over;
  fmt::print("insula {}\n", insula::version());
  return insula::cli::kOk;
}

int llm_sim(std::span<const std::string> arguments) {
  const std::vector<std::string_view> words(arguments.begin(), arguments.end());
  return insula::simulator::run_command(words);
}

constexpr std::array kCommands = {
    Command{"up", "start the platform on this machine", insula::server::up},
    Command{"down", "stop it", insula::server::down},
    Command{"env", "print shell lines that point kubectl and curl at it", insula::server::env},
    Command{"status", "tell whether it runs, where, and what it uses", insula::server::status},
    Command{"backup", "write its objects, usage and keys to a file", insula::server::backup},
    Command{"restore", "make a data directory of such a file", insula::server::restore},
    Command{"tenant", "create, show, list and delete tenants", insula::cli::tenant},
    Command{"key", "create, list, rotate and revoke API keys", insula::cli::key},
    Command{"token", "create signed tokens", insula::cli::token},
    Command{"usage", "show what tenants have used, and what it costs", insula::cli::usage},
    Command{"price", "set, list and remove prices of models", insula::cli::price},
    Command{"import", "take over a configuration of LiteLLM", insula::cli::import_from},
    Command{"image", "import and list images", insula::cli::image},
    Command{"llm-sim", "serve an OpenAI-compatible API with invented replies", llm_sim},
    Command{"control", "", insula::server::control},
    Command{"node", "", insula::server::node},
    Command{"gateway", "", insula::server::gateway},
    Command{"version", "print the version", print_version},
};

int print_help() {
  fmt::print(
      "insula turns a GPU server into a multi-tenant LLM cloud.\n\nusage: insula COMMAND ... "
      "(--help after any of them)\n\n");
  for (const Command& command : kCommands) {
    if (!command.summary.empty()) fmt::print("  {:<10}{}\n", command.name, command.summary);
  }
  return insula::cli::kOk;
}

}  // namespace

int main(int argc, char** argv) {
  // First of all: there is one such process for every container.
  if (argc > 1 && std::string_view(argv[1]) == "shim")
    return insula::node::shim_main(argc - 1, argv + 1);
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.empty() || words[0] == "help" || words[0] == "--help" || words[0] == "-h")
    return print_help();
  const auto found = std::ranges::find(kCommands, words[0], &Command::name);
  if (found != kCommands.end()) return found->run(std::span(words).subspan(1));
  if (words[0] == "--version") return print_version(std::span(words).subspan(1));
  fmt::print(stderr, "insula: no command \"{}\" (insula help lists them)\n", words[0]);
  return insula::cli::kUsage;
}
