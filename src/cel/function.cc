#include "cel/function.h"

#include <utility>

#include "cel/library/library.h"

namespace insula::cel {

void FunctionTable::add(std::string name, Overload overload) {
  functions_[std::move(name)].push_back(std::move(overload));
}

void FunctionTable::add_member(std::string name, Overload overload) {
  members_[std::move(name)].push_back(std::move(overload));
}

const FunctionTable::Overloads* FunctionTable::find(std::string_view name) const {
  const auto found = functions_.find(name);
  return found == functions_.end() ? nullptr : &found->second;
}

const FunctionTable::Overloads* FunctionTable::find_member(std::string_view name) const {
  const auto found = members_.find(name);
  return found == members_.end() ? nullptr : &found->second;
}

const FunctionTable& standard_functions() {
  static const FunctionTable functions = [] {
    FunctionTable table;
    library::add_arithmetic(table);
    library::add_comparisons(table);
    library::add_collections(table);
    library::add_lists(table);
    library::add_conversions(table);
    library::add_times(table);
    library::add_texts(table);
    library::add_regular_expressions(table);
    library::add_addresses(table);
    library::add_urls(table);
    library::add_versions(table);
    library::add_optionals(table);
    return table;
  }();
  return functions;
}

}  // namespace insula::cel
