#include "api/columns/addresses.h"

#include "api/strategies/erased.h"
#include "api/strategies/further.h"
#include "api/validation/addresses.h"

namespace insula::api {

namespace {

constexpr KindStrategy kIPAddress{
    .kind = kind_of<IPAddress>,
    .name_rule = NameRule::kPathSegment,
    .validate = erased::check<IPAddress, validate>,
    .validate_update = erased::check_from<IPAddress, validate_update>,
    .warnings =
        [](const void*) {
          return erased::not_acted_on("IPAddress", "Services are given addresses without them");
        },
    .columns = ip_address_columns,
    .cells = erased::row<IPAddress, cells>,
};

constexpr KindStrategy kServiceCIDR{
    .kind = kind_of<ServiceCIDR>,
    .prepare_for_create = erased::drop_status<ServiceCIDR>,
    .prepare_for_update = erased::keep_all_but_half<ServiceCIDR>,
    .validate = erased::check<ServiceCIDR, validate>,
    .validate_update = erased::check_from<ServiceCIDR, validate_update>,
    .warnings =
        [](const void*) {
          return erased::not_acted_on(
              "ServiceCIDR", "Services are given addresses of the one called kubernetes only");
        },
    .columns = service_cidr_columns,
    .cells = erased::row<ServiceCIDR, cells>,
};

}  // namespace

const KindStrategy& ip_address_strategy() {
  return kIPAddress;
}

const KindStrategy& service_cidr_strategy() {
  return kServiceCIDR;
}

}  // namespace insula::api
