#include "api/schema.h"

#include <algorithm>

namespace insula::api {

const FieldInfo* TypeInfo::find(std::string_view json_name, std::size_t* hint) const {
  if (hint != nullptr && *hint < fields.size() && fields[*hint].name == json_name)
    return &fields[(*hint)++];
  const auto at = std::ranges::lower_bound(name_order, json_name, {},
                                           [this](std::uint16_t i) { return fields[i].name; });
  if (at == name_order.end() || fields[*at].name != json_name) return nullptr;
  if (hint != nullptr) *hint = *at + 1U;
  return &fields[*at];
}

}  // namespace insula::api
