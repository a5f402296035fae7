#include "apiserver/stream_gate.h"

#include <fmt/format.h>

namespace insula::apiserver {

namespace {

bool is_exempt(const User& user) {
  return user.in(kMasters) || user.in("system:nodes") || user.in("insula:gateway");
}

}  // namespace

Result<StreamGate::Pass> StreamGate::enter(const User& user) {
  if (is_exempt(user)) return Pass(nullptr, {});
  if (all_ >= limits_.all) {
    return fail(ErrorCode::kTooManyRequests,
                "the server has too many watches and streams in flight, try again later");
  }
  const auto it = by_user_.find(user.name);
  const std::size_t own = it == by_user_.end() ? 0 : it->second;
  if (own >= limits_.per_user) {
    return fail(ErrorCode::kTooManyRequests,
                fmt::format("user \"{}\" has {} watches and streams in flight and may not have "
                            "more, try again later",
                            user.name, own));
  }
  ++all_;
  ++by_user_[user.name];
  return Pass(this, user.name);
}

void StreamGate::leave(const std::string& user) {
  --all_;
  const auto it = by_user_.find(user);
  if (--it->second == 0) by_user_.erase(it);
}

}  // namespace insula::apiserver
