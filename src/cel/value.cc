#include "cel/value.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <unordered_map>

#include "base/check.h"
#include "cel/loose_duration.h"

namespace insula::cel {
namespace {

class MadeList : public List {
 public:
  explicit MadeList(std::vector<Value> elements) : elements_(std::move(elements)) {}

  [[nodiscard]] std::size_t size() const override { return elements_.size(); }

  [[nodiscard]] Value at(std::size_t i) const override { return elements_[i]; }

 private:
  std::vector<Value> elements_;
};

class JsonList : public List {
 public:
  JsonList(const json::Array& array, TypePtr element)
      : array_(array), element_(std::move(element)) {}

  [[nodiscard]] std::size_t size() const override { return array_.size(); }

  [[nodiscard]] Value at(std::size_t i) const override {
    return Value::from_json(array_[i], element_);
  }

 private:
  const json::Array& array_;
  TypePtr element_;
};

/// Equal keys have equal texts: numbers are keys by value, texts are marked as such.
std::string key_text(const Value& key) {
  if (const auto* text = key.as<Value::Text>()) return "s" + **text;
  if (const auto* value = key.as<bool>()) return *value ? "true" : "false";
  if (const auto* value = key.as<std::int64_t>()) return std::to_string(*value);
  if (const auto* value = key.as<std::uint64_t>()) return std::to_string(*value);
  if (const auto* value = key.as<double>()) {
    // A double finds the integer that it equals.
    if (*value == std::floor(*value) && std::abs(*value) < 9.2e18) {
      return std::to_string(static_cast<std::int64_t>(*value));
    }
  }
  return {};
}

class MadeMap : public Map {
 public:
  explicit MadeMap(std::vector<std::pair<Value, Value>> entries) {
    for (auto& [key, value] : entries) {
      const auto [found, added] = index_.try_emplace(key_text(key), entries_.size());
      if (added) {
        entries_.emplace_back(std::move(key), std::move(value));
      } else {
        entries_[found->second].second = std::move(value);
      }
    }
  }

  [[nodiscard]] std::size_t size() const override { return entries_.size(); }

  [[nodiscard]] std::optional<Value> find(const Value& key) const override {
    const auto found = index_.find(key_text(key));
    if (found == index_.end()) return std::nullopt;
    return entries_[found->second].second;
  }

  [[nodiscard]] Value key(std::size_t i) const override { return entries_[i].first; }

 private:
  std::vector<std::pair<Value, Value>> entries_;
  std::unordered_map<std::string, std::size_t> index_;
};

class MadeObject final : public MadeMap {
 public:
  MadeObject(TypePtr type, std::vector<std::pair<Value, Value>> fields)
      : MadeMap(std::move(fields)), type_(std::move(type)) {}

  [[nodiscard]] const Type* object_type() const override { return type_.get(); }

 private:
  TypePtr type_;
};

/// A JSON object whose members have one type.
class JsonMap : public Map {
 public:
  JsonMap(const json::Object& object, TypePtr value) : object_(object), value_(std::move(value)) {}

  [[nodiscard]] std::size_t size() const override { return object_.size(); }

  [[nodiscard]] std::optional<Value> find(const Value& key) const override {
    const auto* name = key.as<Value::Text>();
    const json::Value* found = name == nullptr ? nullptr : object_.find(**name);
    if (found == nullptr) return std::nullopt;
    return Value::from_json(*found, value_);
  }

  [[nodiscard]] Value key(std::size_t i) const override {
    return Value::string((object_.begin() + i)->key);
  }

