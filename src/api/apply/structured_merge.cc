#include "api/apply/structured_merge.h"

#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "api/apply/list_items.h"
#include "json/write.h"

namespace insula::api {

namespace {

using json::Value;

/// Faults of one configuration that are told.
constexpr std::size_t kFaultsMax = 100;
constexpr std::size_t kShownBytesMax = 256;

bool is_object_shape(MergeShape shape) {
  return shape == MergeShape::kStruct || shape == MergeShape::kMap;
}

bool is_list_shape(MergeShape shape) {
  return shape == MergeShape::kList || shape == MergeShape::kSet;
}

/// The shape that decides about a value: JSON's own where the schema has none.
MergeShape shape_of(const MergeType& type, const Value& value) {
  if (type.shape != MergeShape::kAny) return type.shape;
  if (value.is_object()) return MergeShape::kMap;
  return value.is_array() ? MergeShape::kAtomic : MergeShape::kScalar;
}

MergeType member_or_any(const MergeSchema& schema, const MergeType& type, std::string_view name) {
  return schema.member(type, name).value_or(MergeType{});
}

/// Collects the fields of a value and what is wrong with it.
class Collector {
 public:
  explicit Collector(const MergeSchema& schema) : schema_(schema) {}

  FieldSet collect(const MergeType& type, const Value& value, const std::string& path) {
    const MergeShape shape = shape_of(type, value);
    if (value.is_null()) return shape == MergeShape::kScalar ? FieldSet::leaf() : FieldSet();
    if (shape == MergeShape::kScalar && (value.is_object() || value.is_array())) {
      fault(path, "expected a scalar, got " + shown(value));
      return {};
    }
    if (is_object_shape(shape)) return collect_object(type, shape, value, path);
    if (is_list_shape(shape)) return collect_list(type, value, path);
    return FieldSet::leaf();
  }

  [[nodiscard]] const std::vector<std::string>& faults() const { return faults_; }

 private:
  static std::string shown(const Value& value) {
    return json::write(value).substr(0, kShownBytesMax);
  }

  void fault(const std::string& path, std::string_view what) {
    if (faults_.size() < kFaultsMax)
      faults_.push_back(fmt::format("{}: {}", path.empty() ? "." : path, what));
  }

  FieldSet collect_object(const MergeType& type,
                          MergeShape shape,
                          const Value& value,
                          const std::string& path) {
    if (!value.is_object()) {
      fault(path, "expected map, got " + shown(value));
      return {};
    }
    std::vector<FieldSet::Child> children;
    for (const auto& [name, member] : *value.as_object()) {
      std::string at = path;
      at += '.';
      at += name;
      const auto declared = schema_.member(type, name);
      if (!declared) {
        fault(at, "field not declared in schema");
        continue;
      }
      FieldSet below = collect(*declared, member, at);
      const bool bare = member.is_null() || (member.is_object() && member.as_object()->empty());
      if (shape == MergeShape::kMap || bare) below.set_member(true);
      children.push_back({PathElement::field(name), std::move(below)});
    }
    return FieldSet::of(std::move(children));
  }

  FieldSet collect_list(const MergeType& type, const Value& value, const std::string& path) {
    if (!value.is_array()) {
      fault(path, "expected list, got " + shown(value));
      return {};
    }
    std::vector<FieldSet::Child> children;
    const ListItems items(schema_, type, value.as_array());
    for (const std::string& problem : items.problems())
      fault(path, problem);
    const MergeType element = schema_.element(type);
    for (const ListItems::Item& item : items.items()) {
      const std::string at = item.at.shown();
      if (item.values.size() > 1) fault(path, "duplicate entries for key " + at);
      FieldSet below = collect(element, *item.values.front(), path + at);
      below.set_member(true);
      children.push_back({item.at, std::move(below)});
    }
    return FieldSet::of(std::move(children));
  }

  const MergeSchema& schema_;
  std::vector<std::string> faults_;
};

/// Finds how two values differ. A null pointer is a value that is not there.
class Comparer {
 public:
  explicit Comparer(const MergeSchema& schema) : schema_(schema) {}

