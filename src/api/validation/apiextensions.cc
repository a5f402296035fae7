#include "api/validation/apiextensions.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <initializer_list>
#include <set>
#include <tuple>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "api/custom/definition.h"
#include "api/custom/rule_check.h"
#include "api/custom/schema_check.h"
#include "api/custom/schema_node.h"
#include "api/custom/schema_path.h"
#include "api/validation/metadata.h"
#include "api/validation/names.h"
#include "json/write.h"

namespace insula::api {

namespace {

constexpr const char* kApproved = "api-approved.kubernetes.io";
constexpr std::size_t kSelectableFieldsMax = 8;
constexpr std::size_t kVersionsMax = 32;
constexpr std::size_t kColumnsMax = 64;

constexpr std::array<std::string_view, 5> kColumnTypes = {"boolean", "date", "integer", "number",
                                                          "string"};
constexpr std::array<std::string_view, 8> kColumnFormats = {
    "byte", "date", "date-time", "double", "float", "int32", "int64", "password"};

constexpr std::string_view kNoSimplePath = "must be a simple json path starting with .";

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

/// What is wrong with a name that is a DNS label which begins with a letter.
std::string label_complaint(std::string_view value) {
  return fmt::format("{}", fmt::join(check_dns1035_label(value), ","));
}

bool is_protected(std::string_view group) {
  for (const std::string_view domain : {"k8s.io", "kubernetes.io"}) {
    if (group == domain || group.ends_with("." + std::string(domain))) return true;
  }
  return false;
}

/// Why groups of Kubernetes' own domains may not be defined like this; nothing when they may.
std::string approval_complaint(const std::string* approval) {
  if (approval == nullptr || approval->empty()) {
    return fmt::format(
        "protected groups must have approval annotation \"{}\", see "
        "https://github.com/kubernetes/enhancements/pull/1111",
        kApproved);
  }
  if (approval->starts_with("unapproved") || approval->starts_with("https://") ||
      approval->starts_with("http://"))
    return {};
  return fmt::format(
      "protected groups must have approval annotation \"{}\" with either a URL or a reason "
      "starting with \"unapproved\", see https://github.com/kubernetes/enhancements/pull/1111",
      kApproved);
}

void check_approval(const CustomResourceDefinition& object, FieldErrors& errors) {
  if (!is_protected(object.spec.group)) return;
  const auto& annotations = object.metadata.annotations;
  const auto it = annotations.find(kApproved);
  const std::string* approval = it == annotations.end() ? nullptr : &it->second;
  const std::string why = approval_complaint(approval);
  if (why.empty()) return;
  const FieldPath path = FieldPath("metadata.annotations").key(kApproved);
  if (approval == nullptr || approval->empty())
    errors.required(path, why);
  else
    errors.invalid(path, *approval, why);
}

void check_names(const CustomResourceDefinitionNames& names, FieldErrors& errors) {
  const FieldPath path("spec.names");
  const auto check = [&](const FieldPath& at, const std::string& value, std::string_view before) {
    if (value.empty()) return;
    const std::string why = label_complaint(before.empty() ? value : lower(value));
    if (!why.empty()) errors.invalid(at, value, std::string(before) + why);
  };
  constexpr std::string_view kMixed = "may have mixed case, but should otherwise match: ";
  for (const auto& [name, value] : {std::pair("plural", &names.plural),
                                    {"singular", &names.singular},
                                    {"kind", &names.kind},
                                    {"listKind", &names.list_kind}}) {
    if (value->empty()) errors.required(path.child(name));
  }
  check(path.child("plural"), names.plural, "");
  check(path.child("singular"), names.singular, "");
  check(path.child("kind"), names.kind, kMixed);
  check(path.child("listKind"), names.list_kind, kMixed);
  for (std::size_t i = 0; i < names.short_names.size(); ++i)
    check(path.child("shortNames").index(i), names.short_names[i], "");
  if (!names.kind.empty() && names.kind == names.list_kind)
    errors.invalid(path.child("listKind"), names.list_kind,
                   "kind and listKind may not be the same");
  for (std::size_t i = 0; i < names.categories.size(); ++i)
    check(path.child("categories").index(i), names.categories[i], "");
}

void check_column(const CustomResourceColumnDefinition& column,
                  const FieldPath& path,
                  FieldErrors& errors) {
  const std::string types = fmt::format("must be one of {}", fmt::join(kColumnTypes, ","));
  if (column.name.empty()) errors.required(path.child("name"));
  if (column.type.empty()) {
    errors.required(path.child("type"), types);
  } else if (std::ranges::find(kColumnTypes, column.type) == kColumnTypes.end()) {
    errors.invalid(path.child("type"), column.type, types);
  }
  if (!column.format.empty() &&
      std::ranges::find(kColumnFormats, column.format) == kColumnFormats.end()) {
    errors.invalid(path.child("format"), column.format,
                   fmt::format("must be one of {}", fmt::join(kColumnFormats, ",")));
  }
  const FieldPath at = path.child("JSONPath");
  if (column.json_path.empty()) {
    errors.required(at);
  } else if (!column.json_path.starts_with('.')) {
    // More is not asked of it: a column that cannot be read is not shown.
    errors.invalid(at, column.json_path, kNoSimplePath);
  }
}

void check_columns(const std::vector<CustomResourceColumnDefinition>& columns,
                   const FieldPath& path,
                   FieldErrors& errors) {
  if (columns.size() > kColumnsMax) errors.too_many(path, columns.size(), kColumnsMax);
  for (std::size_t i = 0; i < columns.size(); ++i)
    check_column(columns[i], path.index(i), errors);
}

void check_subresources(const CustomResourceSubresources& subresources,
                        const FieldPath& subresources_path,
                        FieldErrors& errors) {
  if (!subresources.scale) return;
  const CustomResourceSubresourceScale& scale = *subresources.scale;
  const FieldPath path = subresources_path.child("scale");
  const auto check = [&](const char* name, const std::string& value,
                         std::initializer_list<std::string_view> roots, std::string_view where) {
    if (!value.starts_with('.')) return errors.invalid(path.child(name), value, kNoSimplePath);
    const auto begins = [&](std::string_view root) { return value.starts_with(root); };
    if (std::ranges::none_of(roots, begins))
      errors.invalid(path.child(name), value, fmt::format("should be a json path under {}", where));
  };
  for (const auto& [name, value, root, where] :
       {std::tuple("specReplicasPath", &scale.spec_replicas_path, ".spec.", ".spec"),
        {"statusReplicasPath", &scale.status_replicas_path, ".status.", ".status"}}) {
    if (value->empty())
      errors.required(path.child(name));
    else
      check(name, *value, {root}, where);
  }
  const std::string selector = scale.label_selector_path.value_or("");
  if (!selector.empty())
    check("labelSelectorPath", selector, {".spec.", ".status."}, "either .spec or .status");
}

void check_selectable(const std::vector<CustomResourceSelectableField>& fields,
                      const SchemaNode& schema,
                      const FieldPath& path,
                      FieldErrors& errors) {
  std::set<std::vector<std::string>> seen;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const std::string& text = fields[i].json_path;
    const FieldPath at = path.index(i).child("jsonPath");
    if (text.empty()) {
      errors.required(at);
      continue;
    }
    const auto place = follow_path(schema, text, PathForm::kDots);
    if (!place) {
      errors.invalid(at, text, "is an invalid path: " + place.error().message());
      continue;
    }
    if (!place->members.empty() && place->members.front() == "metadata")
      errors.invalid(at, text, "must not point to fields in metadata");
    const std::string& type = place->node->type;
    if (type != "string" && type != "boolean" && type != "integer") {
      errors.invalid(at, text,
                     "must point to a field of type string, boolean or integer. Enum string fields "
                     "and strings with formats are allowed.");
    }
    if (!seen.insert(place->members).second) errors.duplicate(at, text);
  }
  if (seen.size() > kSelectableFieldsMax) errors.too_many(path, seen.size(), kSelectableFieldsMax);
}

std::string_view schema_text(const CustomResourceDefinitionVersion& version) {
  return version.schema ? std::string_view(version.schema->open_apiv3_schema.text)
                        : std::string_view();
}

void check_version(const CustomResourceDefinitionVersion& version,
                   const FieldPath& path,
                   FieldErrors& errors) {
  if (const std::string why = label_complaint(version.name); !why.empty())
    errors.invalid(path.child("name"), version.name, why);
  if (version.deprecation_warning && !version.deprecated)
    errors.invalid(path.child("deprecationWarning"), *version.deprecation_warning,
                   "can only be set for deprecated versions");
  if (schema_text(version).empty()) errors.required(path.child("schema").child("openAPIV3Schema"));
}

/// Parts that all versions have in common are named as Kubernetes names them: of the whole
/// definition, where its oldest version has them.
template <class Part, class Check>
void each_part(const CustomResourceDefinition& object,
               Part CustomResourceDefinitionVersion::* part,
               std::string_view name,
               std::string_view common_name,
               const Check& check) {
  const auto& versions = object.spec.versions;
  const bool same = std::ranges::all_of(
      versions, [&](const auto& version) { return version.*part == versions.front().*part; });
  for (std::size_t i = 0; i < (same ? std::min<std::size_t>(versions.size(), 1) : versions.size());
       ++i) {
    check(versions[i], same ? FieldPath("spec").child(common_name)
                            : FieldPath("spec.versions").index(i).child(name));
  }
}

void check_parts(const CustomResourceDefinition& object, FieldErrors& errors) {
  using Version = CustomResourceDefinitionVersion;
  each_part(object, &Version::schema, "schema", "validation",
            [&](const Version& version, const FieldPath& path) {
              if (schema_text(version).empty()) return;
              check_schema(schema_value(schema_text(version)), path.child("openAPIV3Schema"),
                           errors);
            });
  each_part(object, &Version::subresources, "subresources", "subresources",
            [&](const Version& version, const FieldPath& path) {
              if (version.subresources) check_subresources(*version.subresources, path, errors);
            });
  each_part(object, &Version::additional_printer_columns, "additionalPrinterColumns",
            "additionalPrinterColumns", [&](const Version& version, const FieldPath& path) {
              check_columns(version.additional_printer_columns, path, errors);
            });
  each_part(object, &Version::selectable_fields, "selectableFields", "selectableFields",
            [&](const Version& version, const FieldPath& path) {
              check_selectable(version.selectable_fields,
                               SchemaNode::parse(schema_value(schema_text(version))), path, errors);
            });
}

/// The rules of schemas that were not so before; `old` may be null. What was taken once stays
/// right: a definition must not become one that nobody can change or delete.
void check_new_rules(const CustomResourceDefinition& object,
                     const CustomResourceDefinition* old,
                     FieldErrors& errors) {
  using Version = CustomResourceDefinitionVersion;
  each_part(object, &Version::schema, "schema", "validation",
            [&](const Version& version, const FieldPath& path) {
              const bool is_known =
                  old != nullptr &&
                  std::ranges::any_of(old->spec.versions, [&](const auto& before) {
                    return before.schema == version.schema;
                  });
              if (is_known || schema_text(version).empty()) return;
              const json::Value schema = schema_value(schema_text(version));
              const FieldPath at = path.child("openAPIV3Schema");
              // Rules are about a schema that makes sense.
              FieldErrors of_schema;
              check_schema(schema, at, of_schema);
              if (!of_schema.empty()) return;
              const SchemaNode node = SchemaNode::parse(schema);
              check_rules(node, at, errors);
              check_rule_costs(node, at, errors);
            });
}

void check_versions(const CustomResourceDefinition& object, FieldErrors& errors) {
  const auto& versions = object.spec.versions;
  const FieldPath path("spec.versions");
  if (versions.empty()) return errors.required(path);
  if (versions.size() > kVersionsMax) return errors.too_many(path, versions.size(), kVersionsMax);
  std::set<std::string_view> names;
  std::size_t storage = 0;
  for (std::size_t i = 0; i < versions.size(); ++i) {
    names.insert(versions[i].name);
    storage += versions[i].storage ? 1 : 0;
    check_version(versions[i], path.index(i), errors);
  }
  if (names.size() != versions.size()) errors.invalid(path, "must contain unique version names");
  if (storage != 1) errors.invalid(path, "must have exactly one version marked as storage version");
}

void check_conversion(const CustomResourceConversion& conversion, FieldErrors& errors) {
  const FieldPath path("spec.conversion");
  if (conversion.strategy != "None" && conversion.strategy != "Webhook")
    errors.not_supported(path.child("strategy"), conversion.strategy, {"None", "Webhook"});
  const bool webhook = conversion.strategy == "Webhook";
  const bool has_client = conversion.webhook && conversion.webhook->client_config;
  if (webhook && !has_client)
    errors.required(path.child("webhookClientConfig"), "required when strategy is set to Webhook");
  if (!webhook && has_client)
    errors.forbidden(path.child("webhookClientConfig"),
                     "should not be set when strategy is not set to Webhook");
  if (webhook && conversion.webhook && conversion.webhook->conversion_review_versions.empty())
    errors.required(path.child("conversionReviewVersions"));
}

void check_stored_versions(const CustomResourceDefinition& object, FieldErrors& errors) {
  const FieldPath path("status.storedVersions");
  const auto& stored = object.status.stored_versions;
  if (stored.empty()) return errors.invalid(path, "must have at least one stored version");
  const auto& versions = object.spec.versions;
  for (const CustomResourceDefinitionVersion& version : versions) {
    if (version.storage && std::ranges::find(stored, version.name) == stored.end())
      errors.invalid(path, "must have the storage version " + version.name);
  }
  for (std::size_t i = 0; i < stored.size(); ++i) {
    if (std::ranges::find(versions, stored[i], &CustomResourceDefinitionVersion::name) !=
        versions.end())
      continue;
    errors.invalid(path.index(i), stored[i],
                   fmt::format("missing from spec.versions; {0} was previously a storage version, "
                               "and must remain in spec.versions until a storage migration ensures "
                               "no data remains persisted in {0} and removes {0} from "
                               "status.storedVersions",
                               stored[i]));
  }
}

}  // namespace

