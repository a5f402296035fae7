#include "server/shims.h"

#include <algorithm>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <thread>

#include "base/clock.h"
#include "node/shim.h"

namespace insula::server {
namespace {

constexpr std::chrono::milliseconds kPoll{10};

/// Arguments of a process.
std::vector<std::string> command_line(const std::filesystem::path& process) {
  std::ifstream file(process / "cmdline");
  std::vector<std::string> words;
  for (std::string word; std::getline(file, word, '\0');)
    words.push_back(word);
  return words;
}

/// The value of --dir when these are the words of a shim below `node_folder`, else empty.
std::string shim_folder(const std::vector<std::string>& words, const std::string& node_folder) {
  if (words.size() < 4 || words[1] != "shim") return {};
  for (std::size_t i = 2; i + 1 < words.size() && words[i] != "--"; ++i) {
    if (words[i] == "--dir" && words[i + 1].starts_with(node_folder + "/")) return words[i + 1];
  }
  return {};
}

void signal_container(const Shim& shim, int signal) {
  const auto record = read_file(shim.folder + "/shim");
  if (!record) return;
  const auto identity = node::parse_shim_identity(*record);
  if (identity && node::is_alive(identity->container)) ::kill(identity->container.pid, signal);
}

}  // namespace

std::vector<Shim> find_shims(const Layout& layout) {
  std::vector<Shim> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename();
    pid_t pid = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (parsed.ec != std::errc() || parsed.ptr != name.data() + name.size()) continue;
    std::string folder = shim_folder(command_line(entry.path()), layout.node());
    if (!folder.empty()) found.push_back({.pid = pid, .folder = std::move(folder)});
  }
  std::ranges::sort(found, {}, &Shim::pid);
  return found;
}

void stop_containers(const Layout& layout, std::chrono::milliseconds grace) {
  std::vector<Shim> left = find_shims(layout);
  for (const Shim& shim : left)
    signal_container(shim, SIGTERM);
  const SteadyTime deadline = system_clock().now() + grace;
  while (!left.empty() && system_clock().now() < deadline) {
    std::this_thread::sleep_for(kPoll);
    left = find_shims(layout);
  }
  for (const Shim& shim : left)
    signal_container(shim, SIGKILL);
}

}  // namespace insula::server
