#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace insula::cel {

class Type;
using TypePtr = std::shared_ptr<const Type>;

/// The type of an expression, as the checker knows it: immutable, shared.
///
/// Spec: cel-spec langdef.md, "Values" and "Gradual Type Checking".
/// Threads: deeply const.
class Type {
 public:
  enum class Kind : std::uint8_t {
    kDyn,  // known at evaluation only
    kNull,
    kBool,
    kInt,
    kUint,
    kDouble,
    kString,
    kBytes,
    kTimestamp,
    kDuration,
    kList,       // parameters: the element's
    kMap,        // parameters: the key's, the value's
    kObject,     // of declared fields
    kType,       // the type of types
    kOptional,   // parameters: the content's
    kOpaque,     // a value of a function library, known by its name
    kParameter,  // of a function's signature, bound at each call
  };

  /// A field of an object: the name in the JSON behind it and its type. Expressions know it by the
  /// key under which it is declared, which can differ where that name is no identifier.
  struct Field {
    std::string json_name;
    TypePtr type;
  };

  using Fields = std::map<std::string, Field, std::less<>>;

  static TypePtr dyn();
  /// dyn, until it is known what else: the element of an empty list, the content of none.
  static TypePtr unknown();
  static TypePtr null();
  static TypePtr boolean();
  static TypePtr integer();
  static TypePtr uint();
  static TypePtr real();
  static TypePtr string();
  static TypePtr bytes();
  static TypePtr timestamp();
  static TypePtr duration();
  static TypePtr type();
  static TypePtr list(TypePtr element);
  static TypePtr map(TypePtr key, TypePtr value);
  static TypePtr optional(TypePtr content);
  static TypePtr opaque(std::string name);
  /// A placeholder in a signature: all that have one name stand for one type.
  static TypePtr parameter(std::string name);
  static TypePtr object(std::string name, Fields fields);
  /// An object that may have any field, of any type.
  static TypePtr open_object(std::string name);

  [[nodiscard]] Kind kind() const { return kind_; }

  [[nodiscard]] bool is(Kind kind) const { return kind_ == kind; }

  [[nodiscard]] const std::string& name() const { return name_; }

  [[nodiscard]] const Fields& fields() const { return fields_; }

  /// Of an object: a declared field, or null. One that is declared as `__if__`, because `if` is a
  /// reserved word, is found by that word, too.
  [[nodiscard]] const Field* declared(std::string_view name) const;
  /// Of an object: the type of a field; null when it has none of that name.
  [[nodiscard]] TypePtr field(std::string_view name) const;

  /// The element of a list, the content of an optional, the key of a map.
  [[nodiscard]] const TypePtr& first() const { return parameters_[0]; }

  /// The value of a map.
  [[nodiscard]] const TypePtr& second() const { return parameters_[1]; }

  [[nodiscard]] std::span<const TypePtr> parameters() const { return parameters_; }

  /// As messages show it: `list(string)`.
  [[nodiscard]] std::string text() const;

 private:
  Type(Kind kind, std::string name, std::vector<TypePtr> parameters, Fields fields);

  static TypePtr make(Kind kind,
                      std::string name,
                      std::vector<TypePtr> parameters = {},
                      Fields fields = {});

  Kind kind_;
  std::string name_;
  std::vector<TypePtr> parameters_;
  Fields fields_;
  bool open_ = false;
};

/// What the parameters of one call's signature stand for.
class Substitution {
 public:
  /// Whether a value of type `from` may stand where `to` is expected; binds parameters on the way.
  /// dyn goes with everything.
  [[nodiscard]] bool assign(const TypePtr& to, const TypePtr& from);
  /// `type` with its parameters replaced; those that nothing is known of become dyn.
  [[nodiscard]] TypePtr apply(const TypePtr& type) const;

 private:
  std::map<std::string, TypePtr, std::less<>> bound_;
};

/// The type of an element that may be `a` or `b`: theirs when they agree, else dyn.
[[nodiscard]] TypePtr joined(const TypePtr& a, const TypePtr& b);

}  // namespace insula::cel
