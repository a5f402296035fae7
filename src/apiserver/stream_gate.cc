#include "apiserver/request_gate.h"

#include <fmt/format.h>

namespace insula::apiserver {

namespace {

bool is_exempt(const User& user) {
  return user.in("system:masters") || user.in("system:nodes") || user.in("insula:gateway");
}

}  // namespace

Result<RequestGate::Pass> RequestGate::enter(const User& user, Length length) {
  if (is_exempt(user)) return Pass(nullptr, {}, length);
  const bool is_short = length == Length::kShort;
  const char* what = is_short ? "requests" : "watches and streams";
  std::size_t& all = all_.of(length);
  if (all >= (is_short ? limits_.requests : limits_.streams)) {
    return fail(ErrorCode::kTooManyRequests,
                fmt::format("the server has too many {} in flight, try again later", what));
  }
  const auto it = by_user_.try_emplace(user.name).first;
  std::size_t& own = it->second.of(length);
  if (own >= (is_short ? limits_.requests_per_user : limits_.streams_per_user)) {
    const std::size_t there = own;
    if (it->second.requests + it->second.streams == 0) by_user_.erase(it);
    return fail(
        ErrorCode::kTooManyRequests,
        fmt::format("user \"{}\" has {} {} in flight and may not have more, try again later",
                    user.name, there, what));
  }
  ++all;
  ++own;
  return Pass(this, user.name, length);
}

void RequestGate::leave(const std::string& user, Length length) {
  --all_.of(length);
  const auto it = by_user_.find(user);
  --it->second.of(length);
  if (it->second.requests + it->second.streams == 0) by_user_.erase(it);
}

}  // namespace insula::apiserver
