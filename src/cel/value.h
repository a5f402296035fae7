#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"
#include "cel/time.h"
#include "cel/type.h"
#include "json/value.h"

namespace insula::cel {

class Value;

/// A list of values: one made by an expression, or a JSON array seen through its type.
class List {
 public:
  virtual ~List() = default;
  [[nodiscard]] virtual std::size_t size() const = 0;
  /// Requires: i < size().
  [[nodiscard]] virtual Value at(std::size_t i) const = 0;
};

/// A map, or an object with declared fields, which is a map of those that are set.
class Map {
 public:
  virtual ~Map() = default;
  [[nodiscard]] virtual std::size_t size() const = 0;
  /// The value of `key`, or nullopt. Numbers that are equal are one key.
  [[nodiscard]] virtual std::optional<Value> find(const Value& key) const = 0;
  /// Requires: i < size().
  [[nodiscard]] virtual Value key(std::size_t i) const = 0;

  /// Of an object that an expression made; null for all others.
  [[nodiscard]] virtual const Type* object_type() const { return nullptr; }

  /// Of an object: whether the members that its type does not declare are those of `other`, too.
  /// Expressions cannot name them, but they are part of what it is.
  [[nodiscard]] virtual bool undeclared_equals(const Map& /*other*/) const { return true; }

  /// What undeclared_equals() may look at, counted up to `most`.
  [[nodiscard]] virtual std::size_t undeclared_weight(std::size_t /*most*/) const { return 0; }
};

/// A value of a function library (a quantity, an address), known by its type's name.
class Opaque {
 public:
  virtual ~Opaque() = default;
  [[nodiscard]] virtual const TypePtr& type() const = 0;
  [[nodiscard]] virtual bool equals(const Opaque& other) const = 0;
};

/// A CEL value. Small, copied freely: lists, maps and texts are shared.
///
/// Lifetime: what from_json() made looks into the JSON it was given.
/// Threads: deeply const.
/// Spec: cel-spec langdef.md, "Values", "Equality", "Ordering".
class Value {
 public:
  struct Null {
    bool operator==(const Null&) const = default;
  };

  struct Bytes {
    std::shared_ptr<const std::string> content;
  };

  /// nullptr: none.
  struct Optional {
    std::shared_ptr<const Value> content;
  };

  using Text = std::shared_ptr<const std::string>;
  using ListPtr = std::shared_ptr<const List>;
  using MapPtr = std::shared_ptr<const Map>;
  using OpaquePtr = std::shared_ptr<const Opaque>;

  Value() = default;

  static Value null() { return {}; }

  static Value boolean(bool value) { return Value(Storage(value)); }

  static Value integer(std::int64_t value) { return Value(Storage(value)); }

  static Value uint(std::uint64_t value) { return Value(Storage(value)); }

  static Value real(double value) { return Value(Storage(value)); }

  static Value string(std::string text);
  static Value bytes(std::string content);

  static Value timestamp(Timestamp time) { return Value(Storage(time)); }

  static Value duration(Duration length) { return Value(Storage(length)); }

  static Value type(TypePtr type) { return Value(Storage(std::move(type))); }

  static Value list(ListPtr list) { return Value(Storage(std::move(list))); }

  static Value list(std::vector<Value> elements);

  static Value map(MapPtr map) { return Value(Storage(std::move(map))); }

  /// The last of equal keys is kept. Requires: keys are bool, int, uint or string.
  static Value map(std::vector<std::pair<Value, Value>> entries);
  /// Of a type of objects. The last of equal names is kept.
  static Value object(TypePtr type, std::vector<std::pair<std::string, Value>> fields);
  static Value optional(Value content);
  static Value none();

  static Value opaque(OpaquePtr value) { return Value(Storage(std::move(value))); }

  /// `json` seen as `type`: a text of type timestamp, duration or bytes is read as that, an integer
  /// of type double is one. What does not fit its type is what it looks like.
  ///
  /// Lifetime: `json` outlives the value and everything taken out of it.
  static Value from_json(const json::Value& json, const TypePtr& type);

  [[nodiscard]] Type::Kind kind() const;
  /// As `type(x)` shows it.
  [[nodiscard]] std::string type_name() const;

  template <class T>
  [[nodiscard]] const T* as() const {
    return std::get_if<T>(&storage_);
  }

  /// Requires: a string or bytes.
  [[nodiscard]] const std::string& text() const;

  /// Requires: a bool.
  [[nodiscard]] bool is_true() const { return std::get<bool>(storage_); }

  /// Numbers by value whatever their type, lists and maps by content; values of different types are
  /// not equal. Cost: up to all elements.
  [[nodiscard]] bool equals(const Value& other) const;
  /// nullopt when the two have no order.
  [[nodiscard]] std::optional<std::partial_ordering> compare(const Value& other) const;

  /// Elements of the value and of what it holds, counted up to `most`: what equals() may look at.
  [[nodiscard]] std::size_t weight(std::size_t most) const;

 private:
  using Storage = std::variant<Null,
                               bool,
                               std::int64_t,
                               std::uint64_t,
                               double,
                               Text,
                               Bytes,
                               Timestamp,
                               Duration,
                               ListPtr,
                               MapPtr,
                               TypePtr,
                               Optional,
                               OpaquePtr>;

  explicit Value(Storage storage) : storage_(std::move(storage)) {}

  Storage storage_;
};

/// Numbers of any two types by value. nullopt when one is no number.
[[nodiscard]] std::optional<std::partial_ordering> compare_numbers(const Value& a, const Value& b);

}  // namespace insula::cel
