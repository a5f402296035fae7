#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/apply/merge_schema.h"
#include "api/apply/path_element.h"
#include "json/value.h"

namespace insula::api {

/// The elements of a list that can be told apart, each with its equals: a list should have none,
/// but containers may name a variable twice. Lifetime: the list and the schema outlive it.
class ListItems {
 public:
  struct Item {
    PathElement at;
    std::vector<const json::Value*> values;  // at least one
  };

  /// `list` is of the shape kList or kSet. Null: no elements.
  ListItems(const MergeSchema& schema, const MergeType& list, const json::Array* elements);

  /// In the order of the list, equals at the place of the first.
  [[nodiscard]] const std::vector<Item>& items() const { return items_; }

  [[nodiscard]] const Item* find(const PathElement& element) const;

  /// What is wrong with elements, such as `element 0: omits key field "name"`.
  [[nodiscard]] const std::vector<std::string>& problems() const { return problems_; }

 private:
  std::vector<Item> items_;
  std::vector<std::size_t> order_;  // of items_, sorted by element
  std::vector<std::string> problems_;
};

/// Calls `visit` for each of the comma separated `keys`.
template <class Visit>
void each_key(std::string_view keys, Visit visit) {
  while (!keys.empty()) {
    const std::size_t end = keys.find(',');
    visit(keys.substr(0, end));
    keys = end == std::string_view::npos ? std::string_view() : keys.substr(end + 1);
  }
}

/// Whether `name` is one of the comma separated `keys`.
[[nodiscard]] bool is_key(std::string_view keys, std::string_view name);

/// What tells this element of a list of the shape kList or kSet from others. What is wrong with it
/// is appended to `problem`.
[[nodiscard]] PathElement element_of(const MergeSchema& schema,
                                     const MergeType& list,
                                     const json::Value& element,
                                     std::string& problem);

}  // namespace insula::api
