#include <algorithm>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "api/patch.h"
#include "json/write.h"

namespace insula::api {
namespace {

using json::Array;
using json::Object;
using json::Value;

constexpr std::string_view kPatch = "$patch";
constexpr std::string_view kRetainKeys = "$retainKeys";
constexpr std::string_view kSetElementOrder = "$setElementOrder/";
constexpr std::string_view kDeleteFromPrimitiveList = "$deleteFromPrimitiveList/";

std::unexpected<Error> refuse(std::string why) {
  return fail(ErrorCode::kBadRequest, "strategic merge patch: " + std::move(why));
}

/// What the tables say about a member. `value` is null where they say nothing: then objects merge
/// and lists are replaced.
struct Member {
  const ValueInfo* value = nullptr;
  bool merge = false;
  bool replace = false;
  std::string_view merge_key;
};

const ValueInfo* behind_pointer(const ValueInfo* info) {
  while (info != nullptr && info->kind == ValueKind::kPointer)
    info = info->element;
  return info;
}

Member member_of(const ValueInfo* info, std::string_view key) {
  info = behind_pointer(info);
  if (info == nullptr) return {};
  if (info->kind == ValueKind::kMap) return {behind_pointer(info->element), false, false, {}};
  if (info->kind != ValueKind::kStruct) return {};
  const FieldInfo* field = info->type->find(key);
  if (field == nullptr) return {};
  return {behind_pointer(field->value), field->has(kPatchMerge), field->has(kPatchReplace),
          field->merge_key};
}

const ValueInfo* element_of(const ValueInfo* list) {
  return list != nullptr && list->kind == ValueKind::kList ? behind_pointer(list->element)
                                                           : nullptr;
}

/// What two elements of a list are the same by: the text of the merge key, or of the whole scalar.
/// nullopt when an object lacks the key.
std::optional<std::string> identity(const Value& element, std::string_view merge_key) {
  if (!element.is_object()) return json::write(element);
  const Value* key = element.find(merge_key);
  if (key == nullptr) return std::nullopt;
  return json::write(*key);
}

/// Positions in a list by identity; the first of equals.
using Positions = std::unordered_map<std::string, std::size_t>;

Positions positions_of(const Array& list, std::string_view merge_key) {
  Positions positions;
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (auto id = identity(list[i], merge_key)) positions.try_emplace(*std::move(id), i);
  }
  return positions;
}

std::optional<std::size_t> find(const Positions& positions,
                                const Value& element,
                                std::string_view merge_key) {
  const auto id = identity(element, merge_key);
  const auto at = id ? positions.find(*id) : positions.end();
  if (at == positions.end()) return std::nullopt;
  return at->second;
}

bool is_directive(std::string_view key) {
  return key == kPatch || key == kRetainKeys || key.starts_with(kSetElementOrder) ||
         key.starts_with(kDeleteFromPrimitiveList);
}

/// Makes a part of a patch fit to be stored: no directives, no nulls, no elements marked for
/// deletion. False when the value itself is marked.
bool strip(Value& value) {
  if (Array* array = value.as_array()) {
    std::erase_if(*array, [](Value& element) { return !strip(element); });
  } else if (Object* object = value.as_object()) {
    const Value* directive = object->find(kPatch);
    if (directive != nullptr && directive->text() == "delete") return false;
    std::vector<std::string> dropped;
    for (auto& [key, member] : *object) {
      if (is_directive(key) || member.is_null() || !strip(member)) dropped.push_back(key);
    }
    for (const auto& key : dropped)
      object->erase(key);
  }
  return true;
}

/// Orders `merged`: elements named in `order` as `order` has them; the others, which only the
/// server knows, keep their place among each other, before an element of the patch only where the
/// old list had them so.
Array in_order(Array merged,
               const Array& order,
               const Positions& before,
               std::string_view merge_key) {
  const Positions wanted = positions_of(order, merge_key);
  std::vector<std::pair<std::size_t, Value*>> from_patch, server_only;
  for (Value& element : merged) {
    if (const auto at = find(wanted, element, merge_key)) {
      from_patch.emplace_back(*at, &element);
    } else {
      server_only.emplace_back(find(before, element, merge_key).value_or(merged.size()), &element);
    }
  }
  // Elements of equal position stay as they were: their addresses ascend.
  std::ranges::sort(from_patch);
  std::ranges::sort(server_only);

  Array result;
  result.reserve(merged.size());
  auto left = server_only.begin();
  for (const auto& [position, element] : from_patch) {
    const auto was = find(before, *element, merge_key);
    while (was && left != server_only.end() && left->first < *was)
      result.push_back(std::move(*(left++)->second));
    result.push_back(std::move(*element));
  }
  for (; left != server_only.end(); ++left)
    result.push_back(std::move(*left->second));
  return result;
}

class StrategicMerge {
 public:
  Result<Value> merge_object(const ValueInfo* info, Value original, Value patch) {
    if (const Value* directive = patch.find(kPatch))
      return replaced_or_deleted(std::string(directive->text()), info, std::move(original),
                                 std::move(patch));
    if (!original.is_object()) original = Object();
    Object& target = *original.as_object();
    Object& changes = *patch.as_object();
    INSULA_TRY_VOID(retain_keys(target, changes));
    INSULA_TRY_VOID(set_element_orders(info, target, changes));
    for (auto& [key, change] : changes)
      INSULA_TRY_VOID(merge_member(info, target, key, std::move(change)));
    return original;
  }

