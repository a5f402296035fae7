#include "tenancy/rights.h"

#include <utility>

#include "client/typed.h"
#include "controller/key.h"
#include "tenancy/belongings.h"

namespace insula::tenancy {

namespace {

bool same(const api::ClusterRole& a, const api::ClusterRole& b) {
  return a.rules == b.rules && !b.aggregation_rule;
}

template <class Binding>
bool same(const Binding& a, const Binding& b) {
  return a.subjects == b.subjects;
}

void take(api::ClusterRole& next, api::ClusterRole wanted) {
  next.rules = std::move(wanted.rules);
  next.aggregation_rule.reset();
}

template <class Binding>
void take(Binding& next, Binding wanted) {
  next.subjects = std::move(wanted.subjects);
}

// Creates the object, or makes the one that is there give just what it should.
template <class T>
Task<Result<>> put(client::Client& client, controller::Informer<T>& mirror, T wanted) {
  const auto there = mirror.get(controller::key_of(wanted));
  if (!there) {
    INSULA_CO_TRY(const T stored, co_await client::create(client, std::move(wanted)));
    mirror.observe(stored);
    co_return Result<>{};
  }
  if (same(wanted, *there) && there->metadata.owner_references == wanted.metadata.owner_references)
    co_return Result<>{};
  T next = *there;
  next.metadata.owner_references = wanted.metadata.owner_references;
  take(next, std::move(wanted));
  INSULA_CO_TRY(const T stored, co_await client::update(client, std::move(next)));
  mirror.observe(stored);
  co_return Result<>{};
}

// As put(); a binding that leads to another role goes first.
template <class Binding>
Task<Result<>> put_binding(client::Client& client,
                           controller::Informer<Binding>& mirror,
                           Binding wanted) {
  const auto there = mirror.get(controller::key_of(wanted));
  if (there && there->role_ref != wanted.role_ref) {
    client::DeleteOptions this_one;
    this_one.precondition_uid = there->metadata.uid;
    const Result<> removed = co_await client::remove<Binding>(
        client, there->metadata.namespace_, there->metadata.name, std::move(this_one));
    if (!removed && removed.error().code() != ErrorCode::kNotFound)
      co_return std::unexpected(removed.error());
    mirror.observe_gone(*there);
  }
  co_return co_await put(client, mirror, std::move(wanted));
}

}  // namespace

Task<Result<>> grant_members(client::Client& client,
                             RightsMirrors mirrors,
                             std::shared_ptr<const api::Tenant> tenant,
                             std::string name_space) {
  co_return co_await put_binding(client, mirrors.role_bindings,
                                 desired_member_binding(*tenant, name_space));
}

Task<Result<>> grant_reading(client::Client& client,
                             RightsMirrors mirrors,
                             std::shared_ptr<const api::Tenant> tenant) {
  INSULA_CO_TRY_VOID(co_await put(client, mirrors.cluster_roles, desired_reader(*tenant)));
  co_return co_await put_binding(client, mirrors.cluster_role_bindings,
                                 desired_reader_binding(*tenant));
}

}  // namespace insula::tenancy
