#include "api/strategies/erased.h"
#include "api/validation/event.h"
#include "api/version.h"
#include "api/versions/versions.h"
#include "base/check.h"

namespace insula::api {

namespace {

template <class Stored, class Shown>
constexpr Version version() {
  return {
      .kind = kind_of<Shown>,
      .show =
          [](const void* stored, void* object) {
            api::show(*static_cast<const Stored*>(stored), *static_cast<Shown*>(object));
          },
      .store =
          [](const void* object, void* stored) {
            api::store(*static_cast<const Shown*>(object), *static_cast<Stored*>(stored));
          },
  };
}

constexpr Version event_version() {
  Version event = version<Event, EventV1>();
  event.validate = erased::check<Event, validate_new_api>;
  event.validate_create = erased::check<Event, validate_create_new_api>;
  event.validate_update = erased::check_from<Event, validate_update_new_api>;
  return event;
}

constexpr Version kAll[] = {
    event_version(),
    version<HorizontalPodAutoscaler, HorizontalPodAutoscalerV1>(),
    version<GatewayClass, GatewayClassV1beta1>(),
    version<Gateway, GatewayV1beta1>(),
    version<HTTPRoute, HTTPRouteV1beta1>(),
    version<ReferenceGrant, ReferenceGrantV1beta1>(),
};

}  // namespace

const Version& version_of(const Kind& kind) {
  for (const Version& version : kAll) {
    if (&version.kind() == &kind) return version;
  }
  check_failed(__FILE__, __LINE__, "kind is a version of another", kind.kind);
}

}  // namespace insula::api
