#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "api/field_errors.h"
#include "api/gen/meta_v1.h"
#include "api/strategy.h"

namespace insula::api {

enum class Scope : std::uint8_t { kNamespaced, kCluster };

inline constexpr std::size_t kAnnotationsMax = 256 << 10;  // bytes of all keys and values

/// How finalizers are named: as in `example.com/what`, or, for custom objects, by any qualified
/// name.
enum class FinalizerRule : std::uint8_t { kWithPath, kQualified };

/// What holds for the metadata of objects of a kind.
struct MetadataRules {
  NameRule name = NameRule::kDnsSubdomain;
  Scope scope = Scope::kNamespaced;
  FinalizerRule finalizers = FinalizerRule::kWithPath;
};

/// `metadata` of an object that is to be created. The name must be set; generateName alone is an
/// error.
void validate_metadata(const ObjectMeta& metadata, const MetadataRules& rules, FieldErrors& errors);

/// `metadata` of an object inside of another one, which needs no name.
void validate_embedded_metadata(ObjectMeta metadata, const FieldPath& path, FieldErrors& errors);

/// What may not change between `old` and `metadata`, and the rules on what may.
void validate_metadata_update(const ObjectMeta& metadata,
                              const ObjectMeta& old,
                              FinalizerRule finalizers,
                              FieldErrors& errors);

/// Texts for Warning headers about finalizers of custom objects that `old`, which may be null, has
/// not.
[[nodiscard]] std::vector<std::string> finalizer_warnings(const ObjectMeta& metadata,
                                                          const ObjectMeta* old);

/// Labels and annotations of a template, which has no name.
void validate_template_metadata(const ObjectMeta& metadata,
                                const FieldPath& path,
                                FieldErrors& errors);

void validate_labels(const std::map<std::string, std::string>& labels,
                     const FieldPath& path,
                     FieldErrors& errors);

void validate_label_selector(const LabelSelector& selector,
                             const FieldPath& path,
                             FieldErrors& errors);

/// `example.com/what`: a name that the owner of a domain has given.
void validate_domain_path(const std::string& value, const FieldPath& path, FieldErrors& errors);

/// A kind or a name as a member of a reference, which becomes a segment of a URL.
void validate_reference_word(const std::string& value, const FieldPath& path, FieldErrors& errors);

/// `status.conditions` of meta/v1.
void validate_conditions(const std::vector<Condition>& conditions,
                         const FieldPath& path,
                         FieldErrors& errors);

[[nodiscard]] bool is_empty(const LabelSelector& selector);

/// Whether `labels` meet every condition of `selector`. An empty selector is met by all labels.
[[nodiscard]] bool matches(const LabelSelector& selector,
                           const std::map<std::string, std::string>& labels);

inline constexpr std::string_view kFieldImmutable = "field is immutable";

}  // namespace insula::api
