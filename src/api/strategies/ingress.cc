#include "api/columns/columns.h"
#include "api/defaults.h"
#include "api/strategies/erased.h"
#include "api/strategies/strategies.h"
#include "api/validation/kinds.h"

namespace insula::api {

namespace {

constexpr KindStrategy kIngress{
    .kind = kind_of<Ingress>,
    .prepare_for_create = erased::drop_status<Ingress>,
    .prepare_for_update = erased::keep_other_half<Ingress>,
    .spec_changed = erased::spec_changed<Ingress>,
    .validate = erased::check<Ingress, validate>,
    .validate_create = erased::check<Ingress, validate_create>,
    .validate_update = erased::check_from<Ingress, validate_update>,
    .columns = ingress_columns,
    .cells = erased::row<Ingress, cells>,
};

constexpr KindStrategy kIngressClass{
    .kind = kind_of<IngressClass>,
    .set_defaults = erased::change<IngressClass, set_defaults>,
    .spec_changed = erased::spec_changed<IngressClass>,
    .validate = erased::check<IngressClass, validate>,
    .validate_update = erased::check_from<IngressClass, validate_update>,
    .columns = ingress_class_columns,
    .cells = erased::row<IngressClass, cells>,
};

}  // namespace

const KindStrategy& ingress_strategy() {
  return kIngress;
}

const KindStrategy& ingress_class_strategy() {
  return kIngressClass;
}

}  // namespace insula::api
