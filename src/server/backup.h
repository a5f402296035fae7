#pragma once

#include <array>
#include <string>
#include <string_view>

namespace insula::server {

/// What a backup is: a compressed tar (BackupWriter) with these files in this order.
///
///   backup.json   what it is: {"format":1,"dataVersion":1,"insula":"0.1.0"}
///   state.jsonl   all objects of the API (apiserver::StateDump)
///   usage.jsonl   the sums of usage (gateway::write_usage_dump)
///   pki/          authorities and the keys of tokens; leaf certificates are made anew
///   records/      single requests
///
/// Not in it: pods and images, which the node has again from the objects; windows of limits, which
/// last an hour at most; logs.
struct BackupLayout {
  static constexpr int kFormat = 1;
  static constexpr const char* kManifest = "backup.json";
  static constexpr const char* kState = "state.jsonl";
  static constexpr const char* kUsage = "usage.jsonl";
  static constexpr std::string_view kPki = "pki/";
  static constexpr std::string_view kRecords = "records/";
};

/// A file of pki/ that a platform cannot make anew without shutting out who trusts it.
struct KeptCredential {
  std::string_view file;
  unsigned mode = 0600;
  bool is_controls = false;  // control reads it; otherwise the supervisor
};

inline constexpr std::array<KeptCredential, 6> kKeptCredentials = {{
    {.file = "ca.crt", .mode = 0644},
    {.file = "ca.key"},
    {.file = "client-ca.crt", .mode = 0644},
    {.file = "client-ca.key", .is_controls = true},
    {.file = "sa.pub", .mode = 0644},
    {.file = "sa.key", .is_controls = true},
}};

}  // namespace insula::server
