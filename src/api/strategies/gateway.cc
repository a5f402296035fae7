#include "api/columns/gateway.h"

#include "api/defaulting/gateway.h"
#include "api/strategies/erased.h"
#include "api/strategies/strategies.h"
#include "api/validation/gateway.h"
#include "api/versions/versions.h"

namespace insula::api {

namespace {

/// A row of v1beta1 is that of the object as it is stored.
template <class Stored, class Shown>
std::vector<Cell> stored_row(const void* object, WallTime now) {
  Stored stored;
  store(*static_cast<const Shown*>(object), stored);
  return cells(stored, now);
}

/// What a status says until a controller has looked at the object. Upstream it does so since 1970
/// began, which is no time here.
std::vector<Condition> pending(std::initializer_list<const char*> types) {
  std::vector<Condition> conditions;
  for (const char* type : types) {
    Condition& condition = conditions.emplace_back();
    condition.type = type;
    condition.status = "Unknown";
    condition.reason = "Pending";
    condition.message = "Waiting for controller";
    condition.last_transition_time = Time{.seconds = 1};
  }
  return conditions;
}

constexpr KindStrategy kGatewayClass{
    .kind = kind_of<GatewayClass>,
    .prepare_for_create =
        [](void* object) {
          auto& status = static_cast<GatewayClass*>(object)->status;
          status = {};
          status.conditions = pending({"Accepted"});
        },
    .prepare_for_update = erased::keep_other_half<GatewayClass>,
    .spec_changed = erased::spec_changed<GatewayClass>,
    .validate = erased::check<GatewayClass, validate>,
    .validate_update = erased::check_from<GatewayClass, validate_update>,
    .columns = gateway_class_columns,
    .cells = erased::row<GatewayClass, cells>,
};

constexpr KindStrategy kGateway{
    .kind = kind_of<Gateway>,
    .set_defaults = erased::change<Gateway, set_defaults>,
    .prepare_for_create =
        [](void* object) {
          auto& status = static_cast<Gateway*>(object)->status;
          status = {};
          status.conditions = pending({"Accepted", "Programmed"});
        },
    .prepare_for_update = erased::keep_other_half<Gateway>,
    .spec_changed = erased::spec_changed<Gateway>,
    .validate = erased::check<Gateway, validate>,
    .validate_update = erased::check_from<Gateway, validate_update>,
    .columns = gateway_columns,
    .cells = erased::row<Gateway, cells>,
};

constexpr KindStrategy kRoute{
    .kind = kind_of<HTTPRoute>,
    .set_defaults = erased::change<HTTPRoute, set_defaults>,
    .prepare_for_create = erased::drop_status<HTTPRoute>,
    .prepare_for_update = erased::keep_other_half<HTTPRoute>,
    .spec_changed = erased::spec_changed<HTTPRoute>,
    .validate = erased::check<HTTPRoute, validate>,
    .validate_update = erased::check_from<HTTPRoute, validate_update>,
    .columns = http_route_columns,
    .cells = erased::row<HTTPRoute, cells>,
};

constexpr KindStrategy kGrant{
    .kind = kind_of<ReferenceGrant>,
    .spec_changed = erased::spec_changed<ReferenceGrant>,
    .validate = erased::check<ReferenceGrant, validate>,
    .columns = reference_grant_columns,
    .cells = erased::row<ReferenceGrant, cells>,
};

constexpr KindStrategy kGatewayClassV1beta1{
    .kind = kind_of<GatewayClassV1beta1>,
    .columns = gateway_class_columns,
    .cells = stored_row<GatewayClass, GatewayClassV1beta1>,
};

constexpr KindStrategy kGatewayV1beta1{
    .kind = kind_of<GatewayV1beta1>,
    .columns = gateway_columns,
    .cells = stored_row<Gateway, GatewayV1beta1>,
};

constexpr KindStrategy kRouteV1beta1{
    .kind = kind_of<HTTPRouteV1beta1>,
    .columns = http_route_columns,
    .cells = stored_row<HTTPRoute, HTTPRouteV1beta1>,
};

constexpr KindStrategy kGrantV1beta1{
    .kind = kind_of<ReferenceGrantV1beta1>,
    .columns = reference_grant_columns,
    .cells = stored_row<ReferenceGrant, ReferenceGrantV1beta1>,
};

}  // namespace

const KindStrategy& gateway_class_strategy() {
  return kGatewayClass;
}

const KindStrategy& gateway_class_v1beta1_strategy() {
  return kGatewayClassV1beta1;
}

const KindStrategy& gateway_strategy() {
  return kGateway;
}

const KindStrategy& gateway_v1beta1_strategy() {
  return kGatewayV1beta1;
}

const KindStrategy& http_route_strategy() {
  return kRoute;
}

const KindStrategy& http_route_v1beta1_strategy() {
  return kRouteV1beta1;
}

const KindStrategy& reference_grant_strategy() {
  return kGrant;
}

const KindStrategy& reference_grant_v1beta1_strategy() {
  return kGrantV1beta1;
}

}  // namespace insula::api
