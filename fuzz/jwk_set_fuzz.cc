// Key sets of issuers: JSON, base64url and the numbers that OpenSSL is given. The input is tried as
// a whole set and as the one key of a set.

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "jose/jwk_set.h"

namespace {

using namespace insula;
using namespace insula::jose;

void check(std::string_view text) {
  const auto set = parse_jwk_set(text);
  if (!set) return;
  std::set<std::string_view> ids;
  for (const JwsKey& key : set->keys) {
    // A published key that serves HS256 would be the secret of everybody.
    if (key.algorithms().empty() || key.algorithms().contains(JwsAlgorithm::kHs256))
      __builtin_trap();
    if (!key.id().empty() && !ids.insert(key.id()).second) __builtin_trap();
    if (key.verify(JwsAlgorithm::kHs256, "input", "signature")) __builtin_trap();
  }
  if (set->keys.size() + set->left_out.size() > kKeySetKeysMax) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  check(input);
  check(R"({"keys":[)" + std::string(input) + "]}");
  return 0;
}
