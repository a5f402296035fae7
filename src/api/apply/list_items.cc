#include "api/apply/list_items.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "json/write.h"

namespace insula::api {

bool is_key(std::string_view keys, std::string_view name) {
  bool found = false;
  each_key(keys, [&](std::string_view key) { found = found || key == name; });
  return found;
}

PathElement element_of(const MergeSchema& schema,
                       const MergeType& list,
                       const json::Value& element,
                       std::string& problem) {
  if (list.shape == MergeShape::kSet) {
    if (element.is_object() || element.is_array() || element.is_null())
      problem = "associative list of values has an element that is not a scalar";
    return PathElement::value(element);
  }
  if (!element.is_object()) problem = "associative list with keys may not have non-map elements";
  json::Object keys;
  each_key(list.keys, [&](std::string_view key) {
    json::Value value = element[key];
    if (value.is_null()) value = schema.key_default(list, key);
    if (value.is_null() && problem.empty()) {
      problem = fmt::format(
          "associative list with keys has an element that omits key field \"{}\" (and doesn't have "
          "default value)",
          key);
    }
    keys.set(std::string(key), std::move(value));
  });
  return PathElement::key(std::move(keys));
}

ListItems::ListItems(const MergeSchema& schema,
                     const MergeType& list,
                     const json::Array* elements) {
  if (elements == nullptr) return;
  std::vector<std::pair<PathElement, std::size_t>> found;
  found.reserve(elements->size());
  for (std::size_t i = 0; i < elements->size(); ++i) {
    std::string problem;
    found.emplace_back(element_of(schema, list, (*elements)[i], problem), i);
    if (!problem.empty()) problems_.push_back(fmt::format("element {}: {}", i, problem));
  }
  std::ranges::sort(found);
  std::vector<std::size_t> first;  // place in the list of each item
  for (auto& [at, place] : found) {
    const json::Value* value = &(*elements)[place];
    if (!items_.empty() && items_.back().at == at) {
      items_.back().values.push_back(value);
    } else {
      items_.push_back({std::move(at), {value}});
      first.push_back(place);
    }
  }
  // Sorted by element so far; callers want the order of the list.
  std::vector<std::size_t> by_place(items_.size());
  std::iota(by_place.begin(), by_place.end(), std::size_t{0});
  std::ranges::sort(by_place, {}, [&](std::size_t i) { return first[i]; });
  std::vector<Item> ordered;
  ordered.reserve(items_.size());
  order_.resize(items_.size());
  for (const std::size_t i : by_place) {
    order_[i] = ordered.size();
    ordered.push_back(std::move(items_[i]));
  }
  items_ = std::move(ordered);
}

const ListItems::Item* ListItems::find(const PathElement& element) const {
  const auto at = std::ranges::lower_bound(
      order_, element, {}, [this](std::size_t i) -> const PathElement& { return items_[i].at; });
  return at != order_.end() && items_[*at].at == element ? &items_[*at] : nullptr;
}

}  // namespace insula::api