  Comparison compare(const MergeType& type, const Value* before, const Value* after) {
    Parts parts;
    if (before == nullptr && after == nullptr) return {};
    const MergeShape shape = shape_of(type, after != nullptr ? *after : *before);
    const auto fits = [shape](const Value* value) {
      return value == nullptr || value->is_null() ||
             (is_object_shape(shape) ? value->is_object() : value->is_array());
    };
    const bool both = before != nullptr && after != nullptr;
    const bool whole =
        !(is_object_shape(shape) || is_list_shape(shape)) || !fits(before) || !fits(after);
    // Objects find out for themselves that they are equal.
    if (both && (whole || is_list_shape(shape)) && *before == *after) return {};
    if (!whole && is_object_shape(shape)) compare_objects(type, before, after, parts);
    if (!whole && is_list_shape(shape)) compare_lists(type, before, after, parts);
    Comparison out{FieldSet::of(std::move(parts.added)), FieldSet::of(std::move(parts.modified)),
                   FieldSet::of(std::move(parts.removed))};
    out.added.set_member(before == nullptr);
    out.modified.set_member(whole && both);
    out.removed.set_member(after == nullptr);
    return out;
  }

 private:
  using Children = std::vector<FieldSet::Child>;

  struct Parts {
    Children added;
    Children modified;
    Children removed;
  };

  static void add(const PathElement& at, Comparison below, Parts& out) {
    const auto add_to = [&at](FieldSet& set, Children& children) {
      if (!set.empty()) children.push_back({at, std::move(set)});
    };
    add_to(below.added, out.added);
    add_to(below.modified, out.modified);
    add_to(below.removed, out.removed);
  }

  void compare_member(const MergeType& type,
                      std::string_view name,
                      const Value* before,
                      const Value* after,
                      Parts& out) {
    const MergeType member = member_or_any(schema_, type, name);
    // What the schema implies is on both sides, as long as there is an object for it to be in.
    static const Value nothing;
    const bool leaf = member.shape == MergeShape::kScalar || member.shape == MergeShape::kAtomic;
    if (parents_ && member.implied && !leaf) {
      if (before == nullptr) before = &nothing;
      if (after == nullptr) after = &nothing;
    }
    const bool parents = std::exchange(parents_, before != nullptr && after != nullptr);
    add(PathElement::field(name), compare(member, before, after), out);
    parents_ = parents;
  }

  void compare_objects(const MergeType& type, const Value* before, const Value* after, Parts& out) {
    if (after != nullptr && after->is_object()) {
      for (const auto& [name, value] : *after->as_object())
        compare_member(type, name, before != nullptr ? before->find(name) : nullptr, &value, out);
    }
    if (before == nullptr || !before->is_object()) return;
    for (const auto& [name, value] : *before->as_object()) {
      if (after == nullptr || after->find(name) == nullptr)
        compare_member(type, name, &value, nullptr, out);
    }
  }

  void compare_lists(const MergeType& type, const Value* before, const Value* after, Parts& out) {
    const ListItems old(schema_, type, before != nullptr ? before->as_array() : nullptr);
    const ListItems now(schema_, type, after != nullptr ? after->as_array() : nullptr);
    for (const ListItems::Item& item : now.items())
      compare_items(type, old.find(item.at), &item, out);
    for (const ListItems::Item& item : old.items()) {
      if (now.find(item.at) == nullptr) compare_items(type, &item, nullptr, out);
    }
  }

  void compare_items(const MergeType& list,
                     const ListItems::Item* before,
                     const ListItems::Item* after,
                     Parts& out) {
    const PathElement& at = after != nullptr ? after->at : before->at;
    const bool equals = (before != nullptr && before->values.size() > 1) ||
                        (after != nullptr && after->values.size() > 1);
    if (!equals) {
      const bool parents = std::exchange(parents_, before != nullptr && after != nullptr);
      add(at,
          compare(schema_.element(list), before != nullptr ? before->values.front() : nullptr,
                  after != nullptr ? after->values.front() : nullptr),
          out);
      parents_ = parents;
      return;
    }
    // Equals cannot be told apart, so they are one.
    Comparison below;
    below.added.set_member(before == nullptr);
    below.removed.set_member(after == nullptr);
    below.modified.set_member(before != nullptr && after != nullptr && !same(*before, *after));
    add(at, std::move(below), out);
  }

