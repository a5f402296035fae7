#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/kind.h"
#include "api/schema.h"
#include "base/error.h"
#include "json/value.h"

namespace insula::api {

/// What a field that the schema does not know, or a key given twice, means (`fieldValidation=`).
enum class Strictness : std::uint8_t {
  kIgnore,  // dropped without a word
  kWarn,    // dropped, and told in DecodeReport
  kStrict,  // refused
};

/// Unknown and repeated fields that are named; Kubernetes stops at the same number.
inline constexpr std::size_t kStrictProblemsMax = 100;

struct DecodeReport {
  /// What a custom object says it is; nullopt before that is read, empty where it does not say.
  std::optional<std::string> kind;
  std::string api_version;
  /// With kWarn: texts for `Warning: 299` headers, such as `unknown field "spec.foo"`.
  std::vector<std::string> warnings;
  /// With kWarn: the paths of the unknown fields among them.
  std::vector<std::string> unknown_fields;
};

/// Reads a JSON value into a fresh struct of `type`. For a struct that is a kind, apiVersion and
/// kind are checked when present and not stored.
///
/// Errors: kBadRequest with the path of the field and, for kStrict, every unknown field, in
/// Kubernetes' words. `object` is then partly filled.
[[nodiscard]] Result<> decode_json(const TypeInfo& type,
                                   void* object,
                                   const json::Value& value,
                                   Strictness strictness = Strictness::kIgnore,
                                   DecodeReport* report = nullptr);

/// Same from text; a key given twice counts as the strictness says, and the last one wins.
[[nodiscard]] Result<> decode_json(const TypeInfo& type,
                                   void* object,
                                   std::string_view text,
                                   Strictness strictness = Strictness::kIgnore,
                                   DecodeReport* report = nullptr);

/// A std::string converts to a json::Value as well as to a text: a text is meant.
[[nodiscard]] inline Result<> decode_json(const TypeInfo& type,
                                          void* object,
                                          const std::string& text,
                                          Strictness strictness = Strictness::kIgnore,
                                          DecodeReport* report = nullptr) {
  return decode_json(type, object, std::string_view(text), strictness, report);
}

/// Appends the JSON form: no blanks, empty members left out unless required, apiVersion and kind
/// first when the struct is a kind.
void encode_json(const TypeInfo& type, const void* object, std::string& out);

template <class T>
[[nodiscard]] Result<T> decode_json(const json::Value& value,
                                    Strictness strictness = Strictness::kIgnore,
                                    DecodeReport* report = nullptr) {
  T object;
  INSULA_TRY_VOID(decode_json(type_of<T>(), &object, value, strictness, report));
  return object;
}

template <class T>
[[nodiscard]] Result<T> decode_json(std::string_view text,
                                    Strictness strictness = Strictness::kIgnore,
                                    DecodeReport* report = nullptr) {
  T object;
  INSULA_TRY_VOID(decode_json(type_of<T>(), &object, text, strictness, report));
  return object;
}

// Without these two a text would be ambiguous: it converts to a json::Value as well.
template <class T>
[[nodiscard]] Result<T> decode_json(const std::string& text,
                                    Strictness strictness = Strictness::kIgnore,
                                    DecodeReport* report = nullptr) {
  return decode_json<T>(std::string_view(text), strictness, report);
}

template <class T>
[[nodiscard]] Result<T> decode_json(const char* text,
                                    Strictness strictness = Strictness::kIgnore,
                                    DecodeReport* report = nullptr) {
  return decode_json<T>(std::string_view(text), strictness, report);
}

template <class T>
[[nodiscard]] std::string encode_json(const T& object) {
  std::string out;
  encode_json(type_of<T>(), &object, out);
  return out;
}

/// The JSON form as a value, for patches and tables.
[[nodiscard]] json::Value to_json(const TypeInfo& type, const void* object);

template <class T>
[[nodiscard]] json::Value to_json(const T& object) {
  return to_json(type_of<T>(), &object);
}

/// Standard base64 with padding (RFC 4648 section 4).
[[nodiscard]] std::string base64_encode(std::string_view bytes);
/// Errors: kBadRequest with the offset of the first byte that does not fit. Line breaks are
/// skipped.
[[nodiscard]] Result<std::string> base64_decode(std::string_view text);

}  // namespace insula::api
