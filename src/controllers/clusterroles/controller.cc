#include "controllers/clusterroles/controller.h"

#include <memory>
#include <utility>
#include <vector>

#include "api/rbac.h"
#include "client/typed.h"

namespace insula::controllers {

ClusterRoleAggregator::ClusterRoleAggregator(client::Client& client,
                                             const controller::Runtime& runtime,
                                             controller::Informer<api::ClusterRole>& roles)
    : client_(client),
      roles_(roles),
      controller_({.name = "clusterrole-aggregation", .workers = 1}, runtime, *this) {
  // Any role may be selected by any aggregated one; those are few.
  roles_.on_change([this](const api::ClusterRole*, const api::ClusterRole*) {
    for (const auto& [key, role] : roles_.all()) {
      if (role->aggregation_rule) controller_.enqueue(key);
    }
  });
}

void ClusterRoleAggregator::start() {
  controller_.start({&roles_});
}

Task<Result<controller::Outcome>> ClusterRoleAggregator::reconcile(controller::Key key) {
  const auto role = roles_.get(key);
  if (!role || !role->aggregation_rule) co_return controller::kDone;
  std::vector<std::shared_ptr<const api::ClusterRole>> all;
  for (const auto& [other, object] : roles_.all())
    all.push_back(object);
  std::vector<api::PolicyRule> rules = api::aggregated_rules(*role, all);
  if (rules == role->rules) co_return controller::kDone;
  api::ClusterRole next = *role;
  next.rules = std::move(rules);
  INSULA_CO_TRY(const api::ClusterRole stored, co_await client::update(client_, std::move(next)));
  roles_.observe(stored);
  co_return controller::kDone;
}

}  // namespace insula::controllers