void validate(const CustomResourceDefinition& object, FieldErrors& errors) {
  const CustomResourceDefinitionSpec& spec = object.spec;
  const std::string name = spec.names.plural + "." + spec.group;
  if (object.metadata.name != name)
    errors.invalid(FieldPath("metadata.name"), object.metadata.name,
                   "must be spec.names.plural+\".\"+spec.group");
  const FieldPath group("spec.group");
  if (spec.group.empty()) {
    errors.required(group);
  } else if (const Complaints wrong = check_dns1123_subdomain(spec.group); !wrong.empty()) {
    errors.invalid(group, spec.group, fmt::format("{}", fmt::join(wrong, ",")));
  } else if (spec.group.find('.') == std::string::npos) {
    errors.invalid(group, spec.group, "should be a domain with at least one dot");
  }
  if (spec.scope.empty()) {
    errors.required(FieldPath("spec.scope"));
  } else if (spec.scope != "Cluster" && spec.scope != "Namespaced") {
    errors.not_supported(FieldPath("spec.scope"), spec.scope, {"Cluster", "Namespaced"});
  }
  if (spec.preserve_unknown_fields)
    errors.invalid(FieldPath("spec.preserveUnknownFields"), true,
                   "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in "
                   "spec.versions[*].schema instead");
  check_versions(object, errors);
  check_parts(object, errors);
  check_names(spec.names, errors);
  if (spec.conversion) check_conversion(*spec.conversion, errors);
}

void validate_create(const CustomResourceDefinition& object, FieldErrors& errors) {
  check_stored_versions(object, errors);
  check_approval(object, errors);
  check_new_rules(object, nullptr, errors);
}

void validate_update(const CustomResourceDefinition& object,
                     const CustomResourceDefinition& old,
                     std::string_view subresource,
                     FieldErrors& errors) {
  // Who writes the status says what is stored.
  if (subresource == "status") return;
  check_stored_versions(object, errors);
  const auto keep = [&](const char* path, const std::string& now, const std::string& before) {
    if (now != before) errors.invalid(FieldPath(path), now, kFieldImmutable);
  };
  if (is_established(old)) {
    keep("spec.scope", object.spec.scope, old.spec.scope);
    keep("spec.names.kind", object.spec.names.kind, old.spec.names.kind);
  }
  check_new_rules(object, &old, errors);
  keep("spec.group", object.spec.group, old.spec.group);
  keep("spec.names.plural", object.spec.names.plural, old.spec.names.plural);
  const auto& annotations = object.metadata.annotations;
  if (annotations.contains(kApproved) != old.metadata.annotations.contains(kApproved))
    check_approval(object, errors);
}

}  // namespace insula::api
