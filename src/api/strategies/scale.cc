#include "api/columns/autoscaling.h"
#include "api/strategies/erased.h"
#include "api/strategies/further.h"

namespace insula::api {

namespace {

/// Scales are shown as objects are, and are part of others.
constexpr KindStrategy kStrategy{
    .kind = kind_of<Scale>,
    .columns = scale_columns,
    .cells = erased::row<Scale, cells>,
};

}  // namespace

const KindStrategy& scale_strategy() {
  return kStrategy;
}

}  // namespace insula::api
