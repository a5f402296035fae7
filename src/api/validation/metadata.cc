#include "api/validation/metadata.h"

#include <algorithm>
#include <cctype>
#include <set>

#include <fmt/format.h>

#include "api/validation/names.h"
#include "api/validation/shown.h"

namespace insula::api {

namespace {

constexpr std::string_view kOrphanFinalizer = "orphan";
constexpr std::string_view kForegroundFinalizer = "foregroundDeletion";

Complaints check_name(NameRule rule, std::string_view name) {
  switch (rule) {
    case NameRule::kDnsSubdomain:
      return check_dns1123_subdomain(name);
    case NameRule::kDnsLabel:
      return check_dns1123_label(name);
    case NameRule::kPathSegment:
      return check_path_segment(name);
  }
  return {};
}

/// A prefix may end in '-', since the server appends to it.
Complaints check_prefix(NameRule rule, std::string_view prefix) {
  if (rule == NameRule::kPathSegment || prefix.size() < 2 || !prefix.ends_with('-')) {
    return check_name(rule, prefix);
  }
  return check_name(rule, std::string(prefix.substr(0, prefix.size() - 2)) + 'a');
}

void validate_annotations(const std::map<std::string, std::string>& annotations,
                          const FieldPath& path,
                          FieldErrors& errors) {
  std::size_t bytes = 0;
  for (const auto& [key, value] : annotations) {
    std::string lower = key;
    std::ranges::transform(lower, lower.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    errors.invalid_each(path, key, check_qualified_name(lower));
    bytes += key.size() + value.size();
  }
  if (bytes > kAnnotationsMax) errors.too_long(path, kAnnotationsMax);
}

void validate_owner(const OwnerReference& owner, const FieldPath& path, FieldErrors& errors) {
  constexpr std::string_view kEmpty = "must not be empty";
  if (owner.api_version.empty() || owner.api_version.ends_with('/') ||
      std::ranges::count(owner.api_version, '/') > 1)
    errors.invalid(path.child("apiVersion"), owner.api_version, "version must not be empty");
  if (owner.kind.empty()) errors.invalid(path.child("kind"), owner.kind, kEmpty);
  if (owner.name.empty()) errors.invalid(path.child("name"), owner.name, kEmpty);
  if (owner.uid.empty()) errors.invalid(path.child("uid"), owner.uid, kEmpty);
  if (owner.api_version == "v1" && owner.kind == "Event") {
    errors.invalid(path, shown(owner), "/v1, Kind=Event is disallowed from being an owner");
  }
}

void validate_owners(const std::vector<OwnerReference>& owners,
                     const FieldPath& path,
                     FieldErrors& errors) {
  std::string controller;
  bool clash = false;
  for (std::size_t i = 0; i < owners.size(); ++i) {
    validate_owner(owners[i], path, errors);
    if (!owners[i].controller.value_or(false)) continue;
    const std::string name = owners[i].kind + "/" + owners[i].name;
    if (controller.empty()) {
      controller = name;
      continue;
    }
    // Each clash would show the whole list again.
    if (std::exchange(clash, true)) continue;
    std::string list;
    for (const OwnerReference& owner : owners) {
      list += list.empty() ? "[" : ",";
      list += shown(owner).text();
    }
    errors.invalid(
        path, ShownValue::json(list + "]"),
        fmt::format("Only one reference can have Controller set to true. Found \"true\" in "
                    "references for {} and {}",
                    controller, name));
  }
}

bool is_standard_finalizer(std::string_view name) {
  return name == kOrphanFinalizer || name == kForegroundFinalizer || name == "kubernetes";
}

/// `known` were there before: the server itself puts in some that nobody else could.
void validate_finalizers(const std::vector<std::string>& finalizers,
                         const std::vector<std::string>& known,
                         FinalizerRule rule,
                         const FieldPath& path,
                         FieldErrors& errors) {
  for (std::size_t i = 0; i < finalizers.size(); ++i) {
    const std::string& finalizer = finalizers[i];
    if (std::ranges::find(known, finalizer) != known.end()) continue;
    errors.invalid_each(path, finalizer, check_qualified_name(finalizer));
    if (rule == FinalizerRule::kWithPath && !finalizer.contains('/') &&
        !is_standard_finalizer(finalizer)) {
      errors.invalid(path.index(i), finalizer,
                     "name is neither a standard finalizer name nor is it fully qualified");
    }
  }
  if (std::ranges::find(finalizers, kOrphanFinalizer) != finalizers.end() &&
      std::ranges::find(finalizers, kForegroundFinalizer) != finalizers.end()) {
    errors.invalid(path, shown_list(finalizers),
                   fmt::format("finalizer {} and {} cannot be both set", kOrphanFinalizer,
                               kForegroundFinalizer));
  }
}

void validate_managed_fields(const std::vector<ManagedFieldsEntry>& entries,
                             const FieldPath& path,
                             FieldErrors& errors) {
  constexpr std::size_t kManagerMax = 128;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const FieldPath at = path.index(i);
    const ManagedFieldsEntry& entry = entries[i];
    if (entry.operation.empty()) {
      errors.required(at.child("operation"), "must not be empty");
    } else if (entry.operation != "Apply" && entry.operation != "Update") {
      errors.not_supported(at.child("operation"), entry.operation, {"Apply", "Update"});
    }
    if (!entry.fields_type.empty() && entry.fields_type != "FieldsV1") {
      errors.invalid(at.child("fieldsType"), entry.fields_type, "must be `FieldsV1`");
    }
    if (entry.manager.size() > kManagerMax) errors.too_long(at.child("manager"), kManagerMax);
  }
}

/// The parts of metadata that have the same rules at creation and at every update.
void validate_common(const ObjectMeta& metadata, const FieldPath& path, FieldErrors& errors) {
  if (metadata.generation < 0) {
    errors.invalid(path.child("generation"), metadata.generation,
                   "must be greater than or equal to 0");
  }
  validate_labels(metadata.labels, path.child("labels"), errors);
  validate_annotations(metadata.annotations, path.child("annotations"), errors);
  validate_owners(metadata.owner_references, path.child("ownerReferences"), errors);
  validate_managed_fields(metadata.managed_fields, path.child("managedFields"), errors);
}

ShownValue shown_time(const Time& time) {
  return time.is_zero() ? ShownValue::json("null") : ShownValue(time.text());
}

void validate_created(const ObjectMeta& metadata,
                      const MetadataRules& rules,
                      const FieldPath& path,
                      FieldErrors& errors) {
  if (!metadata.generate_name.empty()) {
    errors.invalid_each(path.child("generateName"), metadata.generate_name,
                        check_prefix(rules.name, metadata.generate_name));
  }
  if (metadata.name.empty()) {
    errors.required(path.child("name"), "name or generateName is required");
  } else {
    errors.invalid_each(path.child("name"), metadata.name, check_name(rules.name, metadata.name));
  }
  if (rules.scope == Scope::kCluster) {
    if (!metadata.namespace_.empty())
      errors.forbidden(path.child("namespace"), "not allowed on this type");
  } else if (metadata.namespace_.empty()) {
    errors.required(path.child("namespace"));
  } else {
    errors.invalid_each(path.child("namespace"), metadata.namespace_,
                        check_dns1123_label(metadata.namespace_));
  }
  validate_common(metadata, path, errors);
  validate_finalizers(metadata.finalizers, {}, rules.finalizers, path.child("finalizers"), errors);
}

}  // namespace

void validate_metadata(const ObjectMeta& metadata,
                       const MetadataRules& rules,
                       FieldErrors& errors) {
  validate_created(metadata, rules, FieldPath("metadata"), errors);
}

std::vector<std::string> finalizer_warnings(const ObjectMeta& metadata, const ObjectMeta* old) {
  std::set<std::string> added(metadata.finalizers.begin(), metadata.finalizers.end());
  for (const std::string& known : old == nullptr ? std::vector<std::string>() : old->finalizers)
    added.erase(known);
  std::vector<std::string> texts;
  for (const std::string& name : added) {
    if (name.contains('/') || is_standard_finalizer(name)) continue;
    texts.push_back(
        fmt::format("metadata.finalizers: \"{}\": prefer a domain-qualified finalizer "
                    "name {}to avoid accidental conflicts with other finalizer writers",
                    name, name.contains('.') ? "including a path (/) " : ""));
  }
  return texts;
}

void validate_embedded_metadata(ObjectMeta metadata, const FieldPath& path, FieldErrors& errors) {
  if (metadata.name.empty()) metadata.name = "unnamed";
  const Scope scope = metadata.namespace_.empty() ? Scope::kCluster : Scope::kNamespaced;
  validate_created(metadata, {.name = NameRule::kPathSegment, .scope = scope}, path, errors);
}

void validate_metadata_update(const ObjectMeta& metadata,
                              const ObjectMeta& old,
                              FinalizerRule finalizers,
                              FieldErrors& errors) {
  const FieldPath path("metadata");
  if (old.deletion_timestamp) {
    const std::set<std::string> before(old.finalizers.begin(), old.finalizers.end());
    std::set<std::string> added;
    for (const std::string& finalizer : metadata.finalizers) {
      if (!before.contains(finalizer)) added.insert(finalizer);
    }
    if (!added.empty()) {
      errors.forbidden(
          path.child("finalizers"),
          fmt::format("no new finalizers can be added if the object is being deleted, found new "
                      "finalizers []string{{\"{}\"}}",
                      fmt::join(added, "\", \"")));
    }
  }
  if (metadata.generation < old.generation) {
    errors.invalid(path.child("generation"), metadata.generation, "must not be decremented");
  }
  const auto immutable = [&](std::string_view field, const std::string& now,
                             const std::string& before) {
    if (now != before) errors.invalid(path.child(field), now, kFieldImmutable);
  };
  immutable("name", metadata.name, old.name);
  immutable("namespace", metadata.namespace_, old.namespace_);
  immutable("uid", metadata.uid, old.uid);
  if (metadata.creation_timestamp != old.creation_timestamp) {
    errors.invalid(path.child("creationTimestamp"), shown_time(metadata.creation_timestamp),
                   kFieldImmutable);
  }
  if (metadata.deletion_timestamp != old.deletion_timestamp) {
    errors.invalid(path.child("deletionTimestamp"),
                   shown_time(metadata.deletion_timestamp.value_or(Time{})), kFieldImmutable);
  }
  if (metadata.deletion_grace_period_seconds != old.deletion_grace_period_seconds) {
    errors.invalid(path.child("deletionGracePeriodSeconds"),
                   metadata.deletion_grace_period_seconds
                       ? ShownValue(*metadata.deletion_grace_period_seconds)
                       : ShownValue::json("null"),
                   kFieldImmutable);
  }
  validate_common(metadata, path, errors);
  validate_finalizers(metadata.finalizers, old.finalizers, finalizers, path.child("finalizers"),
                      errors);
}

void validate_template_metadata(const ObjectMeta& metadata,
                                const FieldPath& path,
                                FieldErrors& errors) {
  validate_labels(metadata.labels, path.child("labels"), errors);
  validate_annotations(metadata.annotations, path.child("annotations"), errors);
}

void validate_labels(const std::map<std::string, std::string>& labels,
                     const FieldPath& path,
                     FieldErrors& errors) {
  for (const auto& [key, value] : labels) {
    errors.invalid_each(path, key, check_qualified_name(key));
    errors.invalid_each(path, value, check_label_value(value));
  }
}

void validate_label_selector(const LabelSelector& selector,
                             const FieldPath& path,
                             FieldErrors& errors) {
  validate_labels(selector.match_labels, path.child("matchLabels"), errors);
  for (std::size_t i = 0; i < selector.match_expressions.size(); ++i) {
    const LabelSelectorRequirement& rule = selector.match_expressions[i];
    const FieldPath at = path.child("matchExpressions").index(i);
    if (rule.operator_ == "In" || rule.operator_ == "NotIn") {
      if (rule.values.empty()) {
        errors.required(at.child("values"), "must be specified when `operator` is 'In' or 'NotIn'");
      }
    } else if (rule.operator_ == "Exists" || rule.operator_ == "DoesNotExist") {
      if (!rule.values.empty()) {
        errors.forbidden(at.child("values"),
                         "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
      }
    } else {
      errors.invalid(at.child("operator"), rule.operator_, "not a valid selector operator");
    }
    errors.invalid_each(at.child("key"), rule.key, check_qualified_name(rule.key));
    for (std::size_t j = 0; j < rule.values.size(); ++j) {
      errors.invalid_each(at.child("values").index(j), rule.values[j],
                          check_label_value(rule.values[j]));
    }
  }
}

void validate_domain_path(const std::string& value, const FieldPath& path, FieldErrors& errors) {
  constexpr std::string_view kPathRegex = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+";
  constexpr std::string_view kPathSigns = "/-._~%!$&'()*+,;=:";
  const std::size_t slash = value.find('/');
  if (value.empty()) {
    errors.required(path);
    return;
  }
  if (slash == std::string::npos || slash == 0 || slash + 1 == value.size()) {
    errors.invalid(path, value, "must be a domain-prefixed path (such as \"acme.io/foo\")");
    return;
  }
  const std::string host = value.substr(0, slash), rest = value.substr(slash + 1);
  errors.invalid_each(path, host, check_dns1123_subdomain(host));
  if (!std::ranges::all_of(rest, [&](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || kPathSigns.contains(c);
      })) {
    errors.invalid(path, rest,
                   fmt::format("Invalid path (regex used for validation is '{}')", kPathRegex));
  }
}

void validate_reference_word(const std::string& value, const FieldPath& path, FieldErrors& errors) {
  if (value.empty()) {
    errors.required(path);
  } else {
    errors.invalid_each(path, value, check_path_segment(value));
  }
}

void validate_conditions(const std::vector<Condition>& conditions,
                         const FieldPath& path,
                         FieldErrors& errors) {
  std::set<std::string_view> types;
  for (std::size_t i = 0; i < conditions.size(); ++i) {
    const Condition& condition = conditions[i];
    const FieldPath at = path.index(i);
    if (!types.insert(condition.type).second) errors.duplicate(at, condition.type);
    if (condition.type.empty()) {
      errors.required(at.child("type"), "is required");
    } else {
      errors.invalid_each(at.child("type"), condition.type, check_qualified_name(condition.type));
    }
    if (condition.status.empty()) {
      errors.required(at.child("status"));
    } else if (condition.status != "True" && condition.status != "False" &&
               condition.status != "Unknown") {
      errors.not_supported(at.child("status"), condition.status, {"False", "True", "Unknown"});
    }
    if (condition.last_transition_time.is_zero()) errors.required(at.child("lastTransitionTime"));
    if (condition.reason.empty()) errors.required(at.child("reason"));
  }
}

bool is_empty(const LabelSelector& selector) {
  return selector.match_labels.empty() && selector.match_expressions.empty();
}

bool matches(const LabelSelector& selector, const std::map<std::string, std::string>& labels) {
  for (const auto& [key, value] : selector.match_labels) {
    const auto found = labels.find(key);
    if (found == labels.end() || found->second != value) return false;
  }
  return std::ranges::all_of(selector.match_expressions, [&](const LabelSelectorRequirement& rule) {
    const auto found = labels.find(rule.key);
    const bool present = found != labels.end();
    if (rule.operator_ == "Exists") return present;
    if (rule.operator_ == "DoesNotExist") return !present;
    const bool among =
        present && std::ranges::find(rule.values, found->second) != rule.values.end();
    return rule.operator_ == "In" ? among : !among;
  });
}

}  // namespace insula::api
