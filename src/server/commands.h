#pragma once

#include <span>
#include <string>

namespace insula::server {

// Each takes the words after its name and returns the exit code; see cli/command.h.

/// Starts the platform, and runs it unless --detach.
int up(std::span<const std::string> arguments);
/// Stops the platform and waits until it is gone.
int down(std::span<const std::string> arguments);
/// Prints shell lines: eval "$(insula env)".
int env(std::span<const std::string> arguments);
int status(std::span<const std::string> arguments);
/// Writes a platform's state to a file, and makes a data directory of it.
int backup(std::span<const std::string> arguments);
int restore(std::span<const std::string> arguments);

// The processes that the supervisor starts.
int control(std::span<const std::string> arguments);
int node(std::span<const std::string> arguments);
int gateway(std::span<const std::string> arguments);

}  // namespace insula::server
