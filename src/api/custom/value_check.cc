#include "api/custom/value_check.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "api/codec.h"
#include "api/custom/correlation.h"
#include "api/field_errors.h"
#include "api/gen/meta_v1.h"
#include "json/write.h"

namespace insula::api {

namespace {

using json::Value;

/// Where Kubernetes' messages say that a value is.
constexpr std::string_view kIn = "in body";

std::string_view type_of_value(const Value& value) {
  switch (value.type()) {
    case Value::Type::kNull:
      return "null";
    case Value::Type::kBool:
      return "boolean";
    case Value::Type::kInt64:
    case Value::Type::kUint64:
      return "integer";
    case Value::Type::kDouble:
      return "number";
    case Value::Type::kString:
      return "string";
    case Value::Type::kArray:
      return "array";
    case Value::Type::kObject:
      return "object";
  }
  return "";
}

bool is_number(const Value& value) {
  return value.as_double().has_value() || value.as_int64().has_value() ||
         value.as_uint64().has_value();
}

bool is_integer(const Value& value) {
  const auto number = value.as_double();
  return value.as_int64() || value.as_uint64() || (number && std::trunc(*number) == *number);
}

bool fits_type(const Value& value, std::string_view type) {
  if (type == "integer") return is_integer(value);
  if (type == "number") return is_number(value);
  return type_of_value(value) == type;
}

template <class T>
bool is_within(const Value& value) {
  if (const auto whole = value.as_int64()) return std::in_range<T>(*whole);
  const auto number = value.as_double();
  // The powers of two at the ends are exact.
  const double end = std::ldexp(1.0, std::numeric_limits<T>::digits);
  return number && *number >= -end && *number < end;
}

/// Whether a number is one of those that its type and format have. Integers are of 64 bits unless
/// the format says otherwise; formats of other types say nothing.
bool fits_range(const Value& value, const SchemaNode& node) {
  if (node.type == "integer")
    return node.format == "int32" ? is_within<std::int32_t>(value) : is_within<std::int64_t>(value);
  if (node.type != "number" || node.format != "float") return true;
  const auto number = value.as_double();
  return !number || std::abs(*number) <= std::numeric_limits<float>::max();
}

bool is_format_of(std::string_view format, std::string_view type) {
  if (type == "integer") return format == "int32" || format == "int64";
  return type == "number" && (format == "float" || format == "double");
}

std::string shown_number(double number) {
  return json::write(Value(number));
}

std::int64_t characters(std::string_view text) {
  return std::ranges::count_if(text, [](char c) { return (c & '\xC0') != '\x80'; });
}

std::string element_path(const std::string& path, std::size_t index) {
  return fmt::format("{}[{}]", path, index);
}

std::string plural_of(std::int64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

/// Checks one value and what is in it.
class Checker {
 public:
  explicit Checker(ValueErrors& errors) : errors_(errors) {}

  // NOLINTNEXTLINE(misc-no-recursion): as deep as the value and the schema
  void check(const Value& value,
             const Value* old,
             const SchemaNode& node,
             const std::string& path) {
    if (old != nullptr && !always_changes(path) && is_unchanged(value, *old, node)) return;
    if (value.is_null() && node.nullable) return;
    if (!node.type.empty() && !fits_type(value, node.type)) {
      errors_.add(path, "FieldValueTypeInvalid",
                  fmt::format("Invalid value: \"{0}\": {1} {2} must be of type {3}: \"{0}\"",
                              type_of_value(value), path, kIn, node.type));
      return;
    }
    if (node.int_or_string && !is_integer(value) && !value.is_string()) {
      errors_.add(path, "FieldValueTypeInvalid",
                  fmt::format("Invalid value: \"{0}\": {1} {2} must be of type integer,string: "
                              "\"{0}\"",
                              type_of_value(value), path, kIn));
      return;
    }
    combinations(value, node, path);
    if (value.is_string()) text(value, node, path);
    if (is_number(value)) number(value, node, path);
    if (const json::Array* elements = value.as_array()) array(*elements, old, node, path);
    enumeration(value, node, path);
    if (const json::Object* members = value.as_object()) object(*members, old, node, path);
  }

 private:
  void enumeration(const Value& value, const SchemaNode& node, const std::string& path) {
    if (!node.enumeration || std::ranges::find(*node.enumeration, value) != node.enumeration->end())
      return;
    std::string list;
    for (const Value& one : *node.enumeration) {
      list += list.empty() ? "" : ", ";
      list += ShownValue(one.is_string() ? std::string(one.text()) : json::write(one)).text();
    }
    errors_.add(
        path, "FieldValueNotSupported",
        fmt::format("Unsupported value: {}: supported values: {}", shown_value(value), list));
  }

  void text(const Value& value, const SchemaNode& node, const std::string& path) {
    const std::string_view content = value.text();
    if (node.length_max && characters(content) > *node.length_max) {
      errors_.add(path, "FieldValueTooLong",
                  "Too long: may not be more than " + plural_of(*node.length_max, "byte"));
    }
    if (node.length_min && characters(content) < *node.length_min) {
      errors_.invalid(
          path, value,
          fmt::format("{} {} should be at least {} chars long", path, kIn, *node.length_min));
    }
    if (node.pattern && !node.pattern->found_in(content)) {
      errors_.invalid(path, value,
                      fmt::format("{} {} should match '{}'", path, kIn, node.pattern->text()));
    }
    if (!node.format.empty() && !is_of_format(content, node.format)) {
      errors_.add(path, "FieldValueTypeInvalid",
                  fmt::format("Invalid value: {0}: {1} {2} must be of type {3}: {0}",
                              shown_value(value), path, kIn, node.format));
    }
  }

  void number(const Value& value, const SchemaNode& node, const std::string& path) {
    const double number = value.as_double().value_or(
        static_cast<double>(value.as_int64().value_or(std::numeric_limits<std::int64_t>::max())));
    const auto refuse = [&](std::string_view rule, double bound) {
      errors_.invalid(path, value,
                      fmt::format("{} {} should be {} {}", path, kIn, rule, shown_number(bound)));
    };
    if (!fits_range(value, node)) {
      const std::string format = is_format_of(node.format, node.type)
                                     ? fmt::format("with format {}", node.format)
                                     : "(default format)";
      // Without a field of its own, as in Kubernetes.
      errors_.add("", "FieldValueInvalid",
                  fmt::format("Invalid value: \"\": Checked value must be of type {} {} in {}",
                              node.type, format, path));
    }
    if (node.multiple_of && *node.multiple_of > 0) {
      const double times = number / *node.multiple_of;
      if (std::abs(times - std::round(times)) > 1e-9 * std::max(1.0, std::abs(times)))
        refuse("a multiple of", *node.multiple_of);
    }
    if (node.maximum) {
      if (node.exclusive_maximum ? number >= *node.maximum : number > *node.maximum)
        refuse(node.exclusive_maximum ? "less than" : "less than or equal to", *node.maximum);
    }
    if (node.minimum) {
      if (node.exclusive_minimum ? number <= *node.minimum : number < *node.minimum)
        refuse(node.exclusive_minimum ? "greater than" : "greater than or equal to", *node.minimum);
    }
  }

  // NOLINTNEXTLINE(misc-no-recursion): as above
  void array(const json::Array& elements,
             const Value* old,
             const SchemaNode& node,
             const std::string& path) {
    const auto size = static_cast<std::int64_t>(elements.size());
    if (node.items_max && size > *node.items_max) {
      errors_.add(path, "FieldValueTooMany",
                  fmt::format("Too many: {}: must have at most {}", size,
                              plural_of(*node.items_max, "item")));
      return;
    }
    if (node.items_min && size < *node.items_min) {
      errors_.invalid(
          path, Value(size),
          fmt::format("{} {} should have at least {} items", path, kIn, *node.items_min));
    }
    if (node.items != nullptr) {
      OldElements before(old, node);
      for (std::size_t i = 0; i < elements.size(); ++i)
        check(elements[i], before.find(elements[i], i), *node.items, element_path(path, i));
    }
  }

  // NOLINTNEXTLINE(misc-no-recursion): as above
  void object(const json::Object& members,
              const Value* old,
              const SchemaNode& node,
              const std::string& path) {
    const auto size = static_cast<std::int64_t>(members.size());
    if (node.properties_max && size > *node.properties_max) {
      errors_.add(path, "FieldValueTooMany",
                  fmt::format("Too many: {}: must have at most {}", size,
                              plural_of(*node.properties_max, "item")));
    }
    if (node.properties_min && size < *node.properties_min) {
      errors_.invalid(
          path, Value(size),
          fmt::format("{} {} should have at least {} properties", path, kIn, *node.properties_min));
    }
    for (const auto& [name, value] : members) {
      const SchemaNode* member = node.member(name);
      if (member == nullptr) continue;
      check(value, old == nullptr ? nullptr : old->find(name), *member, member_path(path, name));
    }
    for (const std::string& name : node.required) {
      if (!members.contains(name))
        errors_.add(member_path(path, name), "FieldValueRequired", "Required value");
    }
  }

  // NOLINTNEXTLINE(misc-no-recursion): as above
  ValueErrors tried(const Value& value, const SchemaNode& node, const std::string& path) {
    ValueErrors errors;
    Checker(errors).check(value, nullptr, node, path);
    return errors;
  }

  void told(const std::string& path, std::string_view what) {
    // Without a field of its own, as in Kubernetes.
    errors_.add("", "FieldValueInvalid",
                fmt::format("Invalid value: \"\": \"{}\" must {}", path, what));
  }

  // NOLINTNEXTLINE(misc-no-recursion): as above
  void combinations(const Value& value, const SchemaNode& node, const std::string& path) {
    if (!node.any_of.empty()) any_of(value, node.any_of, path);
    if (!node.one_of.empty()) one_of(value, node.one_of, path);
    ValueErrors all;
    for (const SchemaNode& one : node.all_of)
      all.append(tried(value, one, path).take());
    if (!all.empty()) {
      told(path, "validate all the schemas (allOf)");
      errors_.append(std::move(all).take());
    }
    if (node.negated != nullptr && tried(value, *node.negated, path).empty())
      told(path, "not validate the schema (not)");
  }

  // NOLINTNEXTLINE(misc-no-recursion): as above
  void any_of(const Value& value, const std::vector<SchemaNode>& nodes, const std::string& path) {
    ValueErrors first;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      ValueErrors errors = tried(value, nodes[i], path);
      if (errors.empty()) return;
      if (i == 0) first = std::move(errors);
    }
    told(path, "validate at least one schema (anyOf)");
    errors_.append(std::move(first).take());
  }

  // NOLINTNEXTLINE(misc-no-recursion): as above
  void one_of(const Value& value, const std::vector<SchemaNode>& nodes, const std::string& path) {
    ValueErrors first;
    std::size_t fit = 0;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      ValueErrors errors = tried(value, nodes[i], path);
      fit += errors.empty() ? 1 : 0;
      if (i == 0) first = std::move(errors);
    }
    if (fit == 1) return;
    if (fit > 1)
      return told(path, fmt::format("validate one and only one schema (oneOf). Found {} valid "
                                    "alternatives",
                                    fit));
    told(path, "validate one and only one schema (oneOf). Found none valid");
    errors_.append(std::move(first).take());
  }

