#include <algorithm>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/commands.h"

namespace insula::cli {

int dispatch(std::string_view group,
             std::span<const Command> commands,
             std::span<const std::string> arguments) {
  const bool help = arguments.empty() || arguments[0] == "--help" || arguments[0] == "-h" ||
                    arguments[0] == "help";
  if (help) {
    fmt::print("usage: insula {} COMMAND ... (--help after any of them)\n\n", group);
    for (const Command& command : commands)
      fmt::print("  {:<10}{}\n", command.name, command.summary);
    return arguments.empty() ? kUsage : kOk;
  }
  const auto found = std::ranges::find(commands, arguments[0], &Command::name);
  if (found != commands.end()) return found->run(arguments.subspan(1));
  fmt::print(stderr, "insula {}: no command \"{}\" (insula {} --help lists them)\n", group,
             arguments[0], group);
  return kUsage;
}

}  // namespace insula::cli
