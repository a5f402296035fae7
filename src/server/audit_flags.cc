#include "server/audit_flags.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

namespace insula::server {
namespace {

constexpr int kMegabytesMax = 100'000;
constexpr int kBackupsMax = 1'000;
constexpr std::size_t kMegabyte = std::size_t{1} << 20U;

std::string policy_copy(const Layout& layout) {
  return layout.control() + "/audit-policy.yaml";
}

std::string log_path(const Layout& layout, const std::string& log_file) {
  return log_file.empty() ? layout.audit() + "/audit.log"
                          : std::filesystem::absolute(log_file).string();
}

Result<> check_range(std::string_view flag, int value, int least, int most) {
  if (value >= least && value <= most) return {};
  return fail(ErrorCode::kInvalid,
              fmt::format("{} {}: not between {} and {}", flag, value, least, most));
}

Result<> check_log_file(const std::string& path) {
  if (path.empty()) return {};
  std::error_code ignored;
  if (path == "-" || std::filesystem::is_directory(path, ignored)) {
    return fail(
        ErrorCode::kInvalid,
        fmt::format("--audit-log {}: must be a file, such as /var/log/insula/audit.log", path));
  }
  return {};
}

}  // namespace

void AuditFlags::declare(cli::Options& options) {
  options
      .text_if_any("--audit-policy", policy_file,
                   "audit requests to the Kubernetes API by this audit.k8s.io/v1 Policy; with "
                   "--audit-log alone: who did what, without bodies")
      .text_if_any("--audit-log", log_file,
                   "where; with --audit-policy alone: audit/audit.log in the data directory")
      .number("--audit-log-maxsize", megabytes_max,
              "megabytes at which a file of the audit log is full")
      .number("--audit-log-maxbackup", backups_max, "full files of the audit log that are kept");
}

Result<> AuditFlags::check() const {
  INSULA_TRY_VOID(check_range("--audit-log-maxsize", megabytes_max, 1, kMegabytesMax));
  INSULA_TRY_VOID(check_range("--audit-log-maxbackup", backups_max, 0, kBackupsMax));
  const AuditFlags standard;
  if (!enabled() &&
      (megabytes_max != standard.megabytes_max || backups_max != standard.backups_max)) {
    return fail(ErrorCode::kInvalid,
                "--audit-log-maxsize and --audit-log-maxbackup audit nothing by themselves: say "
                "--audit-log or --audit-policy, too");
  }
  INSULA_TRY_VOID(check_log_file(log_file));
  if (auto read = policy(); !read) return std::unexpected(std::move(read).error());
  return {};
}

Result<apiserver::AuditPolicy> AuditFlags::policy() const {
  if (policy_file.empty()) return apiserver::AuditPolicy::standard();
  const auto named = [this](const Error& error) {
    return fail(ErrorCode::kInvalid,
                fmt::format("--audit-policy {}: {}", policy_file, error.message()));
  };
  const auto text = read_file(policy_file);
  if (!text) return named(text.error());
  auto policy = apiserver::AuditPolicy::parse(*text);
  if (!policy) return named(policy.error());
  return policy;
}

Result<> AuditFlags::prepare(const Layout& layout, Account control) const {
  if (!enabled()) return {};
  if (!policy_file.empty()) {
    INSULA_TRY(const std::string text, read_file(policy_file));
    // A pipe can be read but once, and check() has done so.
    if (auto parsed = apiserver::AuditPolicy::parse(text); !parsed) {
      return std::unexpected(std::move(parsed).error().in(
          fmt::format("--audit-policy {}: must be a file", policy_file)));
    }
    INSULA_TRY_VOID(write_file(policy_copy(layout), text, 0600, control));
  }
  if (log_file.empty()) return make_directory(layout.audit(), 0700, control);
  return {};
}

std::vector<std::string> AuditFlags::for_control(const Layout& layout) const {
  std::vector<std::string> out;
  if (!enabled()) return out;
  if (!policy_file.empty()) out.push_back("--audit-policy=" + policy_copy(layout));
  out.push_back("--audit-log=" + log_path(layout, log_file));
  out.push_back(fmt::format("--audit-log-maxsize={}", megabytes_max));
  out.push_back(fmt::format("--audit-log-maxbackup={}", backups_max));
  return out;
}

Result<std::unique_ptr<apiserver::AuditLog>> AuditFlags::open_log(const Layout& layout,
                                                                  MetricsRegistry& metrics,
                                                                  Log log) const {
  const std::string path = log_path(layout, log_file);
  auto opened = apiserver::AuditLog::open(
      {.path = path, .bytes_max = kMegabyte * std::size_t(megabytes_max), .backups = backups_max},
      metrics, std::move(log));
  if (opened) return opened;
  return std::unexpected(std::move(opened).error().in(
      fmt::format("--audit-log: the account {} must be able to write to the file and its folder",
                  ::geteuid())));
}

}  // namespace insula::server
