#include "apiserver/stream_gate.h"

#include <fmt/format.h>

namespace insula::apiserver {

namespace {

bool is_exempt(const User& user) {
  return user.in(kMasters) || user.in("system:nodes") || user.in("insula:gateway");
}

template <class Counts>
std::size_t count(const Counts& counts, std::string_view name) {
  const auto it = counts.find(name);
  return it == counts.end() ? 0 : it->second;
}

template <class Counts>
void take_one(Counts& counts, const std::string& name) {
  const auto it = counts.find(name);
  if (--it->second == 0) counts.erase(it);
}

std::unexpected<Error> too_many(std::string_view who, std::string_view name, std::size_t open) {
  return fail(ErrorCode::kTooManyRequests,
              fmt::format("{} \"{}\" has {} watches and streams in flight and may not have more, "
                          "try again later",
                          who, name, open));
}

}  // namespace

Result<StreamGate::Pass> StreamGate::enter(const User& user, std::string_view tenant) {
  if (is_exempt(user)) return Pass(nullptr, {}, {});
  if (all_ >= limits_.all) {
    return fail(ErrorCode::kTooManyRequests,
                "the server has too many watches and streams in flight, try again later");
  }
  if (const std::size_t own = count(by_user_, user.name); own >= limits_.per_user)
    return too_many("user", user.name, own);
  if (const std::size_t own = count(by_tenant_, tenant);
      !tenant.empty() && own >= limits_.per_tenant)
    return too_many("tenant", tenant, own);
  Pass pass(this, user.name, std::string(tenant));
  ++all_;
  ++by_user_[pass.user_];
  if (!tenant.empty()) ++by_tenant_[pass.tenant_];
  return pass;
}

void StreamGate::leave(const Pass& pass) {
  --all_;
  take_one(by_user_, pass.user_);
  if (!pass.tenant_.empty()) take_one(by_tenant_, pass.tenant_);
}

}  // namespace insula::apiserver