  ValueErrors& errors_;
};

}  // namespace

void ValueErrors::add(const std::string& path, std::string_view reason, std::string message) {
  if (causes_.size() == kCausesMax) return;
  causes_.push_back({path.empty() ? "<nil>" : path, std::string(reason), std::move(message)});
}

void ValueErrors::invalid(const std::string& path,
                          const json::Value& value,
                          std::string_view detail) {
  add(path, "FieldValueInvalid", fmt::format("Invalid value: {}: {}", shown_value(value), detail));
}

void ValueErrors::append(std::vector<FieldCause> causes) {
  for (FieldCause& cause : causes)
    add(cause.field, cause.reason, std::move(cause.message));
}

bool ValueErrors::blocks_rules() const {
  constexpr std::string_view kBlocking[] = {"FieldValueRequired", "FieldValueTooLong",
                                            "FieldValueTooMany", "FieldValueTypeInvalid"};
  return std::ranges::any_of(causes_, [&](const FieldCause& cause) {
    return std::ranges::find(kBlocking, cause.reason) != std::ranges::end(kBlocking);
  });
}

std::string shown_value(const json::Value& value) {
  return value.is_string() ? ShownValue(value.text()).text() : json::write(value);
}

std::string member_path(const std::string& path, std::string_view name) {
  return path.empty() ? std::string(name) : fmt::format("{}.{}", path, name);
}

void check_value(const json::Value& value,
                 const json::Value* old,
                 const SchemaNode& node,
                 const std::string& path,
                 ValueErrors& errors) {
  Checker(errors).check(value, old, node, path);
}

}  // namespace insula::api