 private:
  Result<Value> replaced_or_deleted(const std::string& directive,
                                    const ValueInfo* info,
                                    Value original,
                                    Value patch) {
    if (directive == "delete") return Value(Object());
    patch.as_object()->erase(kPatch);
    if (directive == "merge") return merge_object(info, std::move(original), std::move(patch));
    if (directive != "replace")
      return refuse(fmt::format("unknown patch type: {}", directive.substr(0, 64)));
    strip(patch);
    return patch;
  }

  static Result<> retain_keys(Object& target, Object& patch) {
    const Value* directive = patch.find(kRetainKeys);
    if (directive == nullptr) return {};
    const Array* keys = directive->as_array();
    if (keys == nullptr) return refuse("$retainKeys is not a list");
    const auto retained = [keys](std::string_view key) {
      return std::ranges::any_of(
          *keys, [key](const Value& kept) { return kept.is_string() && kept.text() == key; });
    };
    for (const auto& [key, value] : patch) {
      if (!is_directive(key) && !value.is_null() && !retained(key))
        return refuse(fmt::format("$retainKeys lacks {}, which the patch sets", key));
    }
    std::vector<std::string> dropped;
    for (const auto& [key, value] : target) {
      if (!retained(key)) dropped.push_back(key);
    }
    for (const auto& key : dropped)
      target.erase(key);
    patch.erase(kRetainKeys);
    return {};
  }

  /// Merges each list that has an order directive, and takes list and directive out of the patch.
  Result<> set_element_orders(const ValueInfo* info, Object& target, Object& patch) {
    std::vector<std::string> directives;
    for (const auto& [key, value] : patch) {
      if (key.starts_with(kSetElementOrder)) directives.push_back(key);
    }
    for (const auto& directive : directives) {
      Value order = std::move(*patch.find(directive));
      patch.erase(directive);
      if (!order.is_array()) return refuse(directive + " is not a list");
      const std::string key = directive.substr(kSetElementOrder.size());
      INSULA_TRY_VOID(merge_in_order(info, target, patch, key, *order.as_array()));
    }
    return {};
  }

  Result<> merge_in_order(const ValueInfo* info,
                          Object& target,
                          Object& patch,
                          const std::string& key,
                          const Array& order) {
    const std::string_view merge_key = member_of(info, key).merge_key;
    const Value* old = target.find(key);
    const bool was_list = old != nullptr && old->is_array();
    const Positions before = was_list ? positions_of(*old->as_array(), merge_key) : Positions();
    if (Value* change = patch.find(key)) {
      if (change->is_null()) return {};
      INSULA_TRY_VOID(check_order(*change, order, key, merge_key));
      INSULA_TRY_VOID(merge_member(info, target, key, std::move(*change)));
      patch.erase(key);
    }
    Value* merged = target.find(key);
    if (merged != nullptr && merged->is_array())
      *merged = in_order(std::move(*merged->as_array()), order, before, merge_key);
    return {};
  }

  /// The patch's elements must stand in the order list, in the same sequence.
  static Result<> check_order(const Value& change,
                              const Array& order,
                              std::string_view key,
                              std::string_view merge_key) {
    const Array* elements = change.as_array();
    if (elements == nullptr) return refuse(fmt::format("{} is not a list", key));
    const Positions positions = positions_of(order, merge_key);
    std::size_t last = 0;
    for (const Value& element : *elements) {
      if (element.find(kPatch) != nullptr) continue;
      const auto at = find(positions, element, merge_key);
      if (!at || *at < last)
        return refuse(
            fmt::format("The order in patch list of {} doesn't match $setElementOrder list", key));
      last = *at;
    }
    return {};
  }

