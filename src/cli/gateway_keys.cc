#include "cli/gateway_keys.h"

#include <chrono>

#include "async/deadline.h"
#include "async/loop.h"
#include "cli/gateway_admin.h"
#include "json/parse.h"

namespace insula::cli {
namespace {

constexpr std::chrono::milliseconds kLookAgain{5};
constexpr std::chrono::seconds kKnownWithin{5};

enum class Knowledge : std::uint8_t { kAsExpected, kNotYet, kCannotAsk };

Task<Knowledge> ask(std::string data_dir, const ExpectedKey& expected) {
  const auto answer = co_await ask_gateway(std::move(data_dir), "/keys/" + expected.id, {});
  if (!answer && answer.error().code() != ErrorCode::kNotFound) co_return Knowledge::kCannotAsk;
  if (!answer) co_return expected.revoked ? Knowledge::kAsExpected : Knowledge::kNotYet;
  if (expected.revoked) co_return Knowledge::kNotYet;
  const auto key = json::parse(*answer);
  const bool same =
      expected.expires.empty() || (key && (*key)["expires"].text() == expected.expires);
  co_return same ? Knowledge::kAsExpected : Knowledge::kNotYet;
}

}  // namespace

Task<bool> wait_for_key(std::string data_dir, ExpectedKey expected) {
  const Deadline deadline = Loop::current().now() + kKnownWithin;
  for (;;) {
    const Knowledge knowledge = co_await ask(data_dir, expected);
    if (knowledge != Knowledge::kNotYet) co_return true;
    if (Loop::current().now() >= deadline) co_return false;
    co_await sleep_for(kLookAgain);
  }
}

}  // namespace insula::cli
