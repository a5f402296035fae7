#include "api/columns/columns.h"
#include "api/defaults.h"
#include "api/strategies/erased.h"
#include "api/strategies/strategies.h"
#include "api/validation/kinds.h"

namespace insula::api {

namespace {

/// The object is kept and shown, and nothing acts on it yet; who writes it must know.
std::vector<std::string> warnings(const void*) {
  return {
      "NetworkPolicy is stored but not enforced by this server yet: pods are not isolated by it"};
}

constexpr KindStrategy kStrategy{
    .kind = kind_of<NetworkPolicy>,
    .set_defaults = erased::change<NetworkPolicy, set_defaults>,
    .spec_changed = erased::spec_changed<NetworkPolicy>,
    .validate = erased::check<NetworkPolicy, validate>,
    .warnings = warnings,
    .columns = network_policy_columns,
    .cells = erased::row<NetworkPolicy, cells>,
};

}  // namespace

const KindStrategy& network_policy_strategy() {
  return kStrategy;
}

}  // namespace insula::api