  static bool same(const ListItems::Item& a, const ListItems::Item& b) {
    if (a.values.size() != b.values.size()) return false;
    for (std::size_t i = 0; i < a.values.size(); ++i) {
      if (!(*a.values[i] == *b.values[i])) return false;
    }
    return true;
  }

  const MergeSchema& schema_;
  bool parents_ = true;  // the objects that are compared are on both sides
};

/// Whether it is an object or list of parts with owners of their own, and has some.
bool has_parts(MergeShape shape, const Value& value) {
  if (is_object_shape(shape) && value.is_object()) return !value.as_object()->empty();
  return is_list_shape(shape) && value.is_array() && !value.as_array()->empty();
}

class Merger {
 public:
  explicit Merger(const MergeSchema& schema) : schema_(schema) {}

  Value merge(const MergeType& type, Value live, const Value& config) {
    const MergeShape shape = shape_of(type, config.is_null() ? live : config);
    // Nothing is asked for: an empty entry of a manifest (`data:`) takes nothing away.
    if (config.is_null() && has_parts(shape, live)) return live;
    if (is_object_shape(shape) && live.is_object() && config.is_object()) {
      for (const auto& [name, value] : *config.as_object()) {
        Value* present = live.find(name);
        const MergeType member = member_or_any(schema_, type, name);
        if (present != nullptr) {
          *present = merge(member, std::move(*present), value);
        } else {
          live.as_object()->set(name, value);
        }
      }
      return live;
    }
    if (is_list_shape(shape) && live.is_array() && config.is_array())
      return merge_lists(type, *live.as_array(), *config.as_array());
    return config;
  }

 private:
  json::Array merge_lists(const MergeType& type,
                          const json::Array& live,
                          const json::Array& config) {
    const ListItems old(schema_, type, &live), now(schema_, type, &config);
    const MergeType element = schema_.element(type);
    json::Array out;
    out.reserve(live.size() + config.size());
    auto left = old.items().begin();
    const auto keep_others = [&] {
      for (; left != old.items().end() && now.find(left->at) == nullptr; ++left) {
        for (const Value* value : left->values)
          out.push_back(*value);
      }
    };
    for (const ListItems::Item& item : now.items()) {
      keep_others();
      const ListItems::Item* present = old.find(item.at);
      if (present == nullptr) {
        out.push_back(*item.values.front());
        continue;
      }
      out.push_back(merge(element, *present->values.front(), *item.values.front()));
      if (left != old.items().end()) ++left;
    }
    keep_others();
    return out;
  }

  const MergeSchema& schema_;
};

class Remover {
 public:
  explicit Remover(const MergeSchema& schema) : schema_(schema) {}

  void remove(const MergeType& type, Value& value, const FieldSet& removed, std::string_view keys) {
    const MergeShape shape = shape_of(type, value);
    if (is_object_shape(shape) && value.is_object()) remove_members(type, value, removed, keys);
    if (is_list_shape(shape) && value.is_array()) remove_elements(type, *value.as_array(), removed);
  }

 private:
  void remove_members(const MergeType& type,
                      Value& value,
                      const FieldSet& removed,
                      std::string_view keys) {
    for (const FieldSet::Child& child : removed.children()) {
      if (child.at.type != PathElement::Type::kField || is_key(keys, child.at.text)) continue;
      Value* member = value.find(child.at.text);
      if (member == nullptr) continue;
      if (child.below.is_member()) {
        value.as_object()->erase(child.at.text);
      } else {
        remove(member_or_any(schema_, type, child.at.text), *member, child.below, {});
      }
    }
  }

  void remove_elements(const MergeType& type, json::Array& list, const FieldSet& removed) {
    const MergeType element = schema_.element(type);
    std::erase_if(list, [&](Value& value) {
      std::string problem;
      const FieldSet* below = removed.find(element_of(schema_, type, value, problem));
      if (below == nullptr) return false;
      if (below->is_member()) return true;
      remove(element, value, *below, type.keys);
      return false;
    });
  }

