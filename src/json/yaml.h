#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "json/value.h"

namespace insula::json {

/// Limits of one YAML text.
inline constexpr std::size_t kYamlTextMax = 16U << 20U;  // bytes
inline constexpr std::size_t kYamlDocumentsMax = 10'000;
/// Values in all documents together, each use of an alias counted in full.
inline constexpr std::size_t kYamlValuesMax = 1'000'000;
/// Memory for the values that anchors keep and aliases repeat, bytes: a short text of aliases to
/// one long scalar would otherwise fill the machine.
inline constexpr std::size_t kYamlAliasedMax = 32U << 20U;
/// Deepest nesting.
inline constexpr std::size_t kYamlDepthMax = kDepthMax;

enum class YamlScalars : std::uint8_t {
  kResolved,
  kText,  // all of them strings, as they are written
};

/// Reads the documents of a YAML text, JSON included, as Kubernetes turns YAML into JSON; empty
/// documents are left out.
///
/// Plain scalars become null, booleans (true, false only: `no` and `on` stay strings), integers
/// (0x, 0o, 0b, and a leading 0 means octal: `defaultMode: 0644` is 420) or floats, else strings.
/// Anchors, aliases and `<<` work. A key given twice, a tag other than the standard ones, .inf and
/// .nan are refused.
///
/// Errors: kBadRequest with line and column (both from 1), kTooLarge beyond the limits above.
[[nodiscard]] Result<std::vector<Value>> parse_yaml(std::string_view text,
                                                    YamlScalars scalars = YamlScalars::kResolved);

/// The only document of a YAML text. Errors: as parse_yaml, and kBadRequest when there is none or
/// more than one.
[[nodiscard]] Result<Value> parse_yaml_document(std::string_view text,
                                                YamlScalars scalars = YamlScalars::kResolved);

/// YAML in block style, for people: strings are quoted only where they would read as something
/// else, texts of several lines are written as blocks. parse_yaml_document() reads it back alike.
[[nodiscard]] std::string write_yaml(const Value& value);

}  // namespace insula::json