  Result<> merge_member(const ValueInfo* info,
                        Object& target,
                        const std::string& key,
                        Value change) {
    if (key.starts_with(kDeleteFromPrimitiveList))
      return delete_from_list(target, key.substr(kDeleteFromPrimitiveList.size()), change);
    if (change.is_null()) {
      target.erase(key);
      return {};
    }
    Value* original = target.find(key);
    const bool both_objects = original != nullptr && original->is_object() && change.is_object();
    const bool both_lists = original != nullptr && original->is_array() && change.is_array();
    const Member member = member_of(info, key);
    if (both_objects && !member.replace) {
      INSULA_TRY(Value merged, merge_object(member.value, std::move(*original), std::move(change)));
      *original = std::move(merged);
    } else if (both_lists && member.merge) {
      INSULA_TRY(Array merged, merge_list(member, std::move(*original->as_array()),
                                          std::move(*change.as_array())));
      *original = std::move(merged);
    } else if (strip(change)) {
      target.set(key, std::move(change));
    }
    return {};
  }

  static Result<> delete_from_list(Object& target, const std::string& key, const Value& change) {
    const Array* removed = change.as_array();
    if (removed == nullptr) return refuse("$deleteFromPrimitiveList/" + key + " is not a list");
    Value* original = target.find(key);
    Array* list = original != nullptr ? original->as_array() : nullptr;
    if (list == nullptr) return {};
    const Positions gone = positions_of(*removed, {});
    std::erase_if(*list, [&gone](const Value& element) {
      return !element.is_object() && find(gone, element, {}).has_value();
    });
    return {};
  }

  Result<Array> merge_list(const Member& member, Array original, Array patch) {
    const bool objects = std::ranges::any_of(patch, &Value::is_object) ||
                         std::ranges::any_of(original, &Value::is_object);
    if (!objects) return merge_scalars(std::move(original), patch);
    if (member.merge_key.empty()) return refuse("cannot merge lists without merge key");
    INSULA_TRY(const bool replace, take_special_elements(original, patch, member.merge_key));
    if (replace) original.clear();

    const Positions before = positions_of(original, member.merge_key);
    Positions positions = before;
    for (const Value& element : patch) {
      const auto id = identity(element, member.merge_key);
      if (!element.is_object() || !id)
        return refuse(fmt::format("a list element does not contain declared merge key: {}",
                                  member.merge_key));
      const auto [at, added] = positions.try_emplace(*id, original.size());
      if (added) original.emplace_back(Object());
      Value& into = original[at->second];
      INSULA_TRY(Value merged, merge_object(element_of(member.value), std::move(into), element));
      into = std::move(merged);
    }
    return in_order(std::move(original), patch, before, member.merge_key);
  }

  static Array merge_scalars(Array original, const Array& patch) {
    const Positions before = positions_of(original, {});
    Array merged;
    Positions seen;
    for (const Array* list : {&std::as_const(original), &patch}) {
      for (const Value& element : *list) {
        if (seen.try_emplace(json::write(element), 0).second) merged.push_back(element);
      }
    }
    return in_order(std::move(merged), patch, before, {});
  }

  /// Carries out `$patch: delete` elements and removes every special element from `patch`. True
  /// when one says that the patch replaces the whole list.
  static Result<bool> take_special_elements(Array& original,
                                            Array& patch,
                                            std::string_view merge_key) {
    bool replace = false;
    Positions gone;
    for (const Value& element : patch) {
      const Value* directive = element.find(kPatch);
      if (directive == nullptr) continue;
      if (directive->text() == "replace") {
        replace = true;
      } else if (directive->text() == "delete") {
        auto id = identity(element, merge_key);
        if (!id)
          return refuse(fmt::format("delete patch type with no merge key defined: {}", merge_key));
        gone.try_emplace(*std::move(id), 0);
      } else {
        return refuse(
            fmt::format("unknown patch type in a list: {}", directive->text().substr(0, 64)));
      }
    }
    std::erase_if(patch, [](const Value& element) { return element.find(kPatch) != nullptr; });
    if (!gone.empty()) {
      std::erase_if(original, [&](const Value& element) {
        return find(gone, element, merge_key).has_value();
      });
    }
    return replace;
  }
};

}  // namespace

Result<Value> apply_strategic_merge_patch(const TypeInfo& type, Value document, Value patch) {
  if (!patch.is_object()) return refuse("the patch is not an object");
  const ValueInfo root{ValueKind::kStruct, &type};
  return StrategicMerge().merge_object(&root, std::move(document), std::move(patch));
}

}  // namespace insula::api
