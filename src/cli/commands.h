#pragma once

#include <span>
#include <string>

namespace insula::cli {

// Each takes the words after its name and returns the exit code; see command.h.

/// create, get, list, kubeconfig, delete
int tenant(std::span<const std::string> arguments);
/// create, list, revoke
int key(std::span<const std::string> arguments);
/// create
int token(std::span<const std::string> arguments);
/// sums; records: single requests
int usage(std::span<const std::string> arguments);
/// set, list, remove
int price(std::span<const std::string> arguments);
/// litellm
int import_from(std::span<const std::string> arguments);
/// import, list
int image(std::span<const std::string> arguments);

/// Picks the command named by the first word out of `commands`; `group` is the word before it.
struct Command;
int dispatch(std::string_view group,
             std::span<const Command> commands,
             std::span<const std::string> arguments);

}  // namespace insula::cli
