#include <charconv>
#include <cstdlib>
#include <string>

#include <fmt/format.h>

#include "node/files.h"
#include "node/shim.h"

namespace insula::node {
namespace {

// Takes the next blank-separated number off `text`.
template <class T>
bool take_number(std::string_view& text, T& out) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\n'))
    text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

}  // namespace

Result<ProcessIdentity> identify(pid_t pid) {
  const Result<std::string> stat = read_file(fmt::format("/proc/{}/stat", pid));
  if (!stat) return fail(ErrorCode::kNotFound, fmt::format("no process {}", pid));
  // The second field is a name in parentheses that may hold anything, so count from the last one.
  const std::size_t name_end = stat->rfind(')');
  if (name_end == std::string::npos || name_end + 2 >= stat->size()) {
    return fail(ErrorCode::kInternal, fmt::format("/proc/{}/stat cannot be read", pid));
  }
  std::string_view rest = std::string_view(*stat).substr(name_end + 2);
  if (rest.front() == 'Z' || rest.front() == 'X') {
    return fail(ErrorCode::kNotFound, fmt::format("process {} has ended", pid));
  }
  rest.remove_prefix(1);
  constexpr int kFieldsBeforeStart = 18;  // fields 4 to 21
  std::int64_t skipped = 0;
  for (int i = 0; i < kFieldsBeforeStart; ++i) {
    if (!take_number(rest, skipped))
      return fail(ErrorCode::kInternal, fmt::format("/proc/{}/stat is short", pid));
  }
  ProcessIdentity out{pid, 0};
  if (!take_number(rest, out.start_ticks)) {
    return fail(ErrorCode::kInternal, fmt::format("/proc/{}/stat is short", pid));
  }
  return out;
}

bool is_alive(const ProcessIdentity& identity) {
  const Result<ProcessIdentity> now = identify(identity.pid);
  return now && *now == identity;
}

std::string to_text(const ShimIdentity& identity) {
  return fmt::format("{} {} {} {}\n", identity.shim.pid, identity.shim.start_ticks,
                     identity.container.pid, identity.container.start_ticks);
}

Result<ShimIdentity> parse_shim_identity(std::string_view text) {
  ShimIdentity out;
  if (take_number(text, out.shim.pid) && take_number(text, out.shim.start_ticks) &&
      take_number(text, out.container.pid) && take_number(text, out.container.start_ticks)) {
    return out;
  }
  return fail(ErrorCode::kInternal, "not the identity of a shim");
}

std::string to_text(const ExitRecord& record) {
  return fmt::format("{} {} {}\n", record.exit_code, record.signal, record.finished_unix_ns);
}

Result<ExitRecord> parse_exit_record(std::string_view text) {
  ExitRecord out;
  if (take_number(text, out.exit_code) && take_number(text, out.signal) &&
      take_number(text, out.finished_unix_ns)) {
    return out;
  }
  return fail(ErrorCode::kInternal, "not the exit record of a container");
}

}  // namespace insula::node