 private:
  const json::Object& object_;
  TypePtr value_;
};

/// Values in a JSON value, itself included, counted up to `most`.
// NOLINTNEXTLINE(misc-no-recursion): as deep as the JSON, which has a bound
std::size_t json_weight(const json::Value& value, std::size_t most) {
  std::size_t total = 1 + value.text().size() / 10;
  if (const json::Object* members = value.as_object()) {
    for (auto it = members->begin(); it != members->end() && total < most; ++it)
      total += json_weight(it->value, most - total);
  } else if (const json::Array* elements = value.as_array()) {
    for (auto it = elements->begin(); it != elements->end() && total < most; ++it)
      total += json_weight(*it, most - total);
  }
  return std::min(total, most);
}

/// A JSON object with declared fields; others are not seen, but by comparisons.
class JsonFields : public Map {
 public:
  JsonFields(const json::Object& object, TypePtr type) : object_(object), type_(std::move(type)) {
    for (const auto& [name, field] : type_->fields()) {
      const json::Value* value = object.find(field.json_name);
      if (value != nullptr && !value->is_null()) set_.push_back(&name);
    }
  }

  [[nodiscard]] std::size_t size() const override { return set_.size(); }

  [[nodiscard]] std::optional<Value> find(const Value& key) const override {
    const auto* name = key.as<Value::Text>();
    if (name == nullptr) return std::nullopt;
    const Type::Field* field = type_->declared(**name);
    if (field == nullptr) return std::nullopt;
    const json::Value* value = object_.find(field->json_name);
    if (value == nullptr || value->is_null()) return std::nullopt;
    return Value::from_json(*value, field->type);
  }

  [[nodiscard]] Value key(std::size_t i) const override { return Value::string(*set_[i]); }

  [[nodiscard]] bool undeclared_equals(const Map& other) const override {
    const auto* fields = dynamic_cast<const JsonFields*>(&other);
    if (fields == nullptr) return true;
    const auto mine = undeclared();
    const auto others = fields->undeclared();
    return mine.size() == others.size() && std::ranges::all_of(mine, [&](const auto& entry) {
             const auto found = others.find(entry.first);
             return found != others.end() && *found->second == *entry.second;
           });
  }

  [[nodiscard]] std::size_t undeclared_weight(std::size_t most) const override {
    std::size_t total = 0;
    for (const auto& [name, value] : undeclared()) {
      if (total < most) total += json_weight(*value, most - total);
    }
    return total;
  }

 private:
  [[nodiscard]] std::map<std::string_view, const json::Value*> undeclared() const {
    std::map<std::string_view, const json::Value*> out;
    for (const auto& [name, value] : object_)
      out.emplace(name, &value);
    for (const auto& [name, field] : type_->fields())
      out.erase(field.json_name);
    return out;
  }

  const json::Object& object_;
  TypePtr type_;
  std::vector<const std::string*> set_;
};

/// A text that the JSON keeps; see the lifetime of from_json().
Value::Text borrowed(const std::string& text) {
  return {std::shared_ptr<const std::string>(), &text};
}

std::optional<Value> text_of_type(const std::string& text, Type::Kind kind) {
  if (kind == Type::Kind::kTimestamp) {
    if (const auto time = Timestamp::parse(text)) return Value::timestamp(*time);
  }
  if (kind == Type::Kind::kDuration) {
    if (const auto length = parse_loose_duration(text)) return Value::duration(*length);
  }
  return std::nullopt;
}

bool lists_equal(const List& a, const List& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!a.at(i).equals(b.at(i))) return false;
  }
  return true;
}

bool maps_equal(const Map& a, const Map& b) {
  const Type* type = a.object_type();
  const Type* other_type = b.object_type();
  if ((type == nullptr) != (other_type == nullptr)) return false;
  if (type != nullptr && type->name() != other_type->name()) return false;
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const Value key = a.key(i);
    const auto other = b.find(key);
    if (!other || !a.find(key)->equals(*other)) return false;
  }
  return a.undeclared_equals(b);
}

template <class A, class B>
std::partial_ordering ordered(A a, B b) {
  if constexpr (std::is_same_v<A, double> || std::is_same_v<B, double>) {
    // long double has all digits of an int64 and of a uint64.
    return static_cast<long double>(a) <=> static_cast<long double>(b);
  } else {
    if (std::cmp_less(a, b)) return std::partial_ordering::less;
    return std::cmp_equal(a, b) ? std::partial_ordering::equivalent
                                : std::partial_ordering::greater;
  }
}

