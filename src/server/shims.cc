#include "server/shims.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "node/shim.h"

namespace insula::server {
namespace {

constexpr std::chrono::milliseconds kPoll{10};

constexpr std::size_t kRecordBytesMax = 256;

struct Record {
  std::string folder;
  node::ShimIdentity identity;
};

/// What a shim left in `folder`; nothing when somebody else may have written it. A command line in
/// /proc proves nothing: anybody can call a process `insula shim --dir ...`.
std::optional<node::ShimIdentity> read_record(const std::string& folder) {
  const Fd file(::open((folder + "/shim").c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat info{};
  if (!file || ::fstat(file.get(), &info) != 0) return std::nullopt;
  if (!S_ISREG(info.st_mode) || info.st_uid != ::geteuid()) return std::nullopt;
  std::array<char, kRecordBytesMax> text{};
  const ssize_t size = ::read(file.get(), text.data(), text.size());
  if (size <= 0) return std::nullopt;
  const auto identity =
      node::parse_shim_identity(std::string_view(text.data(), static_cast<std::size_t>(size)));
  return identity ? std::optional(*identity) : std::nullopt;
}

std::vector<std::string> folders_in(const std::string& path) {
  std::vector<std::string> out;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(path, error)) {
    std::error_code unreadable;
    if (entry.symlink_status(unreadable).type() == std::filesystem::file_type::directory)
      out.push_back(entry.path().string());
  }
  return out;
}

/// Records of the containers whose shim or first process is alive: pods/UID/containers/NAME/N.
std::vector<Record> live_records(const Layout& layout) {
  std::vector<Record> out;
  for (const std::string& pod : folders_in(layout.node() + "/pods")) {
    for (const std::string& container : folders_in(pod + "/containers")) {
      for (const std::string& run : folders_in(container)) {
        const auto identity = read_record(run);
        if (identity && (node::is_alive(identity->shim) || node::is_alive(identity->container)))
          out.push_back({.folder = run, .identity = *identity});
      }
    }
  }
  return out;
}

void signal_container(const Record& record, int signal) {
  const node::ProcessIdentity& container = record.identity.container;
  if (node::is_alive(container)) ::kill(container.pid, signal);
}

}  // namespace

std::vector<Shim> find_shims(const Layout& layout) {
  std::vector<Shim> found;
  for (Record& record : live_records(layout)) {
    const node::ProcessIdentity& shim = record.identity.shim;
    if (node::is_alive(shim))
      found.push_back({.pid = shim.pid, .folder = std::move(record.folder)});
  }
  std::ranges::sort(found, {}, &Shim::pid);
  return found;
}

void stop_containers(const Layout& layout, std::chrono::milliseconds grace) {
  std::vector<Record> left = live_records(layout);
  for (const Record& record : left)
    signal_container(record, SIGTERM);
  const SteadyTime deadline = system_clock().now() + grace;
  while (!left.empty() && system_clock().now() < deadline) {
    std::this_thread::sleep_for(kPoll);
    left = live_records(layout);
  }
  for (const Record& record : left)
    signal_container(record, SIGKILL);
}

}  // namespace insula::server
