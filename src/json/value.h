#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace insula::json {

class Value;
using Array = std::vector<Value>;

/// Deepest nesting that is read or built; keeps recursion off the end of the stack.
inline constexpr std::size_t kDepthMax = 256;

/// The members of a JSON object, each key once, in the order they were added.
///
/// Small objects are searched in line; from kIndexFrom members on a hash index is kept. erase() of
/// an indexed object moves its last member into the gap, so that a patch of many removals stays
/// linear.
class Object {
 public:
  struct Member;
  static constexpr std::size_t kIndexFrom = 24;

  Object();
  Object(std::initializer_list<Member> members);
  Object(const Object& other);
  Object(Object&& other) noexcept;
  Object& operator=(const Object& other);
  Object& operator=(Object&& other) noexcept;
  ~Object();

  [[nodiscard]] std::size_t size() const;

  [[nodiscard]] bool empty() const { return size() == 0; }

  void reserve(std::size_t size);

  /// The value of `key`, or null. Valid until the next change.
  [[nodiscard]] Value* find(std::string_view key);
  [[nodiscard]] const Value* find(std::string_view key) const;

  [[nodiscard]] bool contains(std::string_view key) const { return find(key) != nullptr; }

  /// Finds or adds `key`.
  Value& operator[](std::string_view key);
  /// Adds `key`, or replaces its value. False when it was there before.
  bool set(std::string key, Value value);
  /// False when there was none.
  bool erase(std::string_view key);
  /// Orders the members by key.
  void sort();

  // NOLINTBEGIN(readability-identifier-naming): names a range-for looks for
  [[nodiscard]] Member* begin();
  [[nodiscard]] Member* end();
  [[nodiscard]] const Member* begin() const;
  [[nodiscard]] const Member* end() const;
  // NOLINTEND(readability-identifier-naming)

  /// Independent of order.
  friend bool operator==(const Object& a, const Object& b);

 private:
  class Index;

  [[nodiscard]] std::size_t position(std::string_view key) const;
  Value& append(std::string key, Value value);

  std::vector<Member> members_;
  std::unique_ptr<Index> index_;
};

/// Any JSON value, owned. Integers are kept exact; kUint64 holds only those above int64.
class Value {
 public:
  enum class Type : std::uint8_t {
    kNull,
    kBool,
    kInt64,
    kUint64,
    kDouble,
    kString,
    kArray,
    kObject
  };

  // NOLINTBEGIN(google-explicit-constructor): documents are written as nested braces of plain
  // values
  Value() = default;

  Value(std::nullptr_t) {}

  // Not from pointers, which convert to bool.
  template <std::same_as<bool> T>
  Value(T value) : value_(value) {}

  template <class T>
    requires(std::is_integral_v<T> && !std::is_same_v<T, bool> && !std::is_same_v<T, char>)
  Value(T value) {
    if constexpr (std::is_unsigned_v<T> && sizeof(T) == sizeof(std::uint64_t)) {
      set_unsigned(value);
    } else {
      value_ = static_cast<std::int64_t>(value);
    }
  }

  Value(double value) : value_(value) {}

  Value(std::string value) : value_(std::move(value)) {}

  Value(std::string_view value) : value_(std::string(value)) {}

  Value(const char* value) : value_(std::string(value)) {}

  Value(Array value) : value_(std::move(value)) {}

  Value(Object value) : value_(std::move(value)) {}

  // NOLINTEND(google-explicit-constructor)

  [[nodiscard]] Type type() const { return static_cast<Type>(value_.index()); }

  [[nodiscard]] bool is_null() const { return type() == Type::kNull; }

  [[nodiscard]] bool is_string() const { return type() == Type::kString; }

  [[nodiscard]] bool is_array() const { return type() == Type::kArray; }

  [[nodiscard]] bool is_object() const { return type() == Type::kObject; }

  /// The content when it has this type, else null or nullopt. Numbers convert when no digit is
  /// lost.
  [[nodiscard]] std::optional<bool> as_bool() const;
  [[nodiscard]] std::optional<std::int64_t> as_int64() const;
  [[nodiscard]] std::optional<double> as_double() const;

  [[nodiscard]] const std::string* as_string() const { return std::get_if<std::string>(&value_); }

  [[nodiscard]] std::string* as_string() { return std::get_if<std::string>(&value_); }

  [[nodiscard]] const Array* as_array() const { return std::get_if<Array>(&value_); }

  [[nodiscard]] Array* as_array() { return std::get_if<Array>(&value_); }

  [[nodiscard]] const Object* as_object() const { return std::get_if<Object>(&value_); }

  [[nodiscard]] Object* as_object() { return std::get_if<Object>(&value_); }

  [[nodiscard]] std::optional<std::uint64_t> as_uint64() const;

  /// The text of a string, else `otherwise`. Valid as long as this value is unchanged.
  [[nodiscard]] std::string_view text(std::string_view otherwise = {}) const;

  /// The member of an object, or null.
  [[nodiscard]] const Value* find(std::string_view key) const;
  [[nodiscard]] Value* find(std::string_view key);
  /// The member of an object, or a null value: `pod["spec"]["nodeName"].text()`.
  [[nodiscard]] const Value& operator[](std::string_view key) const;
  /// Finds or adds a member; a value that is no object becomes one.
  Value& operator[](std::string_view key);

  [[nodiscard]] const Value& operator[](const char* key) const {
    return (*this)[std::string_view(key)];
  }

  Value& operator[](const char* key) { return (*this)[std::string_view(key)]; }

  /// Levels of nesting: 0 for a scalar, 1 for an empty array.
  [[nodiscard]] std::size_t depth() const;
  /// Values in the tree, itself included.
  [[nodiscard]] std::size_t count() const;
  /// About what a copy of the tree takes in memory: a slot for each value, and texts and keys.
  [[nodiscard]] std::size_t bytes() const;

  /// Numbers compare by value (1 == 1.0), objects without order.
  friend bool operator==(const Value& a, const Value& b);

 private:
  void set_unsigned(std::uint64_t value);

  using Storage = std::variant<std::monostate,
                               bool,
                               std::int64_t,
                               std::uint64_t,
                               double,
                               std::string,
                               Array,
                               Object>;

  Storage value_;
};

struct Object::Member {
  std::string key;
  Value value;
};

inline std::size_t Object::size() const {
  return members_.size();
}

inline Object::Member* Object::begin() {
  return members_.data();
}

inline Object::Member* Object::end() {
  return members_.data() + members_.size();
}

inline const Object::Member* Object::begin() const {
  return members_.data();
}

inline const Object::Member* Object::end() const {
  return members_.data() + members_.size();
}

}  // namespace insula::json
