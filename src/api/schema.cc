#include "api/schema.h"

#include <algorithm>
#include <utility>

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

const FieldInfo* TypeInfo::find_number(std::uint32_t outer, std::uint32_t number) const {
  if (number == 0) return nullptr;
  const auto wanted = std::pair(outer, number);
  const auto at = std::ranges::lower_bound(number_order, wanted, {}, [this](std::uint16_t i) {
    return std::pair<std::uint32_t, std::uint32_t>(fields[i].outer, fields[i].number);
  });
  if (at == number_order.end() || fields[*at].outer != outer || fields[*at].number != number)
    return nullptr;
  return &fields[*at];
}

bool TypeInfo::has_outer(std::uint32_t number) const {
  const auto at = std::ranges::lower_bound(
      number_order, number, {}, [this](std::uint16_t i) { return std::uint32_t{fields[i].outer}; });
  return number != 0 && at != number_order.end() && fields[*at].outer == number;
}

}  // namespace insula::api