  const MergeSchema& schema_;
};

/// See the header.
FieldSet rewritten_fields(const MergeSchema& schema,
                          const MergeType& type,
                          const Value& live,
                          const Value& merged) {
  if (merged.is_null()) return live.is_null() ? FieldSet() : FieldSet::leaf();
  const MergeShape shape = shape_of(type, merged);
  if (shape == MergeShape::kAtomic) return live == merged ? FieldSet() : FieldSet::leaf();
  FieldSet out;
  const auto add = [&out](const PathElement& at, FieldSet below) {
    if (!below.empty()) out.add(at, std::move(below));
  };
  if (is_object_shape(shape) && live.is_object() && merged.is_object()) {
    for (const auto& [name, value] : *merged.as_object()) {
      if (const Value* before = live.find(name); before != nullptr)
        add(PathElement::field(name),
            rewritten_fields(schema, member_or_any(schema, type, name), *before, value));
    }
  } else if (is_list_shape(shape) && live.is_array() && merged.is_array()) {
    const ListItems old(schema, type, live.as_array()), now(schema, type, merged.as_array());
    for (const ListItems::Item& item : now.items()) {
      if (const ListItems::Item* before = old.find(item.at); before != nullptr)
        add(item.at, rewritten_fields(schema, schema.element(type), *before->values.front(),
                                      *item.values.front()));
    }
  }
  return out;
}

void add_atomic_fields(const MergeSchema& schema,
                       const MergeType& type,
                       const Value& value,
                       const std::string& path,
                       std::vector<std::string>& out) {
  const bool composite = value.is_object() || value.is_array();
  if (composite && shape_of(type, value) == MergeShape::kAtomic) out.push_back(path);
  if (const json::Object* object = value.as_object()) {
    for (const auto& [name, member] : *object) {
      add_atomic_fields(schema, member_or_any(schema, type, name), member,
                        fmt::format("{}.{}", path, name), out);
    }
  } else if (const json::Array* list = value.as_array()) {
    for (std::size_t i = 0; i < list->size(); ++i) {
      add_atomic_fields(schema, schema.element(type), (*list)[i], fmt::format("{}[{}]", path, i),
                        out);
    }
  }
}

FieldSet with_parents(const MergeSchema& schema, const MergeType& type, const FieldSet& set) {
  FieldSet out;
  out.set_member(set.is_member());
  for (const FieldSet::Child& child : set.children()) {
    if (child.at.type != PathElement::Type::kField) {
      out.add(child.at, with_parents(schema, schema.element(type), child.below));
      continue;
    }
    FieldSet below = with_parents(schema, member_or_any(schema, type, child.at.text), child.below);
    if (type.shape == MergeShape::kStruct) below.set_member(true);
    out.add(child.at, std::move(below));
  }
  return out;
}

}  // namespace

Result<FieldSet> field_set_of(const MergeSchema& schema, const Value& value) {
  Collector collector(schema);
  FieldSet out = collector.collect(schema.root(), value, {});
  const std::vector<std::string>& faults = collector.faults();
  if (faults.empty()) return out;
  if (faults.size() == 1) return fail(ErrorCode::kBadRequest, faults.front());
  return fail(ErrorCode::kBadRequest, fmt::format("errors:\n  {}", fmt::join(faults, "\n  ")));
}

std::vector<std::string> atomic_fields(const MergeSchema& schema, const Value& value) {
  std::vector<std::string> out;
  add_atomic_fields(schema, schema.root(), value, {}, out);
  return out;
}

Comparison compare(const MergeSchema& schema, const Value& before, const Value& after) {
  return Comparer(schema).compare(schema.root(), &before, &after);
}

FieldSet rewritten_fields(const MergeSchema& schema, const Value& live, const Value& merged) {
  return rewritten_fields(schema, schema.root(), live, merged);
}

Value merge(const MergeSchema& schema, Value live, const Value& config) {
  return Merger(schema).merge(schema.root(), std::move(live), config);
}

Value remove_fields(const MergeSchema& schema, Value value, const FieldSet& removed) {
  Remover(schema).remove(schema.root(), value, removed, {});
  return value;
}

FieldSet with_parents(const MergeSchema& schema, const FieldSet& set) {
  return with_parents(schema, schema.root(), set);
}

}  // namespace insula::api
