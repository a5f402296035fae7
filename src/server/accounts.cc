#include "server/accounts.h"

#include <charconv>
#include <cstdint>
#include <fstream>
#include <string>

#include <unistd.h>

namespace insula::server {
namespace {

// capability(7): CHOWN, SETGID, SETUID.
constexpr std::uint64_t kNeeded = (1ULL << 0) | (1ULL << 6) | (1ULL << 7);

std::uint64_t effective_capabilities() {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    if (!line.starts_with("CapEff:\t")) continue;
    std::uint64_t bits = 0;
    std::from_chars(line.data() + 8, line.data() + line.size(), bits, 16);
    return bits;
  }
  return 0;
}

// Lines of /proc/self/{uid,gid}_map: first id inside, first id outside, how many.
bool is_mapped(const char* map, std::uint64_t id) {
  std::ifstream lines(map);
  std::uint64_t inside = 0;
  std::uint64_t outside = 0;
  std::uint64_t count = 0;
  while (lines >> inside >> outside >> count) {
    if (id >= inside && id - inside < count) return true;
  }
  return false;
}

}  // namespace

Accounts choose_accounts() {
  const Account self{.uid = ::geteuid(), .gid = ::getegid()};
  const bool able = self.uid == 0 && (effective_capabilities() & kNeeded) == kNeeded &&
                    is_mapped("/proc/self/uid_map", kControlUser) &&
                    is_mapped("/proc/self/uid_map", kGatewayUser) &&
                    is_mapped("/proc/self/gid_map", kControlUser) &&
                    is_mapped("/proc/self/gid_map", kGatewayUser);
  if (!able) return {.self = self, .control = self, .gateway = self};
  return {.self = self,
          .control = {.uid = kControlUser, .gid = kControlUser},
          .gateway = {.uid = kGatewayUser, .gid = kGatewayUser}};
}

}  // namespace insula::server