template <class A>
std::optional<std::partial_ordering> ordered_with(A a, const Value& other) {
  if (const auto* b = other.as<std::int64_t>()) return ordered(a, *b);
  if (const auto* b = other.as<std::uint64_t>()) return ordered(a, *b);
  if (const auto* b = other.as<double>()) return ordered(a, *b);
  return std::nullopt;
}

}  // namespace

Value Value::string(std::string text) {
  return Value(Storage(std::make_shared<const std::string>(std::move(text))));
}

Value Value::bytes(std::string content) {
  return Value(Storage(Bytes{std::make_shared<const std::string>(std::move(content))}));
}

Value Value::list(std::vector<Value> elements) {
  return list(ListPtr(std::make_shared<MadeList>(std::move(elements))));
}

Value Value::map(std::vector<std::pair<Value, Value>> entries) {
  return map(MapPtr(std::make_shared<MadeMap>(std::move(entries))));
}

Value Value::object(TypePtr type, std::vector<std::pair<std::string, Value>> fields) {
  std::vector<std::pair<Value, Value>> entries;
  entries.reserve(fields.size());
  for (auto& [name, value] : fields)
    entries.emplace_back(string(std::move(name)), std::move(value));
  return map(std::make_shared<MadeObject>(std::move(type), std::move(entries)));
}

Value Value::optional(Value content) {
  return Value(Storage(Optional{std::make_shared<const Value>(std::move(content))}));
}

Value Value::none() {
  return Value(Storage(Optional{}));
}

Value Value::from_json(const json::Value& json, const TypePtr& type) {
  switch (json.type()) {
    case json::Value::Type::kNull:
      return null();
    case json::Value::Type::kBool:
      return boolean(*json.as_bool());
    case json::Value::Type::kInt64:
      if (type->is(Type::Kind::kDouble)) return real(static_cast<double>(*json.as_int64()));
      return integer(*json.as_int64());
    case json::Value::Type::kUint64:
      if (type->is(Type::Kind::kDouble)) return real(static_cast<double>(*json.as_uint64()));
      return uint(*json.as_uint64());
    case json::Value::Type::kDouble:
      return real(*json.as_double());
    case json::Value::Type::kString: {
      const std::string& text = *json.as_string();
      if (auto value = text_of_type(text, type->kind())) return *std::move(value);
      return Value(Storage(borrowed(text)));
    }
    case json::Value::Type::kArray:
      return list(std::make_shared<JsonList>(
          *json.as_array(), type->is(Type::Kind::kList) ? type->first() : Type::dyn()));
    case json::Value::Type::kObject:
      if (type->is(Type::Kind::kObject)) {
        return map(std::make_shared<JsonFields>(*json.as_object(), type));
      }
      return map(std::make_shared<JsonMap>(
          *json.as_object(), type->is(Type::Kind::kMap) ? type->second() : Type::dyn()));
  }
  return null();
}

Type::Kind Value::kind() const {
  using Kind = Type::Kind;
  static constexpr Kind kKinds[] = {Kind::kNull,     Kind::kBool,   Kind::kInt,   Kind::kUint,
                                    Kind::kDouble,   Kind::kString, Kind::kBytes, Kind::kTimestamp,
                                    Kind::kDuration, Kind::kList,   Kind::kMap,   Kind::kType,
                                    Kind::kOptional, Kind::kOpaque};
  static_assert(std::size(kKinds) == std::variant_size_v<Storage>);
  return kKinds[storage_.index()];
}

std::string Value::type_name() const {
  switch (kind()) {
    case Type::Kind::kNull:
      return "null_type";
    case Type::Kind::kBool:
      return "bool";
    case Type::Kind::kInt:
      return "int";
    case Type::Kind::kUint:
      return "uint";
    case Type::Kind::kDouble:
      return "double";
    case Type::Kind::kString:
      return "string";
    case Type::Kind::kBytes:
      return "bytes";
    case Type::Kind::kTimestamp:
      return "google.protobuf.Timestamp";
    case Type::Kind::kDuration:
      return "google.protobuf.Duration";
    case Type::Kind::kList:
      return "list";
    case Type::Kind::kMap: {
      const Type* type = (*as<MapPtr>())->object_type();
      return type == nullptr ? "map" : type->name();
    }
    case Type::Kind::kType:
      return "type";
    case Type::Kind::kOptional:
      return "optional_type";
    case Type::Kind::kOpaque:
      return std::get<OpaquePtr>(storage_)->type()->name();
    default:
      return "dyn";
  }
}

const std::string& Value::text() const {
  if (const auto* text = as<Text>()) return **text;
  return *std::get<Bytes>(storage_).content;
}

bool Value::equals(const Value& other) const {
  if (const auto order = compare_numbers(*this, other)) return *order == 0;
  if (kind() != other.kind()) return false;
  switch (kind()) {
    case Type::Kind::kNull:
      return true;
    case Type::Kind::kBool:
      return is_true() == other.is_true();
    case Type::Kind::kString:
    case Type::Kind::kBytes:
      return text() == other.text();
    case Type::Kind::kTimestamp:
      return *as<Timestamp>() == *other.as<Timestamp>();
    case Type::Kind::kDuration:
      return *as<Duration>() == *other.as<Duration>();
    case Type::Kind::kList:
      return lists_equal(**as<ListPtr>(), **other.as<ListPtr>());
    case Type::Kind::kMap:
      return maps_equal(**as<MapPtr>(), **other.as<MapPtr>());
    case Type::Kind::kType:
      return (*as<TypePtr>())->name() == (*other.as<TypePtr>())->name();
    case Type::Kind::kOptional: {
      const auto& a = as<Optional>()->content;
      const auto& b = other.as<Optional>()->content;
      return (a == nullptr) == (b == nullptr) && (a == nullptr || a->equals(*b));
    }
    case Type::Kind::kOpaque:
      return (*as<OpaquePtr>())->equals(**other.as<OpaquePtr>());
    default:
      return false;
  }
}

std::optional<std::partial_ordering> Value::compare(const Value& other) const {
  if (const auto order = compare_numbers(*this, other)) return order;
  if (kind() != other.kind()) return std::nullopt;
  switch (kind()) {
    case Type::Kind::kBool:
      return is_true() <=> other.is_true();
    case Type::Kind::kString:
    case Type::Kind::kBytes:
      return text() <=> other.text();
    case Type::Kind::kTimestamp:
      return *as<Timestamp>() <=> *other.as<Timestamp>();
    case Type::Kind::kDuration:
      return *as<Duration>() <=> *other.as<Duration>();
    default:
      return std::nullopt;
  }
}

std::size_t Value::weight(std::size_t most) const {
  std::size_t total = 1;
  if (const auto* list = as<ListPtr>()) {
    for (std::size_t i = 0; i < (*list)->size() && total < most; ++i) {
      total += (*list)->at(i).weight(most - total);
    }
  } else if (const auto* map = as<MapPtr>()) {
    for (std::size_t i = 0; i < (*map)->size() && total < most; ++i) {
      total += (*map)->find((*map)->key(i))->weight(most - total);
    }
    if (total < most) total += (*map)->undeclared_weight(most - total);
  } else if (as<Text>() != nullptr || as<Bytes>() != nullptr) {
    total += text().size() / 10;
  } else if (const auto* optional = as<Optional>(); optional != nullptr && optional->content) {
    total += optional->content->weight(most - total);
  }
  return std::min(total, most);
}

std::optional<std::partial_ordering> compare_numbers(const Value& a, const Value& b) {
  if (const auto* value = a.as<std::int64_t>()) return ordered_with(*value, b);
  if (const auto* value = a.as<std::uint64_t>()) return ordered_with(*value, b);
  if (const auto* value = a.as<double>()) return ordered_with(*value, b);
  return std::nullopt;
}

}  // namespace insula::cel
